import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import { type Terminal, watchStatus } from "../../../lib/commands/watch.ts";
import { ALL, OFFICE, systemOf } from "./status_scene.ts";

const WATCH = { ...ALL, watch: true };

/** Who looks at a terminal of the usual size, or reads what no terminal gets. */
class Reader implements Terminal {
  readonly written: string[] = [];
  press: ((keys: string) => void) | null = null;
  readonly size: Terminal["size"];
  readonly #stopping = new AbortController();
  readonly #read: (text: string) => Promise<boolean>;

  /** @param read whether anybody still reads, once that was read */
  constructor(isTerminal: boolean, read: (text: string) => Promise<boolean> = () => Promise.resolve(true)) {
    this.size = () => isTerminal ? { columns: 80, rows: 24 } : null;
    this.#read = read;
  }

  get stop(): AbortSignal {
    return this.#stopping.signal;
  }

  readonly write = (text: string): Promise<boolean> => {
    this.written.push(text);
    return this.#read(text);
  };

  readonly onKeys = (handle: (keys: string) => void): Disposable => {
    this.press = handle;
    return { [Symbol.dispose]: () => this.press = null };
  };

  now(): Date {
    return new Date("2026-11-29T15:00:00.5Z");
  }

  end(): void {
    this.#stopping.abort();
  }
}

/** Whether the tunnels are shown, not only what prepares a terminal. */
function areShown(text: string): boolean {
  return text.includes("ipipou1");
}

Deno.test("watchStatus() writes a line each second, and ends when nobody reads", async () => {
  const readTwo = async (json: boolean) => {
    const reader: Reader = new Reader(false, () => Promise.resolve(reader.written.length < 2));
    assert.equal(await watchStatus({ ...WATCH, json }, systemOf([OFFICE]), reader), 0);
    return reader.written;
  };
  assert.deepEqual(await readTwo(false), [
    "2026-11-29T15:00:00Z ipipou1 ipipou1: up\n",
    "2026-11-29T15:00:00Z ipipou1 ipipou1 rx 0 B/s tx 0 B/s: up\n",
  ]);
  assert.deepEqual((await readTwo(true)).map((line) => JSON.parse(line)[0].tunnels.length), [1, 1]);
});

Deno.test("watchStatus() leaves a terminal as it was, also when looking fails", async () => {
  for (const isBroken of [false, true]) {
    const reader: Reader = new Reader(true, (text) => {
      if (areShown(text)) reader.press?.("q");
      return Promise.resolve(true);
    });
    const standing = () => {
      if (isBroken) throw new Error("EPERM");
      return new Map();
    };
    const watching = watchStatus(WATCH, systemOf([OFFICE], { standing }), reader);
    if (isBroken) await assert.rejects(watching, /EPERM/);
    else assert.equal(await watching, 0);
    assert.equal(reader.press, null);
    assert.equal(reader.written[0], "\x1b[?1049h\x1b[?25l");
    assert.equal(reader.written.at(-1), "\x1b[?25h\x1b[?1049l");
  }
});

Deno.test("watchStatus() ends when told to, also while nobody reads", async () => {
  for (const isTerminal of [false, true]) {
    const reader = new Reader(
      isTerminal,
      (text) => areShown(text) ? new Promise<never>(() => {}) : Promise.resolve(true),
    );
    const watching = watchStatus(WATCH, systemOf([OFFICE]), reader);
    while (!reader.written.some(areShown)) await setImmediate();
    reader.end();
    assert.equal(await watching, 0);
  }
});

Deno.test("watchStatus() draws no more frames than are read, and after many keys the last", async () => {
  let goOn = () => {};
  const reader = new Reader(true, (text) => {
    if (!areShown(text)) return Promise.resolve(true);
    return new Promise<boolean>((resolve) => goOn = () => resolve(true));
  });
  const watching = watchStatus(WATCH, systemOf([OFFICE]), reader);
  while (reader.written.length < 2) await setImmediate();
  for (const key of "/up and more") reader.press!(key);
  await setImmediate();
  assert.equal(reader.written.length, 2);
  goOn();
  await setImmediate();
  assert.match(reader.written[2]!, /\/up and more_/);
  reader.press!("\x03");
  assert.equal(await watching, 0);
  assert.equal(reader.written.length, 4);
});
