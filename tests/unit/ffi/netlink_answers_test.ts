import assert from "node:assert/strict";
import { readAnswers } from "../../../ffi/netlink_answers.ts";
import { REFUSED_WITH_MESSAGE, TUNNEL_MOVED } from "./netlink_samples.ts";

const EINVAL = 22;
/** Bytes before the attributes of an answer that repeats just the request's header. */
const CAPPED = 36;

/** The same answer as the kernel gives it without NETLINK_CAP_ACK, with the whole request. */
function withRequest(answer: Uint8Array, body: Uint8Array): Uint8Array {
  const whole = Uint8Array.of(...answer.subarray(0, CAPPED), ...body, ...answer.subarray(CAPPED));
  const view = new DataView(whole.buffer);
  view.setUint32(0, whole.length, true);
  view.setUint16(6, view.getUint16(6, true) & ~0x100, true);
  view.setUint32(20, 16 + body.length, true);
  return whole;
}

Deno.test("readAnswers() tells to which request an answer belongs, and what the kernel says", () => {
  const answer = { sequence: 10, errno: EINVAL, message: "ipv4: Invalid prefix length" };
  assert.deepEqual(readAnswers(REFUSED_WITH_MESSAGE), [answer]);
  assert.deepEqual(readAnswers(withRequest(REFUSED_WITH_MESSAGE, new Uint8Array(24).fill(1))), [answer]);
});

Deno.test("readAnswers() takes an answer without a message, and leaves out what is no answer", () => {
  const bare = REFUSED_WITH_MESSAGE.slice(0, CAPPED);
  new DataView(bare.buffer).setUint32(0, CAPPED, true);
  assert.deepEqual(readAnswers(bare), [{ sequence: 10, errno: EINVAL, message: null }]);
  const both = Uint8Array.of(...TUNNEL_MOVED, ...bare);
  assert.deepEqual(readAnswers(both), [{ sequence: 10, errno: EINVAL, message: null }]);
  assert.deepEqual(readAnswers(bare.subarray(0, 18)), []);
});
