import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { LogOutput } from "../../lib/log_output.ts";
import { VirtualClock } from "./fake/clock.ts";

/** Somebody who reads when told to. */
class Reader {
  /** Fails what is written from now on. */
  error: Error | null = null;
  /** Most bytes that it takes at once. */
  most = Infinity;
  writes = 0;
  /** Most bytes that it was given at once. */
  longest = 0;
  readonly #bytes: number[] = [];
  #isReading = true;
  #readOnce: () => void = () => {};

  stop(): void {
    this.#isReading = false;
  }

  resume(): void {
    this.#isReading = true;
    this.#readOnce();
  }

  /** Lets one write succeed, and the next one begin. */
  async readOnce(): Promise<void> {
    this.#readOnce();
    await new Promise((resolve) => setImmediate(resolve));
  }

  async write(bytes: Uint8Array): Promise<number> {
    if (!this.#isReading) await new Promise<void>((resolve) => this.#readOnce = resolve);
    await Promise.resolve();
    if (this.error !== null) throw this.error;
    this.writes++;
    this.longest = Math.max(this.longest, bytes.length);
    const taken = bytes.subarray(0, this.most);
    for (const byte of taken) this.#bytes.push(byte);
    return taken.length;
  }

  get text(): string {
    return new TextDecoder().decode(new Uint8Array(this.#bytes));
  }

  get lines(): string[] {
    return this.text.split("\n");
  }
}

function makeOutput(): { reader: Reader; clock: VirtualClock; output: LogOutput } {
  const [reader, clock] = [new Reader(), new VirtualClock()];
  const output = new LogOutput(reader, clock);
  output.formatWarning = (message, event) => {
    assert.deepEqual(event, { event: "lines-lost", count: Number.parseInt(message) });
    return `Warning: ${message}`;
  };
  return { reader, clock, output };
}

Deno.test("LogOutput writes lines in their order, also where only parts of them are taken", async () => {
  const { reader, output } = makeOutput();
  reader.most = 3;
  for (const line of ["first", "zweite Zeile: ä", "3"]) output.write(line);
  await output.flush(1000);
  assert.equal(reader.text, "first\nzweite Zeile: ä\n3\n");
  await output.flush(1000);
});

Deno.test("LogOutput keeps a bounded part of what nobody reads, and says in its place how much is lost", async () => {
  const { reader, output } = makeOutput();
  reader.stop();
  output.write("in the pipe");
  const line = (index: number) => `${index} ${"x".repeat(100_000)}`;
  for (let index = 0; index < 1000; index++) output.write(line(index));
  for (let index = 0; index < 1000; index++) output.write("short");
  reader.resume();
  await output.flush(1000);
  const kept = reader.lines.findIndex((line) => line.startsWith("Warning"));
  assert.ok(kept > 20 && kept < 60, `kept ${kept}`);
  assert.ok(reader.longest < 2 * line(0).length, "one at a time, as they are long");
  assert.deepEqual(reader.lines.slice(0, kept), [
    "in the pipe",
    ...Array.from({ length: kept - 1 }, (_, index) => line(index)),
  ]);
  assert.deepEqual(reader.lines.slice(kept), [
    `Warning: ${2001 - kept} lines are missing here: nobody read this log for too long`,
    "",
  ]);
  output.write("after that");
  await output.flush(1000);
  assert.deepEqual(reader.lines.slice(-2), ["after that", ""]);
});

Deno.test("LogOutput has room again for what comes after the line about a loss is on its way", async () => {
  const { reader, output } = makeOutput();
  reader.stop();
  const long = "x".repeat(3_000_000);
  for (const line of ["1", long, long, "lost too"]) output.write(line);
  await reader.readOnce();
  await reader.readOnce();
  output.write("kept");
  reader.resume();
  await output.flush(1000);
  const short = reader.lines.map((line) => line.slice(0, 40));
  assert.deepEqual(short, ["1", "x".repeat(40), short[2], "kept", ""]);
  assert.match(short[2]!, /^Warning: 2 lines are missing here/);
});

Deno.test("LogOutput has room again for what comes after what was lost, and after what was written", async () => {
  const { reader, output } = makeOutput();
  const long = "x".repeat(2_500_000);
  reader.error = new Error("gone");
  for (const line of ["1", long]) output.write(line);
  await output.flush(1000);
  reader.error = null;
  for (let written = 1; written <= 2; written++) {
    output.write(long);
    await output.flush(1000);
    assert.equal(reader.lines.filter((line) => line === long).length, written);
  }
});

Deno.test("LogOutput loses what cannot be written, tries again with each line, and tells of the loss in a line of its own", async () => {
  const { reader, output } = makeOutput();
  reader.error = new Error("No space left on device");
  for (const line of ["1", "2", "3"]) output.write(line);
  await output.flush(1000);
  output.write("4");
  await output.flush(1000);
  assert.equal(reader.text, "");
  reader.error = null;
  output.write("5");
  await output.flush(1000);
  assert.equal(reader.text, "Warning: 4 lines are missing here: No space left on device\n5\n");
});

Deno.test("LogOutput writes what waits at once", async () => {
  const { reader, output } = makeOutput();
  const lines = Array.from({ length: 1000 }, (_, index) => `line ${index}`);
  for (const line of lines) output.write(line);
  await output.flush(1000);
  assert.deepEqual(reader.lines, [...lines, ""]);
  assert.ok(reader.writes < 10, `${reader.writes} writes`);
});

Deno.test("LogOutput knows which of the lines that it writes at once were written", async () => {
  for (const [bytes, cut] of [[4, ""], [5, "3\n"]] as const) {
    const { reader, output } = makeOutput();
    reader.stop();
    reader.most = bytes;
    for (const line of ["0", "1", "2", "3", "4"]) output.write(line);
    for (const text of ["0\n", "0\n1\n2\n".padEnd(2 + bytes, "3")]) {
      await reader.readOnce();
      assert.equal(reader.text, text);
    }
    reader.error = new Error("gone");
    await reader.readOnce();
    Object.assign(reader, { error: null, most: Infinity });
    reader.resume();
    output.write("next");
    await output.flush(1000);
    assert.equal(reader.text, `0\n1\n2\n${cut}Warning: 2 lines are missing here: gone\nnext\n`);
  }
});

/** An output of whose line "abcdef" three bytes are written, and no more for now. */
async function makeCutOutput(): Promise<ReturnType<typeof makeOutput>> {
  const made = makeOutput();
  const { reader, output } = made;
  reader.most = 3;
  output.write("abcdef");
  while (reader.text === "") await Promise.resolve();
  reader.error = new Error("gone");
  await output.flush(1000);
  return made;
}

Deno.test("LogOutput begins a line anew after one that was cut", async () => {
  const { reader, output } = await makeCutOutput();
  Object.assign(reader, { error: null, most: Infinity });
  output.write("next");
  await output.flush(1000);
  assert.equal(reader.text, "abc\nWarning: 1 line is missing here: gone\nnext\n");
});

Deno.test("LogOutput counts each line that is lost after one that was cut, also where just that one is ended", async () => {
  for (const isEnded of [false, true]) {
    const { reader, output } = await makeCutOutput();
    if (isEnded) Object.assign(reader, { error: null, most: 1 });
    output.write("lost too");
    while (isEnded && reader.text === "abc") await Promise.resolve();
    reader.error = new Error("gone");
    await output.flush(1000);
    Object.assign(reader, { error: null, most: Infinity });
    output.write("next");
    await output.flush(1000);
    assert.equal(reader.text, "abc\nWarning: 2 lines are missing here: gone\nnext\n");
  }
});

Deno.test("LogOutput tries again later where a stream does not wait", async () => {
  const { reader, clock, output } = makeOutput();
  reader.error = new Deno.errors.WouldBlock("try again");
  output.write("1");
  output.write("2");
  await clock.advance(2_000);
  assert.equal(reader.text, "");
  reader.error = null;
  await clock.advance(1_000);
  assert.equal(reader.text, "1\n2\n");
});

Deno.test("flush() waits for so long, and no longer", async () => {
  const { reader, clock, output } = makeOutput();
  reader.stop();
  output.write("1");
  let isOver = false;
  output.flush(1_000).then(() => isOver = true);
  await clock.advance(999);
  assert.equal(isOver, false);
  await clock.advance(1);
  assert.equal(isOver, true);
  reader.resume();
  await output.flush(1_000);
  assert.equal(reader.text, "1\n");
});
