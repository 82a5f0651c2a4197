import type { Clock, Random, ServiceManager } from "../../../lib/ports.ts";
import type { VirtualClock } from "./clock.ts";
import { FakeSysError } from "./sys_error.ts";

/** Random numbers that are the same for the same seed. */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** The generator mulberry32. */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b_79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ this.#state >>> 15, 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed)) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => Math.floor(this.fraction() * 256));
  }
}

/** A resolver of host names. */
export class FakeResolver {
  readonly #clock: VirtualClock;
  /** IPv4 addresses by name. Other names are not found. */
  readonly addresses = new Map<string, string>();
  /** Milliseconds that an answer takes, found or not; 0: only a turn of the event loop. */
  delay = 0;
  /** The names asked for so far. */
  readonly asked: string[] = [];

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  async resolve(host: string): Promise<string> {
    this.asked.push(host);
    if (this.delay > 0) await this.#clock.waitUntil(this.#clock.now() + this.delay);
    const ip = /^\d+\.\d+\.\d+\.\d+$/.test(host) ? host : this.addresses.get(host);
    if (ip !== undefined) return ip;
    throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: "ENOTFOUND" });
  }
}

/** A service manager that records what it is told. */
export class FakeServiceManager implements ServiceManager {
  readonly messages: string[] = [];
  readonly period: number;
  /** Whether notifications to it fail. */
  isAway = false;
  isDisposed = false;
  readonly #clock: Clock;

  constructor(clock: Clock, period = 30_000) {
    this.#clock = clock;
    this.period = period;
  }

  get time(): bigint {
    return BigInt(Math.floor(this.#clock.now() * 1000));
  }

  /** The last value that it was told for a name such as "STATUS". */
  last(name: string): string | null {
    const lines = this.messages.flatMap((message) => message.split("\n"));
    return lines.findLast((line) => line.startsWith(`${name}=`))?.slice(name.length + 1) ?? null;
  }

  send(message: string): void {
    if (this.isAway) throw new FakeSysError("notify the service manager", "sendto", "ECONNREFUSED");
    this.messages.push(message);
  }

  [Symbol.dispose](): void {
    this.isDisposed = true;
  }
}
