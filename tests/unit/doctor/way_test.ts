import assert from "node:assert/strict";
import { parseIcmp } from "../../../lib/doctor/icmp.ts";
import { judgeMtu, searchLongest } from "../../../lib/doctor/mtu.ts";
import type { PingAnswer } from "../../../lib/doctor/pinger.ts";
import { judgeReach, type Reach } from "../../../lib/doctor/reach.ts";
import { buildPing, buildUdpPacket } from "../../../lib/packet.ts";

const ID = Uint8Array.of(1, 2, 3, 4);
const PING = buildPing("10.0.0.2", "192.0.2.1", ID, 64, 100);
const DATAGRAM = buildUdpPacket({
  source: { ip: "10.0.0.2", port: 10_001 },
  destination: { ip: "192.0.2.1", port: 10_002 },
  payload: new Uint8Array(73),
}, 64);

/** An ICMP error about a packet, as a router makes it. */
function errorAbout(packet: Uint8Array, type: number, code: number, mtu = 0): Uint8Array {
  const header = buildPing("203.0.113.7", "10.0.0.2", Uint8Array.of(0, 0, mtu >> 8, mtu & 0xff), 64);
  header.set([type, code], 20);
  return Uint8Array.from([...header, ...packet.subarray(0, 28)]);
}

Deno.test("parseIcmp() reads echo replies, and which packet an error is about", () => {
  const reply = PING.slice();
  reply[20] = 0;
  assert.deepEqual(parseIcmp(reply), { kind: "reply", from: "10.0.0.2", id: "01020304" });
  const error = { kind: "error", from: "203.0.113.7", destination: "192.0.2.1" };
  assert.deepEqual(parseIcmp(errorAbout(PING, 3, 4, 1_400)), {
    ...error,
    ...{ why: "the packet is too long for the way", mtu: 1_400, id: "01020304", ports: null },
  });
  assert.deepEqual(parseIcmp(errorAbout(DATAGRAM, 3, 3)), {
    ...error,
    ...{ why: "nothing has that UDP port there", mtu: null, id: null },
    ports: { source: 10_001, destination: 10_002 },
  });
  const whyOf = (type: number, code: number) => {
    const message = parseIcmp(errorAbout(DATAGRAM, type, code));
    return message?.kind === "error" ? message.why : null;
  };
  assert.equal(whyOf(3, 2), "nothing has that UDP port there");
  assert.equal(whyOf(3, 13), "a firewall forbids it");
  assert.equal(whyOf(3, 1), "there is no way to that host");
  assert.equal(whyOf(11, 0), "the packet went in a circle");
  assert.equal(whyOf(11, 1), null);
  assert.equal(whyOf(5, 0), null);
  assert.equal(parseIcmp(PING), null);
  assert.equal(parseIcmp(DATAGRAM), null);
  // Its header says that it ends before its addresses do.
  assert.equal(parseIcmp(reply.with(0, 0x44).with(16, 0)), null);
  assert.equal(parseIcmp(errorAbout(PING, 3, 4).subarray(0, 40)), null);
});

/** A way that takes packets up to a length. @param told what longer ones are answered with; null: nothing */
function wayOf(longest: number, told: number | null, sent: number[] = []) {
  return (length: number): Promise<PingAnswer> => {
    sent.push(length);
    if (length <= longest) return Promise.resolve({ kind: "answered", after: 1 });
    return Promise.resolve(told === null ? { kind: "lost" } : { kind: "too long", mtu: told });
  };
}

Deno.test("searchLongest() finds the longest packets in a few steps, and whether senders are told", async () => {
  assert.deepEqual(await searchLongest(wayOf(1_500, null), 1_500), { length: 1_500, isTold: true });
  for (const longest of [296, 297, 1_279, 1_372, 1_499]) {
    const sent: number[] = [];
    assert.deepEqual(await searchLongest(wayOf(longest, null, sent), 1_500), {
      length: longest,
      isTold: false,
    });
    assert.ok(sent.length <= 14, String(sent));
  }
  const sent: number[] = [];
  assert.deepEqual(await searchLongest(wayOf(1_400, 1_400, sent), 1_500), { length: 1_400, isTold: true });
  assert.ok(sent.length < 12, String(sent));
  // Who lies about it changes nothing.
  for (const told of [0, 1, 900, 65_535]) {
    assert.equal((await searchLongest(wayOf(1_400, told), 1_500))!.length, 1_400);
  }
  assert.equal(await searchLongest(wayOf(0, null), 1_500), null);
});

