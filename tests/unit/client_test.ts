import assert from "node:assert/strict";
import fc from "fast-check";
import { Client } from "../../lib/client.ts";

const NOW = 1_795_219_200_000;

const OPTIONS = { steps: [], pings: false, replyLength: 0 } as const;

/** A client that expects no replies. */
function plain(keepalive: number | null): Client {
  return new Client({ ...OPTIONS, keepalive, expectsReplies: false }, NOW, Math.random);
}

/** A client that expects replies, with pauses of mean length unless `random` is given. */
function expecting(keepalive: number | null, random = () => 0.5): Client {
  return new Client({ ...OPTIONS, keepalive, expectsReplies: true }, NOW, random);
}

/** Tells a client that time has passed. @returns whether a reply is missing */
function missReply(client: Client, now: number): boolean {
  const isMissing = client.isReplyMissing(now);
  if (isMissing) client.handleMissingReply(now, null);
  return isMissing;
}

/** Runs a client that never gets a reply until `end`. @returns when it sent, in milliseconds from NOW */
function withoutReply(client: Client, end: number): number[] {
  const sent: number[] = [];
  while (client.nextDeadline !== null && client.nextDeadline <= end) {
    const now = client.nextDeadline;
    missReply(client, now);
    if (client.nextSend === null || client.nextSend > now) continue;
    client.handleSent(now, null);
    sent.push(now - NOW);
  }
  return sent;
}

Deno.test("Client has an auth packet due at once", () => {
  assert.equal(plain(0).nextSend, NOW);
  assert.equal(plain(25).nextSend, NOW);
});

Deno.test("handleSent() makes the next packet due a keepalive later", () => {
  const client = plain(25);
  client.handleSent(NOW + 3, null);
  assert.equal(client.nextSend, NOW + 3 + 25_000);
  client.handleSent(NOW + 25_009, null);
  assert.equal(client.nextSend, NOW + 50_009);
});

Deno.test("handleSent() leaves nothing due without keepalive", () => {
  const client = plain(0);
  client.handleSent(NOW, null);
  assert.equal(client.nextSend, null);
});

Deno.test("handleSent() makes a heartbeat due if replies are expected and no keepalive is given", () => {
  const client = expecting(null);
  client.handleSent(NOW, null);
  client.handleAccepted(NOW);
  assert.equal(client.nextSend, NOW + 25_000);
  const lost = expecting(null);
  const sent = withoutReply(lost, NOW + 300_000);
  const gaps = sent.slice(1).map((at, index) => at - sent[index]!);
  assert.ok(gaps.every((gap) => gap <= 25_000), String(gaps));
  const silent = plain(null);
  silent.handleSent(NOW, null);
  assert.equal(silent.nextSend, null);
});

Deno.test("handleRequest() makes a packet due now, with or without keepalive", () => {
  for (const keepalive of [0, 25]) {
    const client = plain(keepalive);
    client.handleSent(NOW, null);
    client.handleRequest(NOW + 7);
    assert.equal(client.nextSend, NOW + 7);
  }
});

Deno.test("handleSendFailure() makes the packet due again, after growing pauses", () => {
  const client = plain(0);
  client.handleSendFailure(NOW);
  assert.equal(client.nextSend, NOW + 1_000);
  client.handleSendFailure(NOW + 1_000);
  assert.equal(client.nextSend, NOW + 3_000);
  client.handleSendFailure(NOW + 3_000);
  assert.equal(client.nextSend, NOW + 7_000);
});

Deno.test("handleSendFailure() starts with a short pause again once a packet was sent", () => {
  const client = plain(25);
  client.handleSendFailure(NOW);
  client.handleSendFailure(NOW);
  client.handleSent(NOW, null);
  client.handleSendFailure(NOW);
  assert.equal(client.nextSend, NOW + 1_000);
});

