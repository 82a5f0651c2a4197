import type { Clock, Random, ServiceManager } from "../../../lib/ports.ts";
import type { VirtualClock } from "./clock.ts";
import { FakeSysError } from "./sys_error.ts";

/** Randomness that is the same for the same seed. */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** As the generator mulberry32 does. */
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

/** Hosts by name. */
export class FakeResolver {
  readonly #clock: VirtualClock;
  /** IPv4 addresses by name; one that is not here is not found. */
  readonly addresses = new Map<string, string>();
  /** Milliseconds that an answer, or that there is none, takes; 0: none but its turn. */
  delay = 0;
  /** Names asked for so far. */
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

/** A service manager that remembers what it was told. */
export class FakeServiceManager implements ServiceManager {
  readonly messages: string[] = [];
  readonly period: number;
  /** Whether it cannot be told anything. */
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

  /** The last thing that it was told of a name: "STATUS". */
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
