// Answers that none of the samples has.
import assert from "node:assert/strict";
import { parseFamily, parseFamilyName, parseFou } from "../../../ffi/fou_messages.ts";
import { parseLink } from "../../../ffi/link_answers.ts";
import { NetlinkEncoder } from "../../../ffi/netlink_encoding.ts";
import { type Message, messagesIn } from "../../../ffi/netlink_messages.ts";
import { parseElements, parseSet } from "../../../ffi/nft_answers.ts";
import { parseRule } from "../../../ffi/nft_rules.ts";
import { RTM } from "../../../ffi/rtnetlink.ts";
import { parseTableNews, tableName } from "../../../ffi/table_news.ts";
import { isRuleForMark, parseFoundRoute, parseRoute } from "../../../ffi/route_answers.ts";
import { parseRouteNews } from "../../../ffi/route_news.ts";

const NFGENMSG = [2, 0, 0, 0];
const PORT_TYPE = 13;
const NAME_TYPE = 41;

/** A message. @param write writes its attributes */
function message(type: number, header: readonly number[], write: (encoder: NetlinkEncoder) => void): Message {
  const encoder = new NetlinkEncoder();
  encoder.message({ type, flags: 0, sequence: 0 }, header, () => write(encoder));
  return messagesIn(encoder.bytes)[0]!;
}

function link(write: (encoder: NetlinkEncoder) => void) {
  return parseLink(message(RTM.newLink, new Array(16).fill(0), (encoder) => {
    encoder.attribute(3, () => encoder.string("a"));
    write(encoder);
  }));
}

Deno.test("parseLink() names no device by a number of another network namespace", () => {
  const below = (encoder: NetlinkEncoder) => encoder.attribute(5, () => encoder.hostWord(7));
  assert.equal(link(below)!.link, 7);
  const away = link((encoder) => {
    below(encoder);
    encoder.attribute(37, () => encoder.hostWord(0));
  });
  assert.deepEqual([away!.link, away!.device.link_netnsid], [undefined, 0]);
});

Deno.test("parseLink() reads the ends of tunnels of each kind, as ip names them", () => {
  const endsOf = (kind: string, local: number, remote: number) => {
    const read = link((encoder) =>
      encoder.nested(18, () => {
        encoder.attribute(1, () => encoder.string(kind));
        encoder.nested(2, () => {
          encoder.attribute(local, () => encoder.address("192.0.2.1"));
          encoder.attribute(remote, () => encoder.address("0.0.0.0"));
        });
      })
    );
    const data = read!.device.linkinfo!.info_data;
    return data && [data.local, data.remote];
  };
  for (const kind of ["ipip", "sit"]) assert.deepEqual(endsOf(kind, 2, 3), ["192.0.2.1", "any"], kind);
  for (const kind of ["gre", "gretap"]) assert.deepEqual(endsOf(kind, 6, 7), ["192.0.2.1", "any"], kind);
  assert.equal(endsOf("vxlan", 2, 3), undefined);
});

Deno.test("parseRoute() and parseFoundRoute() take no prefix longer than an address", () => {
  const route = (length: number) =>
    message(RTM.newRoute, [2, length, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0], (encoder) => {
      encoder.attribute(1, () => encoder.address("10.0.0.1"));
    });
  assert.equal(parseRoute(route(32))!.route.dst, "10.0.0.1");
  assert.equal(parseFoundRoute(route(32))!.network, "10.0.0.1");
  assert.deepEqual([parseRoute(route(33)), parseFoundRoute(route(33))], [null, null]);
});

Deno.test("parseFoundRoute() finds what leads to all hosts of a network, and what leads here, but not what leads nowhere", () => {
  const found = (type: number) =>
    parseFoundRoute(message(RTM.newRoute, [2, 32, 0, 0, 255, 2, 0, type, 0, 0, 0, 0], (encoder) => {
      encoder.attribute(1, () => encoder.address("172.29.1.0"));
    }));
  const [unicast, local, broadcast, blackhole] = [1, 2, 3, 6];
  const route = { isLocal: false, network: "172.29.1.0", device: null };
  assert.deepEqual([unicast, local, broadcast, blackhole].map((type) => found(type!)), [
    route,
    { ...route, isLocal: true },
    route,
    null,
  ]);
});

