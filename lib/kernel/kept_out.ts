import { isDeepStrictEqual } from "node:util";
import type { Admission } from "../admission.ts";
import { Backoff } from "../backoff.ts";
import { IpipouError } from "../errors.ts";
import { pairKey } from "./state.ts";

/** What the kernel refused, by the name of the tunnel device that it was for. */
export type Refusals = ReadonlyMap<string, IpipouError>;

/** How often in a row the kernel refused a device, and so what is done about it. */
const SUSPECT = 1;
const OUT = 2;
const STUCK = 3;

interface Entry {
  readonly times: number;
  readonly fault: IpipouError;
}

/**
 * The tunnel devices of which the kernel refused something. The first time, usually someone else has changed the kernel:
 * another look helps. The second time the device is left out of what is wanted, so that all others are served. If even
 * its removal is refused, it stays as it is, behind the gate. All are tried again when something changes, and after 1, 2,
 * 4 … 30 s, as the kernel does not tell of everything that can be in the way.
 *
 * If no device here has the outer addresses that are refused, one that was moved to another network namespace has them.
 * Then other addresses are tried, once for each device.
 */
export class KeptOut {
  readonly #entries = new Map<string, Entry>();
  /** Where the peers of these devices were when they were refused. */
  readonly #places = new Map<string, Admission>();
  /** `pairKey` of what is taken elsewhere, and the device that it was refused to. */
  readonly #elsewhere = new Map<string, string>();
  readonly #backoff = new Backoff();
  #retryAt: number | null = null;

  /** When to try again, in milliseconds of `Clock.now()`; null: nobody is kept out. */
  get retryAt(): number | null {
    return this.#retryAt;
  }

  /** Why each device is left out, by name. */
  get faults(): Refusals {
    return this.#refusedAtLeast(OUT);
  }

  /** Devices that are to stay as they are. */
  get stuck(): Refusals {
    return this.#refusedAtLeast(STUCK);
  }

  /** `pairKey` of the outer addresses that devices in other network namespaces have, and whom they were refused. */
  get elsewhere(): ReadonlyMap<string, string> {
    return this.#elsewhere;
  }

  /** Whether something was refused of a device before. */
  isKnown(device: string): boolean {
    return this.#entries.has(device);
  }

  /** Notes what was refused. @returns false: some of it was refused as often as it can be */
  add(refusals: Refusals): boolean {
    for (const [device, fault] of refusals) {
      const times = (this.#entries.get(device)?.times ?? 0) + 1;
      if (times > STUCK) return false;
      const pair = pairTaken(fault);
      const isElsewhere = times === OUT && pair !== null &&
        !this.#elsewhere.values().some((name) => name === device);
      if (isElsewhere) this.#elsewhere.set(pair, device);
      this.#entries.set(device, { times: isElsewhere ? SUSPECT : times, fault });
    }
    return true;
  }

  /** Makes all be tried again. */
  retry(): void {
    this.#retryAt = null;
    this.#elsewhere.clear();
    for (const [device, { fault }] of this.#entries) this.#entries.set(device, { times: SUSPECT, fault });
  }

  /** Makes those be tried again that have another place by now. */
  follow(placeOf: (device: string) => Admission | undefined): void {
    for (const [device, place] of this.#places) {
      const entry = this.#entries.get(device);
      const isThere = isDeepStrictEqual(place.remote, placeOf(device)?.remote);
      if (entry !== undefined && !isThere) this.#entries.set(device, { ...entry, times: SUSPECT });
    }
  }

  /** The change succeeded for all others. @param isWhole whether that is everybody */
  settle(placeOf: (device: string) => Admission | undefined, isWhole: boolean, now: number): void {
    for (const [device, { times }] of this.#entries) if (times < OUT) this.#entries.delete(device);
    this.#places.clear();
    for (const device of this.#entries.keys()) {
      const place = placeOf(device);
      if (place !== undefined) this.#places.set(device, place);
    }
    if (this.#entries.size === 0 && (isWhole || this.#elsewhere.size === 0)) {
      this.#backoff.reset();
      this.#retryAt = null;
    } else this.#retryAt ??= now + this.#backoff.next();
  }

  #refusedAtLeast(times: number): Refusals {
    const entries = [...this.#entries].filter(([, entry]) => entry.times >= times);
    return new Map(entries.map(([device, { fault }]) => [device, fault]));
  }
}

/** `pairKey` of a tunnel's outer addresses that the kernel says somebody has. */
function pairTaken({ message }: IpipouError): string | null {
  const [, remote, local] = / type ipip remote (\S+) local (\S+) .*': .*File exists/.exec(message) ?? [];
  return remote === undefined ? null : pairKey(local!, remote);
}
