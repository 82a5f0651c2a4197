import assert from "node:assert/strict";
import { NetlinkEncoder } from "../../../ffi/netlink_encoding.ts";
import { parseTrace } from "../../../ffi/trace_events.ts";

/** An event as the kernel tells it. @param type 1: a policy, 2: a return, 3: a rule */
function eventOf(type: number, verdict: number, policy: number | null = null): Uint8Array {
  const encoder = new NetlinkEncoder();
  return encoder.message({ type: 10 << 8 | 17, flags: 0, sequence: 0 }, [1, 0, 0, 0], () => {
    encoder.attribute(1, () => encoder.string("fw"));
    encoder.attribute(2, () => encoder.string("input"));
    encoder.attribute(3, () => encoder.networkLong(7));
    encoder.attribute(4, () => encoder.networkWord(type));
    encoder.nested(5, () => encoder.attribute(1, () => encoder.networkWord(verdict)));
    encoder.attribute(6, () => encoder.networkWord(12_345));
    if (policy !== null) encoder.attribute(16, () => encoder.networkWord(policy));
  }).bytes;
}

Deno.test("parseTrace() tells a drop from all other verdicts, and a program that gets a packet", () => {
  const dropsOf = (...event: Parameters<typeof eventOf>) =>
    parseTrace(eventOf(...event)).map(({ isDropped }) => isDropped);
  const queues = [0, 1, 0x000b_0003, 0x0003_0003, 0xffff_ffff, 0xffff_fffd].filter((verdict) =>
    parseTrace(eventOf(3, verdict))[0]!.isQueued
  );
  assert.deepEqual(queues, [0x000b_0003, 0x0003_0003]);
  const [drop, dropWithErrno, accept, queue, goOn, jump] = [
    0,
    0x0001_0000,
    1,
    0x000b_0003,
    0xffff_ffff,
    0xffff_fffd,
  ];
  assert.deepEqual(dropsOf(3, drop!), [true]);
  assert.deepEqual(dropsOf(3, dropWithErrno!), [true]);
  for (const verdict of [accept, queue, goOn, jump]) assert.deepEqual(dropsOf(3, verdict!), [false]);
  assert.deepEqual(dropsOf(1, goOn!, 0), [true]);
  assert.deepEqual(dropsOf(1, goOn!, 1), [false]);
  assert.deepEqual(dropsOf(2, drop!), []);
});

Deno.test("parseTrace() reads where a packet was, and nothing from what is no event", () => {
  const [event] = parseTrace(eventOf(3, 0));
  const { id, family, table, chain, handle, from, to } = event!;
  assert.deepEqual([id, family, table, chain, handle, from, to], [12_345, "inet", "fw", "input", 7, 0, 0]);
  assert.equal(parseTrace(eventOf(1, 0, 0))[0]!.handle, null);
  assert.deepEqual(parseTrace(eventOf(3, 0).subarray(0, 30)), []);
  assert.deepEqual(parseTrace(new Uint8Array(40)), []);
});