Deno.test("parseRouteNews() names the default route, which has no address", () => {
  const encoder = new NetlinkEncoder();
  const head = { type: RTM.newRoute, flags: 0, sequence: 0 };
  const { bytes } = encoder.message(head, [2, 0, 0, 0, 254, 3, 0, 1, 0, 0, 0, 0]);
  assert.deepEqual(parseRouteNews(bytes), [
    { kind: "route", network: "0.0.0.0/0", protocol: 3, isGone: false },
  ]);
});

Deno.test("parseTableNews() knows each kind of removal from what is made or changed", () => {
  const onlyRemoves = (kind: number) => {
    const encoder = new NetlinkEncoder();
    encoder.message({ type: 10 << 8 | kind, flags: 0, sequence: 0 }, NFGENMSG, () => {
      encoder.attribute(1, () => encoder.string("vpn"));
    });
    const { touched } = parseTableNews(encoder.bytes, tableName("vpn"), null);
    return touched!.onlyRemoves;
  };
  // Tables, chains, rules, sets, elements, objects and flowtables.
  assert.deepEqual([2, 5, 8, 11, 14, 20, 24].map(onlyRemoves), new Array(7).fill(true));
  assert.deepEqual([0, 3, 6, 9, 12, 18, 22].map(onlyRemoves), new Array(7).fill(false));
});

Deno.test("isRuleForMark() looks at a rule's mask, and takes no rule that is for all but a mark", () => {
  const has = (mark: number, wanted: number, mask: number | null = null, flags = 0) => {
    const rule = message(RTM.newRule, [2, 0, 0, 0, 0, 0, 0, 1, flags, 0, 0, 0], (encoder) => {
      encoder.attribute(10, () => encoder.hostWord(wanted));
      if (mask !== null) encoder.attribute(16, () => encoder.hostWord(mask));
    });
    return isRuleForMark(rule.body, mark);
  };
  assert.deepEqual([has(0x70, 0x70), has(0x71, 0x70)], [true, false]);
  assert.deepEqual([has(0x8000_0070, 0x8000_0000, 0xf000_0000), has(0x70, 0x70, 0xf)], [true, false]);
  assert.equal(has(0x70, 0x70, null, 2), false, "all but this mark");
  assert.equal(has(0x70, 0, 0xf), false, "no mark");
});

Deno.test("parseFou() takes nothing without a port for a FOU port", () => {
  const fou = (write: (encoder: NetlinkEncoder) => void) =>
    parseFou(message(24, [1, 1, 0, 0], (encoder) => {
      encoder.attribute(2, () => encoder.byte(2));
      write(encoder);
    }));
  assert.equal(fou((encoder) => encoder.attribute(1, () => encoder.networkShort(7)))!.fou.port, 7);
  assert.equal(fou((encoder) => encoder.attribute(1, () => encoder.networkShort(0))), null);
  assert.equal(fou(() => {}), null);
});

Deno.test("parseFamily() and parseFamilyName() read what the controller of families says, and nothing else", () => {
  const read = (type: number) => {
    const family = message(type, [1, 1, 0, 0], (encoder) => {
      encoder.attribute(1, () => encoder.hostShort(24));
      encoder.attribute(2, () => encoder.string("fou"));
    });
    return [parseFamily(family), parseFamilyName(family)];
  };
  assert.deepEqual(read(16), [24, "fou"]);
  assert.deepEqual(read(2), [null, null], "an error");
});

