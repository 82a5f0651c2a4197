import assert from "node:assert/strict";
import { constants } from "node:os";
import { type Asker, askKernel, InterruptedDump } from "../../../ffi/dump.ts";
import type { Libc } from "../../../ffi/libc.ts";
import type { Message } from "../../../ffi/netlink_messages.ts";
import { makeRequest } from "../../../ffi/netlink_encoding.ts";
import { SysError } from "../../../ffi/sys_error.ts";

const MULTI = 2;
const INTERRUPTED = 0x10;
const DONE = 3;
const ERROR = 2;
const OURS = 20;
/** A message that the kernel sends: its type, flags and one number. */
type Sent = readonly [type: number, flags: number, value: number];
/** What comes next: messages, an errno, or something else. */
type Event =
  | {
    readonly messages: readonly Sent[];
    readonly sender?: number;
    readonly sequence?: number;
    readonly length?: number;
  }
  | { readonly errno: keyof typeof constants.errno };

/** A C library whose kernel answers a request as given. */
class FakeLibc {
  opened = 0;
  closed = 0;
  requests = 0;
  readonly options: [level: number, option: number][] = [];
  readonly #events: Event[];
  #sequence = 0;

  constructor(...events: readonly Event[]) {
    this.#events = [...events];
  }

  readonly symbols = {
    socket: () => ++this.opened,
    close: () => ++this.closed,
    bind: () => 0,
    setsockopt: (_fd: number, level: number, option: number) => {
      this.options.push([level, option]);
      return 0;
    },
    sendto: (_fd: number, message: Uint8Array) => {
      this.requests++;
      this.#sequence = new DataView(message.buffer, message.byteOffset).getUint32(8, true);
      return message.length;
    },
  };

  check(_action: string, _call: string, result: number): number {
    return result;
  }

  error(action: string, call: string, errno: number): SysError {
    return new SysError(action, call, errno, "why");
  }

  receiveFrom(action: string, _fd: number, buffer: Uint8Array): { length: number; sender: number } | null {
    const event = this.#events.shift();
    if (event === undefined) return null;
    if ("errno" in event) throw this.error(action, "recvfrom", constants.errno[event.errno]);
    const { messages, sender = 0, sequence = this.#sequence } = event;
    const bytes = messages.flatMap(([type, flags, value]) => {
      const message = new DataView(new ArrayBuffer(20));
      message.setUint32(0, 20, true);
      message.setUint16(4, type, true);
      message.setUint16(6, flags, true);
      message.setUint32(8, sequence, true);
      message.setInt32(16, value, true);
      return [...new Uint8Array(message.buffer)];
    });
    buffer.set(bytes);
    return { length: event.length ?? bytes.length, sender };
  }
}

const number = ({ type, body }: Message) => type === OURS ? body.getInt32(0, true) : null;

function ask(libc: FakeLibc, times = 1, isTolerant = false): number[] {
  const work = (asker: Asker) =>
    Array.from({ length: times }, () => asker.ask(makeRequest(18, 0, []), number)).flat();
  return askKernel(libc as unknown as Libc, 0, "things", work, isTolerant);
}

const item = (value: number, flags = MULTI): Sent => [OURS, flags, value];
const done = (flags = MULTI): Event => ({ messages: [[DONE, flags, 0]] });

Deno.test("askKernel() reads an answer of several parts to its end, and a single one", () => {
  const libc = new FakeLibc({ messages: [item(1), item(2)] }, { messages: [item(3), [DONE, MULTI, 0]] });
  assert.deepEqual(ask(libc), [1, 2, 3]);
  assert.deepEqual([libc.opened, libc.closed], [1, 1]);
  // NETLINK_GET_STRICT_CHK: else the kernel lists the routes of all tables.
  assert.deepEqual(libc.options, [[270, 12]]);
  assert.deepEqual(ask(new FakeLibc({ messages: [item(7, 0)] }, { messages: [item(8, 0)] }), 2), [7, 8]);
});

Deno.test("askKernel() ignores what others send, answers to earlier requests, and types that nobody asked for", () => {
  const libc = new FakeLibc(
    { messages: [item(1), [DONE, MULTI, 0]], sender: 4711 },
    { messages: [item(2), [DONE, MULTI, 0]], sequence: 77 },
    { messages: [[1, 0, 0]] },
    { messages: [[1, MULTI, 0], [99, MULTI, 5], item(3)] },
    done(),
  );
  assert.deepEqual(ask(libc), [3]);
});

Deno.test("askKernel() asks again, by another socket, when what it asked for changed or had no room", () => {
  const libc = new FakeLibc(
    { messages: [item(1, MULTI | INTERRUPTED)] },
    done(),
    { messages: [item(1)] },
    { errno: "ENOBUFS" },
    { errno: "EINTR" },
    { messages: [item(2)] },
    done(),
  );
  assert.deepEqual(ask(libc), [2]);
  assert.deepEqual([libc.requests, libc.opened, libc.closed], [3, 3, 3]);
  const last = new FakeLibc(
    { messages: [item(1)] },
    done(MULTI | INTERRUPTED),
    { messages: [item(5)] },
    done(),
  );
  assert.deepEqual(ask(last), [5]);
});

Deno.test("askKernel() gives up on what changes all the time", () => {
  const events = Array.from({ length: 20 }, () => done(MULTI | INTERRUPTED));
  const libc = new FakeLibc(...events);
  assert.throws(
    () => ask(libc),
    (error) => error instanceof InterruptedDump && /they change all the/.test(error.message),
  );
  assert.deepEqual([libc.requests, libc.closed], [10, 10]);
});

Deno.test("askKernel() takes what it gets at last, where that is wanted", () => {
  const events = Array.from({ length: 10 }, (_, index): Event[] => [
    { messages: [item(index)] },
    done(MULTI | INTERRUPTED),
  ]).flat();
  const libc = new FakeLibc(...events);
  assert.deepEqual(ask(libc, 1, true), [9]);
  assert.deepEqual([libc.requests, libc.closed], [10, 10]);
  const full = Array.from({ length: 10 }, (): Event => ({ errno: "ENOBUFS" }));
  assert.throws(() => ask(new FakeLibc(...full), 1, true), InterruptedDump, "but no part of it");
});

Deno.test("askKernel() fails with the kernel's errno, also at the end of what it listed, and closes its socket", () => {
  for (const last of [[ERROR, 0, -1], [DONE, MULTI, -1]] as const) {
    const libc = new FakeLibc({ messages: [item(1)] }, { messages: [last] });
    assert.throws(() => ask(libc), { code: "EPERM", message: "Cannot read things: EPERM (why)" });
    assert.equal(libc.closed, 1);
  }
});

Deno.test("askKernel() takes no answer, a part of one, and what is no message for errors", () => {
  const partial = { messages: [item(1)] };
  for (
    const events of [
      [],
      [partial],
      [{ ...partial, length: 70_000 }, done()],
      [{ ...partial, length: 10 }, done()],
      [{ ...partial, length: 0 }, done()],
    ]
  ) {
    assert.throws(() => ask(new FakeLibc(...events)), { code: "EPROTO" });
  }
});