Deno.test("takeDeafness() is true once data got no answer between three auth packets of an accepted client", () => {
  const client = expecting(25);
  const told: boolean[] = [];
  const send = (received: number, sent: number) => {
    client.handleSent(NOW, { received, sent });
    told.push(client.takeDeafness());
  };
  for (let sent = 0; sent < 5; sent++) send(0, sent);
  assert.ok(!told.includes(true), "nobody has accepted it");
  client.handleAccepted(NOW);
  for (const idle of [5, 5, 5, 5, 5]) send(0, idle);
  assert.ok(!told.includes(true), "nothing was sent");
  told.length = 0;
  for (let sent = 6; sent < 12; sent++) send(0, sent);
  assert.deepEqual(told, [false, true, false, false, false, false]);
  send(1, 12);
  told.length = 0;
  for (let sent = 13; sent < 17; sent++) send(1, sent);
  assert.deepEqual(told, [false, false, true, false]);
});

Deno.test("takeDeafness() does not take replies for data, where the device counts them", () => {
  const client = new Client(
    { ...OPTIONS, keepalive: 25, expectsReplies: true, replyLength: 73 },
    NOW,
    () => 0.5,
  );
  const told = Array.from({ length: 6 }, (_, index) => {
    client.handleSent(NOW, { received: index, sent: index });
    const isDeaf = client.takeDeafness();
    client.handleNoData(73);
    client.handleAccepted(NOW);
    return isDeaf;
  });
  assert.deepEqual(told, [false, false, false, true, false, false]);
});

Deno.test("handleSent() awaits no reply when none is expected", () => {
  const client = plain(0);
  client.handleSent(NOW, null);
  assert.equal(client.nextDeadline, null);
  assert.equal(missReply(client, NOW + 1e9), false);
  assert.equal(client.replyState, "unknown");
});

Deno.test("isReplyMissing() misses the reply after 3 seconds, and not before", () => {
  const client = expecting(0);
  client.handleSent(NOW, null);
  assert.deepEqual([client.nextSend, client.nextDeadline], [null, NOW + 3_000]);
  assert.equal(missReply(client, NOW + 2_999), false);
  assert.equal(client.replyState, "unknown");
  assert.equal(missReply(client, NOW + 3_000), true);
  assert.equal(client.replyState, "no reply");
  assert.equal(client.nextSend, NOW + 4_000);
  assert.equal(missReply(client, NOW + 3_001), false);
});

Deno.test("handleMissingReply() makes auth packets due for ever, after pauses that grow to 30 seconds", () => {
  const sent = withoutReply(expecting(0), NOW + 200_000);
  const gaps = sent.slice(1).map((at, index) => at - sent[index]!);
  assert.deepEqual(gaps, [4_000, 5_000, 7_000, 11_000, 19_000, 33_000, 33_000, 33_000, 33_000]);
});

Deno.test("handleMissingReply() varies pauses by up to a quarter", () => {
  for (const [random, due] of [[0, 3_750], [0.5, 4_000], [0.999_999, 4_250]] as const) {
    const client = expecting(0, () => random);
    client.handleSent(NOW, null);
    missReply(client, NOW + 3_000);
    assert.equal(client.nextSend, NOW + due);
  }
});

Deno.test("handleMissingReply() never delays a keepalive", () => {
  const sent = withoutReply(expecting(10), NOW + 60_000);
  const gaps = sent.slice(1).map((at, index) => at - sent[index]!);
  assert.deepEqual(gaps, [4_000, 5_000, 7_000, 10_000, 10_000, 10_000, 10_000]);
  assert.deepEqual(withoutReply(expecting(1), NOW + 5_000), [0, 1_000, 2_000, 3_000, 4_000, 5_000]);
});

Deno.test("handleAccepted() returns to the keepalive, counted from the accepted packet", () => {
  for (const [keepalive, due] of [[25, NOW + 25_000], [0, null]] as const) {
    const client = expecting(keepalive);
    client.handleSent(NOW, null);
    client.handleAccepted(NOW);
    assert.deepEqual([client.replyState, client.nextSend, client.nextDeadline], ["accepted", due, due]);
  }
});