Deno.test("parseSet() takes a set for a rule's own only if it has no name of its own", () => {
  const set = (flags: number) =>
    parseSet(message(0xa09, NFGENMSG, (encoder) => {
      encoder.attribute(2, () => encoder.string("s"));
      encoder.attribute(3, () => encoder.networkWord(flags));
      encoder.attribute(4, () => encoder.networkWord(NAME_TYPE << 6 | PORT_TYPE));
    }));
  assert.deepEqual(set(1), {
    ...{ name: "s", isAnonymous: true, type: null, keyTypes: [NAME_TYPE, PORT_TYPE], dataType: undefined },
  });
  assert.equal(set(2)!.isAnonymous, false, "flags constant");
});

Deno.test("parseSet() tells how a set is declared, unless it is of a kind that no gate has", () => {
  const typeOf = (flags: number, write: (encoder: NetlinkEncoder) => void = () => {}) =>
    parseSet(message(0xa09, NFGENMSG, (encoder) => {
      encoder.attribute(2, () => encoder.string("s"));
      encoder.attribute(3, () => encoder.networkWord(flags));
      encoder.attribute(4, () => encoder.networkWord(NAME_TYPE << 6 | PORT_TYPE));
      write(encoder);
    }))!.type;
  const declared = "type ifname . inet_service;";
  assert.equal(typeOf(0), declared);
  assert.equal(typeOf(0x88), declared, "a map without data, of keys with several parts");
  assert.equal(typeOf(0x04), `${declared} flags interval;`);
  assert.equal(typeOf(0x10), `${declared} flags timeout;`);
  for (const flags of [0x01, 0x02, 0x20, 0x14, 0x40]) assert.equal(typeOf(flags), null, `${flags}`);
  const dataOf = (type: number) => typeOf(0x08, (it) => it.attribute(6, () => it.networkWord(type)));
  assert.equal(dataOf(7), "type ifname . inet_service : ipv4_addr;");
  assert.equal(dataOf(0xffffff00), "type ifname . inet_service : verdict;");
  assert.equal(dataOf(5), null);
  const size = typeOf(0, (it) => it.nested(9, () => it.attribute(1, () => it.networkWord(9))));
  const timeout = typeOf(0x10, (it) => it.attribute(11, () => it.networkLong(1000)));
  assert.deepEqual([size, timeout], [null, null]);
  // What each element has of its own may keep it from matching.
  for (const type of [17, 18]) {
    assert.equal(typeOf(0, (it) => it.nested(type, () => it.attribute(1, () => it.string("limit")))), null);
  }
});

Deno.test("parseElements() reads no ends of intervals, and no names that have no place in a command", () => {
  const read = (type: number, flags: number | null, key: Write, more: Write = () => {}) => {
    const set = { name: "s", isAnonymous: false, type: null, keyTypes: [type], dataType: undefined };
    const elements = parseElements(
      message(0xa0c, NFGENMSG, (encoder) => {
        encoder.nested(3, () =>
          encoder.nested(1, () => {
            encoder.nested(1, () => encoder.attribute(1, () => key(encoder)));
            if (flags !== null) encoder.attribute(3, () => encoder.networkWord(flags));
            more(encoder);
          }));
      }),
      set,
    );
    return elements.map((element) => element && element.key);
  };
  const port = (encoder: NetlinkEncoder) => encoder.networkShort(80);
  assert.deepEqual(read(PORT_TYPE, null, port), [["80"]]);
  assert.deepEqual(read(PORT_TYPE, 0, port), [["80"]]);
  assert.deepEqual(read(PORT_TYPE, 1, port), [null], "the end of an interval");
  for (const type of [7, 11]) {
    const limit: Write = (encoder) => encoder.nested(type, () => encoder.attribute(1, () => port(encoder)));
    assert.deepEqual(read(PORT_TYPE, null, port, limit), [null], "one with a limit may not match");
  }
  const named = (name: string) => (encoder: NetlinkEncoder) => {
    encoder.text(name);
    encoder.fill(encoder.length + 16 - name.length);
  };
  assert.deepEqual(read(NAME_TYPE, null, named("wg-0.1*")), [["wg-0.1*"]]);
  for (const name of ['a"b', "a b", "a;b", "a}", ""]) {
    assert.deepEqual(read(NAME_TYPE, null, named(name)), [null]);
  }
});

