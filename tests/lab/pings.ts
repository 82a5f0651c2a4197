import assert from "node:assert/strict";
import type { Process } from "./process.ts";

const ANSWER = /icmp_seq=(\d+) ttl/;
/** Milliseconds until pings are taken to be answered no more. */
const PATIENCE = 60_000;

/**
 * Ends `ping`s that go on, once another one is answered, and fails if one before that was not.
 *
 * @param least how many must have been answered
 * @param most how many may be lost: an emulated processor that is busy enough loses some by itself
 */
export async function endUnharmed(pings: Process, least = 1, most = 0): Promise<void> {
  const { length } = pings.lines;
  while (pings.lines.findLastIndex((line) => ANSWER.test(line)) < length) {
    await pings.waitForLine(ANSWER, PATIENCE);
  }
  // Later ones may be on their way when it ends.
  await pings.kill("SIGINT");
  const answered = new Set(pings.lines.flatMap((line) => ANSWER.exec(line)?.[1] ?? []).map(Number));
  const last = Math.max(...answered);
  const lost = Array.from({ length: last }, (_, index) => index + 1).filter((number) =>
    !answered.has(number)
  );
  assert.ok(lost.length <= most, `pings ${lost.join(", ")} of ${last} were lost`);
  assert.ok(answered.size >= least, `${answered.size} pings`);
}