Deno.test("handleAccepted() accepts a late reply, and makes the next pauses short again", () => {
  const client = expecting(0);
  withoutReply(client, NOW + 30_000);
  assert.equal(client.replyState, "no reply");
  client.handleAccepted(NOW);
  assert.deepEqual([client.replyState, client.nextSend, client.nextDeadline], ["accepted", null, null]);
  client.handleRequest(NOW + 60_000);
  client.handleSent(NOW + 60_000, null);
  assert.equal(client.replyState, "accepted");
  missReply(client, NOW + 63_000);
  assert.deepEqual([client.replyState, client.nextSend], ["no reply", NOW + 64_000]);
});

Deno.test("handleAccepted() does not forget a requested packet", () => {
  const client = expecting(0);
  client.handleSent(NOW, null);
  client.handleRequest(NOW + 300);
  assert.equal(client.nextSend, NOW + 1_000);
  client.handleAccepted(NOW);
  assert.equal(client.nextSend, NOW + 1_000);
});

Deno.test("handleSendFailure() keeps its own pauses when replies are expected", () => {
  const client = expecting(0);
  client.handleSent(NOW, null);
  missReply(client, NOW + 3_000);
  client.handleSendFailure(NOW + 4_000);
  client.handleSendFailure(NOW + 5_000);
  assert.deepEqual([client.nextSend, client.nextDeadline], [NOW + 7_000, NOW + 7_000]);
});

Deno.test("Client never sends twice in a second when replies are expected, whatever happens", () => {
  const event = fc.record({
    kind: fc.constantFrom("request", "accepted", "failure", "time"),
    wait: fc.nat(4_000),
  });
  const keepalive = fc.constantFrom(0, 1, 25);
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(fc.property(keepalive, random, fc.array(event), (keepalive, random, events) => {
    const client = expecting(keepalive, () => random);
    let now = NOW;
    const sent: number[] = [];
    for (const { kind, wait } of events) {
      sent.push(...withoutReply(client, now + wait).map((at) => at + NOW));
      now += wait;
      if (kind === "request") client.handleRequest(now);
      if (kind === "accepted") client.handleAccepted(NOW);
      if (kind === "failure" && client.nextSend !== null && client.nextSend <= now) {
        client.handleSendFailure(now);
      }
      if (kind === "time") missReply(client, now);
    }
    for (const [index, at] of sent.slice(1).entries()) assert.ok(at - sent[index]! >= 1_000, String(sent));
  }));
});

Deno.test("handleServerNews() makes a packet due at once when the server has started, a second after the last one at least", () => {
  const client = expecting(3_600);
  client.handleSent(NOW, null);
  client.handleAccepted(NOW + 50);
  client.handleServerNews("starts", NOW + 400);
  assert.equal(client.nextSend, NOW + 1_000);
  client.handleSent(NOW + 1_000, null);
  client.handleAccepted(NOW + 1_050);
  client.handleServerNews("starts", NOW + 60_000);
  assert.equal(client.nextSend, NOW + 60_000);
});

Deno.test("handleServerNews() tries again about three seconds after the server stops, then after growing pauses", () => {
  for (const [random, first] of [[0, 2_250], [0.5, 3_000], [0.999, 3_749]] as const) {
    // A keepalive would be due earlier.
    const client = expecting(11, () => random);
    client.handleSent(NOW - 10_000, null);
    client.handleAccepted(NOW - 9_000);
    client.handleServerNews("stops", NOW);
    assert.equal(client.replyState, "no reply");
    const [one, two] = withoutReply(client, NOW + 60_000);
    assert.ok(Math.abs(one! - first) <= 1, `${one}`);
    assert.ok(two! - one! > 3_000 + 700 && two! - one! < 3_000 + 1_300, `${two}`);
  }
});
