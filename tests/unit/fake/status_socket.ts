import type { StatusConnection, StatusSocket } from "../../../lib/ports.ts";

/** How many bytes the kernel keeps of what nobody has read yet. */
const ROOM = 64 * 1024;

/** One way of a connection. */
class Stream {
  #bytes: number[] = [];
  #isClosed = false;
  #wake: (() => void)[] = [];

  async read(into: Uint8Array): Promise<number | null> {
    while (this.#bytes.length === 0 && !this.#isClosed) await this.#change();
    if (this.#bytes.length === 0) return null;
    const taken = this.#bytes.splice(0, into.length);
    into.set(taken);
    this.#changed();
    return taken.length;
  }

  async write(bytes: Uint8Array): Promise<number> {
    while (this.#bytes.length >= ROOM && !this.#isClosed) await this.#change();
    if (this.#isClosed) throw new Deno.errors.BrokenPipe("EPIPE");
    const taken = bytes.subarray(0, ROOM - this.#bytes.length);
    this.#bytes.push(...taken);
    this.#changed();
    return taken.length;
  }

  close(): void {
    this.#isClosed = true;
    this.#changed();
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }

  #changed(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}

function endOf(from: Stream, to: Stream): StatusConnection {
  return {
    read: (into) => from.read(into),
    write: (bytes) => to.write(bytes),
    [Symbol.dispose]: () => {
      from.close();
      to.close();
    },
  };
}

/** A unix socket on a fake host. */
export class FakeStatusSocket implements StatusSocket {
  readonly #sockets: Map<string, FakeStatusSocket>;
  readonly #label: string;
  readonly #waiting: StatusConnection[] = [];
  #accept: ((connection: StatusConnection | null) => void) | null = null;
  #isClosed = false;

  constructor(sockets: Map<string, FakeStatusSocket>, label: string) {
    this.#sockets = sockets;
    this.#label = label;
    sockets.set(label, this);
  }

  accept(): Promise<StatusConnection | null> {
    const next = this.#isClosed ? null : this.#waiting.shift();
    if (next !== undefined) return Promise.resolve(next);
    return new Promise((resolve) => this.#accept = resolve);
  }

  /** @returns the end of who asks */
  connect(): StatusConnection {
    const [there, back] = [new Stream(), new Stream()];
    const connection = endOf(there, back);
    if (this.#accept === null) this.#waiting.push(connection);
    else this.#accept(connection);
    this.#accept = null;
    return endOf(back, there);
  }

  abandon(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#sockets.get(this.#label) === this) this.#sockets.delete(this.#label);
    this.#accept?.(null);
  }

  [Symbol.dispose](): void {
    this.abandon();
  }
}
