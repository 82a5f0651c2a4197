import assert from "node:assert/strict";
import fc from "fast-check";
import { parseLinkAnswer } from "../../../ffi/link_answers.ts";
import { messagesIn } from "../../../ffi/netlink_messages.ts";
import { isRuleFor, isRuleForMark, parseRouteAnswer } from "../../../ffi/route_answers.ts";
import { parseRouteNews } from "../../../ffi/route_news.ts";
import { parseTableNews, tableName } from "../../../ffi/table_news.ts";
import type { KernelChange, TableChange } from "../../../lib/kernel_ports.ts";
import * as samples from "./netlink_samples.ts";

const { ALL_FLUSHED, DEVICE_GONE, OURS_CHANGED, OURS_IN_IP6, ROUTE_ADDED, TRANSACTION_END } = samples;
const UNKNOWN: KernelChange = { kind: "unknown", of: "others" };
const UNKNOWN_OF_TABLES: KernelChange = { kind: "unknown", of: "tables" };
/** News of a transaction that did not only remove, by the names of the chains that it touched; "" for the table itself. */
const table = (...chains: readonly string[]): KernelChange => ({ kind: "table", chains, onlyRemoves: false });
/** News of one that did. */
const removal = (...chains: readonly string[]): KernelChange => ({
  kind: "table",
  chains,
  onlyRemoves: true,
});
const OURS = "ipipou";

function join(...datagrams: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(datagrams.flatMap((datagram) => [...datagram]));
}

/** The news of a table in each datagram. */
function tableNews(name: string, ...datagrams: readonly Uint8Array[]): KernelChange[][] {
  let before: TableChange | null = null;
  return datagrams.map((datagram) => {
    const news = parseTableNews(datagram, tableName(name), before);
    before = news.touched;
    return [...news.changes];
  });
}

/** Anything a socket may deliver: random bytes, and captured datagrams that are joined, cut and damaged. */
function arbitraryDatagram(): fc.Arbitrary<Uint8Array> {
  const captured = fc.array(fc.constantFrom(...Object.values(samples)), { minLength: 1, maxLength: 3 });
  const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 });
  const damaged = fc.tuple(captured, damage, fc.nat()).map(([datagrams, changes, cut]) => {
    const bytes = join(...datagrams);
    for (const [offset, value] of changes) bytes[offset % bytes.length] = value;
    // In its own buffer, because a larger one would hide reads beyond the end.
    return cut % 2 === 0 ? bytes : bytes.slice(0, cut % (bytes.length + 1));
  });
  return fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged);
}

Deno.test("parseRouteNews() reads added and removed devices, addresses and routes", () => {
  const gone = {
    kind: "device",
    index: 2,
    name: "d1",
    isGone: true,
    isUp: false,
    alias: "",
    mtu: 1500,
    outer: "",
  } as const;
  assert.deepEqual(parseRouteNews(DEVICE_GONE), [gone]);
  assert.deepEqual(parseRouteNews(samples.TUNNEL_MOVED), [{
    ...{ kind: "device", index: 10, name: "p0", isGone: false, isUp: true, alias: "ipipou:hub:x" },
    mtu: 1472,
    outer: "192.0.2.1:10000 198.51.100.3:40002 ttl inherit tos 0x00 pmtudisc",
  }]);
  assert.deepEqual(parseRouteNews(samples.ADDRESS_ADDED), [{
    kind: "address",
    index: 9,
    ip: "10.9.0.1",
    isGone: false,
  }]);
  assert.deepEqual(parseRouteNews(samples.ADDRESS_REMOVED), [{
    kind: "address",
    index: 2,
    ip: "10.9.0.1",
    isGone: true,
  }]);
  assert.deepEqual(parseRouteNews(ROUTE_ADDED), [{
    kind: "route",
    network: "10.8.0.0/16",
    protocol: 201,
    isGone: false,
  }]);
  assert.deepEqual(parseRouteNews(samples.ROUTE_REMOVED), [{
    kind: "route",
    network: "10.9.0.0/24",
    protocol: 2,
    isGone: true,
  }]);
});