Deno.test("judgeMtu() minds packets that are lost more than packets that are refused", () => {
  const judge = (
    length: number,
    isTold: boolean,
    device: string | null = "ipipou1",
    peer: string | null = null,
  ) => judgeMtu({ device, peer, target: "172.28.0.2", mtu: 1_472, longest: { length, isTold } }, true);
  assert.equal(judge(1_472, true).level, "ok");
  assert.equal(judge(1_372, false).level, "fault");
  assert.equal(judge(1_372, true).level, "warning");
  // A table that the file has already takes no dotted key of its name.
  assert.match(judge(1_372, true).cure!, /^mtu = 1372 in \[tunl\], on both sides; /);
  // In a hub's own file it would be for all its peers.
  assert.match(
    judge(1_372, true, "office", "office").cure!,
    /^mtu = 1372 as tunl\.mtu of peer office here, and in \[tunl\] at its client; /,
  );
  assert.equal(judge(1_500, true, null).level, "ok");
  assert.match(judge(1_400, false, null).cure!, /^mtu = 1372 in /);
  assert.match(judge(1_372, true).cure!, /; then reload them; /);
  const unanswered = (device: string | null, isIn = true) =>
    judgeMtu({ device, peer: null, target: "172.28.0.2", mtu: 1_472, longest: null }, isIn);
  assert.deepEqual([unanswered(null).level, unanswered(null).cure], ["unseen", null]);
  assert.equal(unanswered("ipipou1", false).cure, null, "no firewall needs to be looked for");
  // What only others begin to send is not traced unless they do so meanwhile.
  assert.match(
    unanswered("ipipou1").cure!,
    /firewall .*: ping 172\.28\.0\.2 here, and run ipipou doctor there/,
  );
});

Deno.test("judgeReach() names the public key that a silent server must know, where there is one", () => {
  const cureOf = (publicKey: string | null) =>
    judgeReach({
      ...{ server: "x", expectsReplies: true },
      reach: { kind: "silent", echoes: true, publicKey },
    }).cure!;
  assert.match(
    cureOf("UFVCTElD"),
    /^ipipou doctor there .* \(its auth\.remote-pubkey-b64 .* must be "UFVCTElD"\); /,
  );
  assert.doesNotMatch(cureOf(null), /pubkey/);
});

Deno.test("judgeReach() tells no answer from refused and accepted", () => {
  const judge = (reach: Reach | null, expectsReplies = true) => {
    const { level, what, why } = judgeReach({ server: "192.0.2.1:10001", expectsReplies, reach });
    return `${level}: ${what}: ${why}`;
  };
  assert.match(
    judge({ kind: "accepted", after: 12.4 }),
    /^ok: 192\.0\.2\.1:10001 accepts this client, after 12 ms/,
  );
  assert.match(
    judge({ kind: "silent", echoes: true, publicKey: null }),
    /^fault: .* gave no answer: .* answers pings/,
  );
  assert.match(judge({ kind: "silent", echoes: false, publicKey: null }, false), /^unseen/);
  const refused = { kind: "refused", from: "192.0.2.1", why: "nothing has that UDP port there" } as const;
  assert.match(judge(refused), /^fault: .* nothing has that UDP port there \(192\.0\.2\.1 says so\)/);
  assert.match(
    judge({ kind: "unsent", why: "ENETUNREACH", cure: "this host needs a route there" }),
    /^fault: no auth packet can be sent: ENETUNREACH/,
  );
  const cureOf = (cure: string | null) =>
    judgeReach({ server: "x", expectsReplies: true, reach: { kind: "unsent", why: "y", cure } }).cure;
  assert.deepEqual(["a route", null].map(cureOf), [
    "a route",
    "mend that; a client that runs then goes on by itself",
  ]);
  assert.match(judge({ kind: "unproven" }), /^fault/);
  assert.match(judge(null), /^unseen/);
});
