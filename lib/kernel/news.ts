import type { Transition } from "./plan.ts";
import type { KernelState } from "./state.ts";

/** Something that came, went or changed in the kernel, whoever did it. */
export type Change =
  | { readonly kind: "device"; readonly name: string }
  /** An IPv4 address of a device. */
  | { readonly kind: "address"; readonly ip: string }
  /** An IPv4 route. @see {@linkcode ROUTE_PROTOCOLS} */
  | { readonly kind: "route"; readonly protocol: number }
  /** Others, and what was too much to be kept for us. */
  | { readonly kind: "unknown" };

/** What the kernel tells of changes. FOU ports are not among them. */
export interface News extends Disposable {
  /** What happened since this was asked last. */
  changes(): readonly Change[];
  /** Has more or less kept for us until it is asked for. @param commands of `ip` that are about to run; 0: none */
  makeRoom(commands: number): void;
  /** A number that grows by one with each change of the nftables rules and sets here; null: it is not known. */
  generation(): number | null;
}

/** What our routes say of who made them: a number that iproute2 has no name for. */
export const ROUTE_PROTOCOL = 201;
/** Routes that come and go by what we do: ours, and those that the kernel makes of addresses. */
const ROUTE_PROTOCOLS: readonly number[] = [2, ROUTE_PROTOCOL];

/** Knows whether anyone else has changed something in the kernel since it was looked at. */
export class Vigil {
  readonly #news: News;
  readonly #hasGate: boolean;
  #generation: number | null = null;
  #isUndisturbed = false;

  /** @param hasGate whether the nftables matter */
  constructor(news: News, hasGate: boolean) {
    this.#news = news;
    this.#hasGate = hasGate;
  }

  /** All there is, is about to be looked at. */
  begin(): void {
    this.#news.changes();
    this.#generation = this.#currentGeneration();
    this.#isUndisturbed = this.#generation !== null;
  }

  /** Tells whether nobody but us has changed anything since `begin()`. */
  isUndisturbed(): boolean {
    return this.#accept(() => false, 0);
  }

  /** We are about to change something. */
  weChange({ withdraw, ip }: Transition): void {
    this.isUndisturbed();
    this.#news.makeRoom(withdraw.length + ip.length);
  }

  /** We have changed one state into another. */
  weChanged(from: KernelState, to: KernelState, { close, open }: Transition): void {
    const transactions = [close, open].filter(({ length }) => length > 0).length;
    const tunnels = [...from.tunnels.values(), ...to.tunnels.values()]
      .filter((tunnel) => from.tunnels.get(tunnel.name) !== to.tunnels.get(tunnel.name));
    const devices = new Set(tunnels.map(({ name }) => name));
    const ips = new Set(
      [
        ...tunnels.flatMap(({ inner }) => inner?.ip ?? []),
        ...from.altAddresses.keys(),
        ...to.altAddresses.keys(),
      ],
    );
    this.#accept((change) => {
      switch (change.kind) {
        case "device":
          return devices.has(change.name);
        case "address":
          return ips.has(change.ip);
        case "route":
          return ROUTE_PROTOCOLS.includes(change.protocol);
        case "unknown":
          return false;
      }
    }, transactions);
    this.#news.makeRoom(0);
  }

  #accept(isOurs: (change: Change) => boolean, transactions: number): boolean {
    if (!this.#isUndisturbed) return false;
    const expected = this.#generation! + transactions;
    this.#generation = this.#currentGeneration();
    return this.#isUndisturbed = this.#news.changes().every(isOurs) && this.#generation === expected;
  }

  #currentGeneration(): number | null {
    return this.#hasGate ? this.#news.generation() : 0;
  }
}
