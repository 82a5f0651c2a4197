import assert from "node:assert/strict";
import { EXIT } from "../../../lib/errors.ts";
import { inTime, LateError, LineReader, writeText } from "../../../lib/status/lines.ts";
import { VirtualClock } from "../fake/clock.ts";

/** A connection on which a text comes in chunks of so many bytes, and then its end. */
function connectionWith(text: string, chunk: number): { read(into: Uint8Array): Promise<number | null> } {
  let rest = new TextEncoder().encode(text);
  return {
    read: (into) => {
      const next = rest.subarray(0, Math.min(chunk, into.length));
      rest = rest.subarray(next.length);
      into.set(next);
      return Promise.resolve(next.length === 0 ? null : next.length);
    },
  };
}

async function linesOf(text: string, chunk: number, longest: number): Promise<string[]> {
  const reader = new LineReader(connectionWith(text, chunk), longest);
  const lines: string[] = [];
  for (let line = await reader.next(); line !== null; line = await reader.next()) lines.push(line);
  return lines;
}

Deno.test("LineReader reads lines, in whatever pieces they come", async () => {
  const lines = ["one", "", "zwölf", "x".repeat(9_000)];
  for (const chunk of [1, 2, 7, 10_000]) {
    assert.deepEqual(await linesOf(`${lines.join("\n")}\nwithout an end`, chunk, 9_000), lines);
  }
});

Deno.test("LineReader reads lines up to the longest, and nothing from a longer one on", async () => {
  for (const chunk of [1, 3, 100]) {
    assert.deepEqual(await linesOf("1\n12345\n12345\n123456\n1\n", chunk, 5), ["1", "12345", "12345"]);
    assert.deepEqual(await linesOf("123456", chunk, 5), []);
  }
});

Deno.test("writeText() writes all, however little is taken at once", async () => {
  let written = "";
  const write = (bytes: Uint8Array) => {
    written += new TextDecoder().decode(bytes.subarray(0, 3));
    return Promise.resolve(Math.min(3, bytes.length));
  };
  await writeText({ write }, "a text\n");
  assert.equal(written, "a text\n");
});

Deno.test("inTime() waits for so long, and leaves nothing that waits", async () => {
  const clock = new VirtualClock();
  assert.equal(await inTime(Promise.resolve(7), 5_000, clock), 7);
  await assert.rejects(inTime(Promise.reject(new Error("gone")), 5_000, clock), { message: "gone" });
  assert.equal(clock.pending, 0);
  const errors: unknown[] = [];
  inTime(new Promise(() => {}), 5_000, clock).catch((error) => errors.push(error));
  await clock.advance(4_999);
  assert.deepEqual(errors, []);
  await clock.advance(1);
  assert.deepEqual(errors, [new LateError("no answer within 5 s", EXIT.failure)]);
  assert.equal(clock.pending, 0);
});
