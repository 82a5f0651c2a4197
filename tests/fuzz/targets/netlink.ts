import assert from "node:assert/strict";
import fc from "fast-check";
import { parseFeatures } from "../../../ffi/device_features.ts";
import { parseFamily, parseFamilyName } from "../../../ffi/fou_messages.ts";
import { parseLinkAnswer } from "../../../ffi/link_answers.ts";
import { readAnswers } from "../../../ffi/netlink_answers.ts";
import { parseCounts } from "../../../ffi/netlink_counts.ts";
import { messagesIn } from "../../../ffi/netlink_messages.ts";
import { parseQueueMessages } from "../../../ffi/queue_messages.ts";
import { isRuleFor, parseRouteAnswer, type RouteAnswer } from "../../../ffi/route_answers.ts";
import { parseRouteNews } from "../../../ffi/route_news.ts";
import { NetlinkEncoder } from "../../../ffi/netlink_encoding.ts";
import { parseTableNews, tableName } from "../../../ffi/table_news.ts";
import { parseTrace } from "../../../ffi/trace_events.ts";
import { TraceSummary } from "../../../lib/doctor/trace.ts";
import { parseIpv4 } from "../../../lib/ipv4.ts";
import { Picture } from "../../../lib/kernel/picture.ts";
import type { KernelChange, TableChange } from "../../../lib/kernel_ports.ts";
import * as samples from "../../unit/ffi/netlink_samples.ts";
import { queuedPacket } from "../../unit/ffi/queue_samples.ts";
import { sampleSettings } from "../../unit/samples.ts";
import { bytesLike } from "../mutate.ts";
import { type Target, target } from "../target.ts";

const KINDS = ["device", "address", "route", "rule", "table", "unknown"];
const datagrams = bytesLike(Object.values(samples));
const TABLE = tableName("ipipou");
const NOTHING: TableChange = { kind: "table", chains: [], onlyRemoves: true };

function assertNews(changes: readonly KernelChange[]): void {
  for (const change of changes) {
    assert.ok(KINDS.includes(change.kind), change.kind);
    if (change.kind === "address") assert.notEqual(parseIpv4(change.ip), null);
    if ("index" in change) assert.ok(Number.isInteger(change.index));
  }
  new Picture(sampleSettings()).handleNews(changes, 0);
}

const route = target(
  "netlink: devices, addresses, routes",
  ["ffi/route_news.ts parseRouteNews"],
  datagrams,
  (datagram) => {
    const changes = parseRouteNews(datagram);
    assert.ok(changes.length > 0);
    assert.ok(changes.length <= datagram.length / 16 + 1);
    assertNews(changes);
  },
);

const table = target(
  "netlink: nftables",
  ["ffi/table_news.ts parseTableNews"],
  fc.tuple(datagrams, fc.boolean()),
  ([datagram, isTouched]) => {
    const [before, without] = isTouched ? [NOTHING, null] : [null, NOTHING];
    const news = parseTableNews(datagram, TABLE, before);
    assert.ok(news.changes.length <= datagram.length / 16 + 1);
    assertNews(news.changes);
    // What came before says whether the transaction touched the table, and nothing else.
    const other = parseTableNews(datagram, TABLE, without);
    assert.ok(Math.abs(news.changes.length - other.changes.length) <= 1);
  },
);

/** The answer to a verdict on a packet that is gone: struct nlmsghdr, struct nlmsgerr with -ENOENT. */
const ANSWER = Uint8Array.from([36, 0, 0, 0, 2, 0, 0, 0, ...new Array(8).fill(0), 254, 255, 255, 255]);

const lookUps = target(
  "netlink: devices, routes and rules that were asked for",
  [
    "ffi/netlink_counts.ts parseCounts",
    "ffi/route_answers.ts isRuleFor",
    "ffi/netlink_messages.ts messagesIn",
    "ffi/link_answers.ts parseLinkAnswer",
    "ffi/route_answers.ts parseRouteAnswer",
  ],
  bytesLike([...Object.values(samples), ANSWER]),
  (datagram) => {
    for (const message of messagesIn(datagram)) {
      if (message === null) continue;
      const link = parseLinkAnswer(message);
      assert.ok(link === null || Number.isInteger(link.index));
      assertRoute(parseRouteAnswer(message));
      const counts = parseCounts(message);
      assert.ok(counts === null || counts.received >= 0 && counts.sent >= 0);
      // A rule for some addresses is none for an address and one that differs from it in the first bit.
      const [isFor, isForOther] = [0xc000_0201, 0x4000_0201].map((address) =>
        isRuleFor(message.body, address)
      );
      assert.ok(!(isFor && isForOther));
    }
  },
);

