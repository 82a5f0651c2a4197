import assert from "node:assert/strict";
import { Client } from "../../lib/client.ts";
import { Hearing } from "../../lib/client/hearing.ts";
import { Ladder, type Step } from "../../lib/client/ladder.ts";
import { SeededRandom } from "./fake/surroundings.ts";

const NOW = 1_795_219_200_000;
const NONE = { packets: 0, bytes: 0 };
const STEPS: readonly Step[] = ["resolve", "remote", "port"];

/** What a ladder says of so many answers that are missing. */
function missesOf(ladder: Ladder, count: number): unknown[] {
  return Array.from({ length: count }, () => {
    const attempt = ladder.miss();
    return attempt === null ? null : [attempt.steps.join(" "), attempt.count, attempt.isRepeated];
  });
}

Deno.test("Ladder only authenticates again at first, then tries all ways, other servers last", () => {
  const ladder = new Ladder(STEPS, false);
  const expected = [
    null,
    ["resolve port", 0, false],
    ["resolve remote port", 1, false],
    ["resolve remote port", 2, false],
    ["resolve remote port", 3, true],
  ];
  assert.deepEqual(missesOf(ladder, 5), expected);
  ladder.reset();
  assert.deepEqual(missesOf(ladder, 5), expected);
  assert.deepEqual(missesOf(new Ladder([], false), 3), [null, null, null]);
  assert.deepEqual(missesOf(new Ladder(["remote"], false), 3), [null, ["remote", 0, false], [
    "remote",
    1,
    true,
  ]]);
});

Deno.test("Ladder guesses once at a time where nothing tells before where that leads, and always asks for the name", () => {
  assert.deepEqual(missesOf(new Ladder(STEPS, true), 5), [
    null,
    ["resolve remote", 0, false],
    ["resolve port", 1, false],
    ["resolve remote", 2, false],
    ["resolve port", 3, true],
  ]);
  assert.deepEqual(missesOf(new Ladder(["resolve"], true), 3), [null, ["resolve", 0, false], [
    "resolve",
    1,
    true,
  ]]);
});

Deno.test("Hearing tells silence from an idle tunnel, and from a device that was made anew", () => {
  const hearing = new Hearing();
  const note = (received: number, sent: number, now: number) => hearing.note({ received, sent }, NONE, now);
  assert.equal(note(5, 5, NOW), "idle", "nothing is known of before");
  assert.equal(note(5, 5, NOW + 1), "idle");
  assert.equal(note(5, 6, NOW + 2), "unanswered");
  assert.equal(hearing.heardAt, null);
  assert.equal(note(6, 7, NOW + 3), "heard");
  assert.equal(note(0, 1, NOW + 4), "idle");
  assert.equal(hearing.note(null, NONE, NOW + 5), "idle");
  assert.equal(note(1, 1, NOW + 6), "idle");
  hearing.restart();
  assert.equal(note(1, 2, NOW + 7), "idle", "that was sent by the way before");
  assert.equal(hearing.heardAt, NOW + 6);
});

Deno.test("Hearing tells data from replies, also while a reply may have been counted before it was read", () => {
  const hearing = new Hearing();
  const look = (received: number, receivedBytes: number, awaited: number, now: number) => {
    const counts = { received, receivedBytes, sent: 9, sentBytes: 900 };
    const data = hearing.dataIn(counts, { packets: awaited, bytes: 73 * awaited }, now);
    assert.deepEqual([data.sent, data.sentBytes], [9, 900]);
    return [data.received, data.receivedBytes, hearing.heardAt];
  };
  assert.deepEqual(look(0, 0, 1, NOW), [0, 0, null]);
  assert.deepEqual(look(1, 73, 1, NOW + 1), [0, 0, null]);
  hearing.handleNoData(73);
  assert.deepEqual(look(1, 73, 0, NOW + 2), [0, 0, null]);
  assert.deepEqual(look(2, 173, 0, NOW + 3), [1, 100, NOW + 3]);
  assert.deepEqual(look(2, 173, 1, NOW + 4), [1, 100, NOW + 3], "it never goes back");
  assert.deepEqual(look(3, 246, 1, NOW + 5), [1, 100, NOW + 3]);
  hearing.handleNoData(73);
  assert.deepEqual(look(4, 346, 0, NOW + 6), [2, 200, NOW + 6]);
  assert.deepEqual(look(0, 0, 0, NOW + 7), [0, 0, NOW + 6], "a device that was made anew");
  assert.deepEqual(look(1, 100, 0, NOW + 8), [1, 100, NOW + 8]);
  hearing.takeOver({ received: 5, receivedBytes: 500, sent: 0, sentBytes: 0 });
  assert.deepEqual(look(5, 500, 0, NOW + 9), [0, 0, NOW + 8], "a device that stands since another run");
  assert.deepEqual(look(6, 550, 0, NOW + 10), [1, 50, NOW + 10]);
});

Deno.test("Client takes nothing off what its device counts where that counts no replies", () => {
  const client = new Client(
    { keepalive: 25, expectsReplies: true, replyLength: 0, steps: STEPS, pings: false },
    NOW,
    () => 0.5,
  );
  client.handleSent(NOW, null);
  client.handleNoData(16);
  const counts = { received: 1, receivedBytes: 100, sent: 0, sentBytes: 0 };
  assert.deepEqual(client.dataIn(counts, NOW), counts);
});