type Write = (encoder: NetlinkEncoder) => void;

function expression(name: string, write: Write): Write {
  return (encoder) =>
    encoder.nested(1, () => {
      encoder.attribute(1, () => encoder.string(name));
      encoder.nested(2, () => write(encoder));
    });
}

function words(encoder: NetlinkEncoder, fields: Readonly<Record<number, number>>): void {
  for (const [type, value] of Object.entries(fields)) {
    encoder.attribute(Number(type), () => encoder.networkWord(value));
  }
}

/** Loads the protocol's number. */
const PROTOCOL = expression("meta", (encoder) => words(encoder, { 1: 1, 2: 16 }));
/** Loads two bytes at offset 2 of a header: of the transport header, the destination port. */
const port = (base = 2) => expression("payload", (encoder) => words(encoder, { 1: 1, 2: base, 3: 2, 4: 2 }));
const compare = (value: Write, { register = 1, operator = 0 } = {}) =>
  expression("cmp", (encoder) => {
    words(encoder, { 1: register, 2: operator });
    encoder.nested(3, () => encoder.attribute(1, () => value(encoder)));
  });
const UDP = [PROTOCOL, compare((encoder) => encoder.byte(17))];
const is80 = (how = {}) => compare((encoder) => encoder.networkShort(80), how);
const lookup = (flags: number, register = 1) =>
  expression("lookup", (encoder) => {
    encoder.attribute(1, () => encoder.string("ports"));
    words(encoder, { 2: register, 5: flags });
  });
const queue = (total: number) =>
  expression("queue", (encoder) => {
    encoder.attribute(1, () => encoder.networkShort(7));
    encoder.attribute(2, () => encoder.networkShort(total));
  });

/** What is read of a rule, in words. */
function ruleOf(expressions: readonly Write[], userdata: readonly number[] = []): string[] {
  const { rule, bySet } = parseRule(message(0xa06, NFGENMSG, (encoder) => {
    encoder.attribute(2, () => encoder.string("c"));
    encoder.nested(4, () => expressions.forEach((write) => write(encoder)));
    encoder.attribute(7, () => encoder.raw(userdata));
  }))!;
  return [
    rule.comment,
    ...rule.expressions.map(({ name, value }) => `${name} ${value}`),
    ...bySet.map(({ name, set }) => `${name} @${set}`),
  ];
}

Deno.test("parseRule() reads a match only where it is what it seems to be", () => {
  assert.deepEqual(ruleOf([...UDP, port(), is80()]), ["", "udp dport 80"]);
  assert.deepEqual(ruleOf([...UDP, port(), is80({ operator: 1 })]), [""], "not 80");
  assert.deepEqual(ruleOf([...UDP, port(), is80({ register: 2 })]), [""], "something else that was loaded");
  assert.deepEqual(ruleOf([...UDP, port(1), is80()]), [""], "two bytes of the IPv4 header");
  assert.deepEqual(ruleOf([...UDP, port(), lookup(0)]), ["", "udp dport @ports"]);
  assert.deepEqual(ruleOf([...UDP, port(), lookup(1)]), [""], "none of the ports");
  assert.deepEqual(ruleOf([...UDP, port(), lookup(0, 2)]), [""], "a part of the key");
});

Deno.test("parseRule() reads the queue of a rule only if it is one, and the comment wherever it stands", () => {
  assert.deepEqual(ruleOf([queue(1)]), ["", "queue 7"]);
  assert.deepEqual(ruleOf([queue(2)]), [""], "queues 7 and 8");
  const comment = [0, 3, ...new TextEncoder().encode("hi"), 0];
  assert.deepEqual(ruleOf([], comment), ["hi"]);
  assert.deepEqual(ruleOf([], [1, 2, 65, 0, ...comment]), ["hi"], "behind other user data");
  assert.deepEqual(ruleOf([], [1, 2, 65, 0]), [""]);
});
