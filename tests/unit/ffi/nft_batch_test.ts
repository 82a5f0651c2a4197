import assert from "node:assert/strict";
import { Attributes } from "../../../ffi/attributes.ts";
import { type Message, messagesIn } from "../../../ffi/netlink_messages.ts";
import { Sequences } from "../../../ffi/netlink_sequences.ts";
import { encodeBatch } from "../../../ffi/nft_batch.ts";
import { ACCEPT, type Element, type ElementsRequest } from "../../../lib/requests.ts";

const BEGIN = 16;
const END = 17;
const NEW_ELEMENTS = 0xa0c;
const ACK = 4;
const ELEMENTS = 3;
const TABLE_HEADER = 4;

function elements(count: number): Element[] {
  return Array.from({ length: count }, (_, index) => ({
    key: [`198.51.${index >> 8}.${index & 255}`, 40_000, 10_000],
    timeout: 1_000,
    value: ACCEPT,
  }));
}

function request(count: number): ElementsRequest {
  return { kind: "elements", verb: "add", table: "ipipou", set: "remotes-hub", elements: elements(count) };
}

/** How many attributes a message has in its list. */
function countIn({ body }: Message): number {
  const list = new Attributes(body, TABLE_HEADER).bytes(ELEMENTS)!;
  let count = 0;
  for (let at = 0; at < list.length; at += list[at]! + list[at + 1]! * 256) count++;
  return count;
}

Deno.test("encodeBatch() puts as many elements into a message as an attribute holds, all in one transaction", () => {
  const { bytes, requests } = encodeBatch([request(1), request(5_000), request(2)], new Sequences(100));
  const messages = messagesIn(bytes) as Message[];
  assert.ok(!messages.includes(null as never));
  assert.deepEqual([messages[0]!.type, messages.at(-1)!.type], [BEGIN, END]);
  const between = messages.slice(1, -1);
  assert.ok(between.length > 4 && between.every(({ type }) => type === NEW_ELEMENTS));
  assert.deepEqual(messages.map(({ sequence }) => sequence), messages.map((_, at) => 100 + at));
  const counts = [0, 0, 0];
  for (const message of between) counts[requests.get(message.sequence)!]! += countIn(message);
  assert.deepEqual(counts, [1, 5_000, 2]);
  assert.deepEqual(
    between.map(({ flags }) => flags & ACK),
    between.map((_, at) => at === between.length - 1 ? ACK : 0),
  );
});
