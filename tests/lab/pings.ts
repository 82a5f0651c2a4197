import assert from "node:assert/strict";
import type { Process } from "./process.ts";

const ANSWER = /icmp_seq=(\d+) ttl/;
/** Milliseconds until pings are taken to be answered no more. */
const PATIENCE = 60_000;
/** Milliseconds until an answer that others overtook is taken to be lost. */
const LATENESS = 10_000;

/**
 * Ends `ping`s that go on, once another one is answered, and fails if one before that was not. An answer may overtake
 * earlier ones on another processor.
 *
 * @param least how many must have been answered
 */
export async function endUnharmed(pings: Process, least = 1): Promise<void> {
  const { length } = pings.lines;
  while (pings.lines.findLastIndex((line) => ANSWER.test(line)) < length) {
    await pings.waitForLine(ANSWER, PATIENCE);
  }
  const last = Math.max(...answersOf(pings));
  const lost = () => {
    const answered = answersOf(pings);
    return Array.from({ length: last }, (_, index) => index + 1).filter((number) => !answered.has(number));
  };
  const end = Date.now() + LATENESS;
  while (lost().length > 0 && Date.now() < end) await pings.waitForLine(ANSWER, PATIENCE);
  await pings.kill("SIGINT");
  assert.deepEqual(lost(), [], `pings of ${last} were lost`);
  assert.ok(last >= least, `${last} pings`);
}

function answersOf({ lines }: Process): Set<number> {
  return new Set(lines.flatMap((line) => ANSWER.exec(line)?.[1] ?? []).map(Number));
}