/** Runs a client without an answer. @param received packets that have come out of the tunnel by then @returns its steps */
function silence(client: Client, seconds: number, received: (now: number) => number): string[] {
  const steps: string[] = [];
  for (let now = NOW; now <= NOW + 1000 * seconds; now += 100) {
    const counts = { received: received(now), sent: 1 };
    if (client.isReplyMissing(now)) client.handleMissingReply(now, counts);
    const taken = client.takeAttempt();
    if (taken !== null) steps.push(taken.steps.join(" "));
    if ((client.nextSend ?? Infinity) <= now) client.handleSent(now, counts);
  }
  return steps;
}

function expecting(): Client {
  return new Client(
    { keepalive: 25, expectsReplies: true, replyLength: 0, steps: STEPS, pings: false },
    NOW,
    () => 0.5,
  );
}

Deno.test("Client takes no step while data comes, however few packets, and none after an answer", () => {
  const [first, ...others] = silence(expecting(), 120, () => 0);
  assert.deepEqual([first, new Set(others)], ["resolve port", new Set(["resolve remote port"])]);
  const everyTwentySeconds = (now: number) => Math.floor((now - NOW + 15_000) / 20_000);
  assert.equal(silence(expecting(), 25, () => 0).length, 3);
  assert.deepEqual(silence(expecting(), 600, everyTwentySeconds), []);
  const untilOneMinute = (now: number) => everyTwentySeconds(Math.min(now, NOW + 60_000));
  assert.notEqual(silence(expecting(), 200, untilOneMinute).length, 0, "not for ever");
  const client = expecting();
  client.handleSent(NOW, null);
  client.handleMissingReply(NOW + 3_000, null);
  client.handleMissingReply(NOW + 7_000, null);
  client.handleAccepted(NOW + 7_001);
  assert.equal(client.takeAttempt(), null);
});

Deno.test("Client sends another packet after a second without an answer, and takes both for silence", () => {
  const client = expecting();
  const answer = (now: number) => {
    client.handleSent(now, null);
    client.handleAccepted(now);
  };
  answer(NOW);
  client.handleSent(NOW + 25_000, null);
  assert.equal(client.nextSend, NOW + 26_000);
  client.handleSent(NOW + 26_000, null);
  assert.equal(client.nextSend, NOW + 51_000, "once");
  client.handleAccepted(NOW + 27_000);
  assert.deepEqual([client.isReplyMissing(NOW + 29_000), client.takeAttempt()], [false, null]);
  client.handleSent(NOW + 51_000, null);
  client.handleSent(NOW + 52_000, null);
  assert.ok(client.isReplyMissing(NOW + 54_000));
  client.handleMissingReply(NOW + 54_000, null);
  assert.deepEqual(client.takeAttempt()?.steps, ["resolve", "port"]);
});

/** A server's clients while it is down from `from` until `to`, in milliseconds; then it answers each packet. */
function outage(clients: number, from: number, to: number, end: number) {
  const random = new SeededRandom(1);
  const all = Array.from({ length: clients }, () => ({
    client: new Client(
      { keepalive: 25, expectsReplies: true, replyLength: 0, steps: STEPS, pings: false },
      Math.round(25_000 * random.fraction()),
      () => random.fraction(),
    ),
    backAt: NaN,
  }));
  const perSecond = new Map<number, number>();
  for (let now = 0; now < end; now += 100) {
    for (const one of all) {
      const { client } = one;
      if (client.isReplyMissing(now)) client.handleMissingReply(now, null);
      if ((client.nextSend ?? Infinity) > now) continue;
      client.handleSent(now, null);
      const second = Math.floor(now / 1000);
      perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
      if (now >= from && now < to) continue;
      client.handleAccepted(now);
      if (now >= to && Number.isNaN(one.backAt)) one.backAt = now;
    }
  }
  const peak = (a: number, b: number) =>
    Math.max(
      ...[...perSecond].filter(([second]) => second >= a / 1000 && second < b / 1000).map(([, n]) => n),
    );
  return { backAfter: all.map(({ backAt }) => backAt - to), peak };
}

Deno.test("A thousand clients come back spread out after their server's outage, and do not storm it meanwhile", () => {
  for (const minutes of [0.5, 2, 30]) {
    const [from, to] = [120_000, 120_000 + 60_000 * minutes];
    const { backAfter, peak } = outage(1_000, from, to, to + 300_000);
    // The longest pause, 30 s and a quarter more, after the 3 s that each waits for an answer.
    assert.ok(Math.max(...backAfter) <= 41_000, `${minutes}: ${Math.max(...backAfter)}`);
    const [usual, during, after] = [peak(60_000, from), peak(from + 60_000, to), peak(to, to + 300_000)];
    // Spread evenly over the pauses it would be 30 to 40 a second.
    assert.ok(during <= 150 && after <= 150, `${minutes} min: ${usual}, ${during}, ${after} a second`);
  }
});

Deno.test("Client gives each step the time of a keepalive where it expects no replies", () => {
  const options = {
    keepalive: 2,
    expectsReplies: false,
    replyLength: 0,
    steps: ["remote", "port"] as const,
    pings: true,
  };
  const client = new Client(options, NOW, () => 0.5);
  const steps: [string, number][] = [];
  let sent = 0;
  for (let now = NOW; now <= NOW + 13_000; now += 1_000) {
    if ((client.nextSend ?? Infinity) > now) continue;
    client.handleSent(now, { received: 0, sent: sent++ });
    const due = client.takeAttempt();
    if (due === null) continue;
    steps.push([due.steps.join(" "), (now - NOW) / 1000]);
    client.handleStepTaken(now);
  }
  assert.deepEqual(steps, [["remote", 4], ["port", 7], ["remote", 10], ["port", 13]]);
});