function assertRoute(route: RouteAnswer | null): void {
  if (route === null) return;
  const { index, mtu, source } = route;
  assert.ok(Number.isInteger(index) && index >= 0);
  assert.ok(mtu === null || Number.isInteger(mtu) && mtu >= 0);
  assert.ok(source === null || parseIpv4(source) !== null);
}

const replies = target(
  "netlink: answers to changes",
  [
    "ffi/netlink_answers.ts parseAnswer",
    "ffi/netlink_answers.ts readAnswers",
    "ffi/fou_messages.ts parseFamily",
    "ffi/fou_messages.ts parseFamilyName",
    "ffi/device_features.ts parseFeatures",
  ],
  bytesLike([samples.REFUSED_WITH_MESSAGE, samples.FOU_FAMILY, ANSWER, ...Object.values(samples)]),
  (datagram) => {
    const answers = readAnswers(datagram);
    assert.ok(answers.length <= datagram.length / 16);
    for (const { sequence, errno, message } of answers) {
      assert.ok(Number.isInteger(sequence) && Number.isInteger(errno) && errno >= 0);
      assert.ok(message === null || message.length <= datagram.length);
    }
    for (const message of messagesIn(datagram)) {
      const family = message && parseFamily(message);
      assert.ok(family === null || family >= 0 && family <= 0xffff);
      if (message === null) continue;
      assert.ok((parseFamilyName(message) ?? "").length <= datagram.length);
      const { on, changeable } = parseFeatures(message);
      assert.ok(on.size + changeable.size <= datagram.length / 4);
    }
  },
);

/** A packet that a rule drops, and a policy. */
const TRACES = [[0, 0, 0, 3], [0, 0, 0, 1]].map((type) => {
  const encoder = new NetlinkEncoder();
  encoder.message({ type: 10 << 8 | 17, flags: 0, sequence: 0 }, [1, 0, 0, 0], () => {
    encoder.attribute(1, () => encoder.string("filter"));
    encoder.attribute(2, () => encoder.string("input"));
    encoder.attribute(3, () => encoder.networkLong(7));
    encoder.attribute(4, () => encoder.raw(type));
    encoder.nested(5, () => encoder.attribute(1, () => encoder.networkWord(0)));
    encoder.attribute(6, () => encoder.networkWord(12_345));
    encoder.attribute(8, () => encoder.raw(new Uint8Array(20)));
    encoder.attribute(16, () => encoder.networkWord(0));
  });
  return encoder.bytes;
});

const traces = target(
  "netlink: traces of packets",
  ["ffi/trace_events.ts parseTrace"],
  bytesLike([...TRACES, ...Object.values(samples)]),
  (datagram) => {
    const summary = new TraceSummary({
      ...{ ends: [], devices: new Map([[0, "a"]]), remotes: new Set(), gate: "ipipou", trace: "t" },
    });
    for (const event of parseTrace(datagram)) {
      assert.ok(Number.isInteger(event.id) && Number.isInteger(event.from) && Number.isInteger(event.to));
      summary.add(event);
    }
    assert.ok(summary.drops.length <= datagram.length / 16 + 1);
  },
);

const queue = target(
  "netlink: packets in a queue",
  ["ffi/queue_messages.ts parseQueueMessages"],
  bytesLike([queuedPacket(7, new Uint8Array(60)), queuedPacket(8, null), ANSWER]),
  (datagram) => {
    const messages = parseQueueMessages(datagram);
    assert.ok(messages.length <= datagram.length / 16);
    for (const message of messages) {
      const number = message.kind === "packet" ? message.id : message.errno;
      assert.ok(Number.isInteger(number) && number >= 0 && number <= 0xffff_ffff);
      if (message.kind === "answer" || message.bytes === null) continue;
      assert.ok(message.bytes.length < datagram.length && message.bytes.buffer !== datagram.buffer);
    }
  },
);

/** What the kernel says by netlink. */
export const NETLINK_TARGETS: readonly Target[] = [route, table, lookUps, replies, traces, queue];