Deno.test("parseRouteNews() reads all messages of a datagram", () => {
  const changes = parseRouteNews(join(ROUTE_ADDED, DEVICE_GONE, OURS_CHANGED, ROUTE_ADDED));
  assert.deepEqual(changes.map(({ kind }) => kind), [
    "route",
    "device",
    "unknown",
    "unknown",
    "route",
  ]);
});

Deno.test("parseRouteNews() reports what it cannot read as unknown", () => {
  assert.deepEqual(parseRouteNews(new Uint8Array()), [UNKNOWN]);
  assert.deepEqual(parseRouteNews(DEVICE_GONE.subarray(0, 100)), [UNKNOWN]);
  assert.deepEqual(parseRouteNews(join(ROUTE_ADDED, ROUTE_ADDED.subarray(0, 20))), [
    ...parseRouteNews(ROUTE_ADDED),
    UNKNOWN,
  ]);
});

Deno.test("parseTableNews() reports the table once for each transaction, at its end, with the chains that it touched", () => {
  assert.deepEqual(tableNews(OURS, OURS_CHANGED, OURS_CHANGED, TRANSACTION_END, TRANSACTION_END), [
    [],
    [],
    [table("c")],
    [],
  ]);
  assert.deepEqual(tableNews(OURS, ALL_FLUSHED, TRANSACTION_END), [[], [removal("c", "")]]);
  const joined = join(
    OURS_CHANGED,
    TRANSACTION_END,
    OURS_IN_IP6,
    TRANSACTION_END,
    ALL_FLUSHED,
    TRANSACTION_END,
  );
  assert.deepEqual(tableNews(OURS, joined), [[table("c"), removal("c", "")]]);
});

Deno.test("parseTableNews() ignores other tables, and the same name in another family", () => {
  for (const name of ["ipipou2", "ipipo", ""]) {
    assert.deepEqual(tableNews(name, OURS_CHANGED, ALL_FLUSHED, TRANSACTION_END), [[], [], []]);
  }
  assert.deepEqual(tableNews(OURS, OURS_IN_IP6, TRANSACTION_END), [[], []]);
});

Deno.test("parseTableNews() reports what it cannot read as unknown, and then the transaction too", () => {
  const withoutAttributes = OURS_CHANGED.slice(0, 20);
  withoutAttributes[0] = 20;
  const news = tableNews(OURS, OURS_CHANGED.slice(0, 161), withoutAttributes, ROUTE_ADDED, TRANSACTION_END);
  assert.deepEqual(news, [[UNKNOWN_OF_TABLES], [UNKNOWN_OF_TABLES], [UNKNOWN_OF_TABLES], [table()]]);
});

Deno.test("the parsers never throw, and parseRouteNews() reports something for each datagram", () => {
  fc.assert(fc.property(arbitraryDatagram(), fc.boolean(), (datagram, isTouched) => {
    assert.notEqual(parseRouteNews(datagram).length, 0);
    parseTableNews(
      datagram,
      tableName(OURS),
      isTouched ? { kind: "table", chains: ["a"], onlyRemoves: true } : null,
    );
    for (const message of messagesIn(datagram)) {
      if (message === null) continue;
      parseLinkAnswer(message);
      parseRouteAnswer(message);
      isRuleFor(message.body, 0x0a09_0001);
      isRuleForMark(message.body, 0x66);
    }
  }));
});

Deno.test("parseTableNews() reports a change however its transaction is split into datagrams", () => {
  const messages = [OURS_IN_IP6, OURS_CHANGED, ALL_FLUSHED, OURS_IN_IP6];
  fc.assert(fc.property(fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }), (cuts) => {
    const datagrams: Uint8Array[] = [];
    for (const [index, message] of [...messages, TRANSACTION_END].entries()) {
      if (index === 0 || cuts[index - 1]) datagrams.push(message);
      else datagrams.push(join(datagrams.pop()!, message));
    }
    assert.deepEqual(tableNews(OURS, ...datagrams).flat(), [table("c", "")]);
  }));
});

Deno.test("parseRouteNews() reports a route to no IPv4 network as unknown", () => {
  const message = Uint8Array.from(ROUTE_ADDED);
  message[17] = 33; // rtm_dst_len
  assert.deepEqual(parseRouteNews(message), [UNKNOWN]);
});
