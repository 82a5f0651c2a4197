import { type Endpoint, formatEndpoint } from "../packet.ts";
import type { Credential } from "./credentials.ts";

interface Sighting {
  readonly source: Endpoint;
  readonly peer: string;
  /** Whether the packet hinted at its key. The next ones from there do too, then. */
  readonly isHinted: boolean;
}

/** Remembers where keys were last used, so that likely ones are tried first. */
export class Sightings {
  /** In the order of use, the latest last; null: never used. */
  readonly #sightings = new Map<Credential, Sighting | null>();
  readonly #bySource = new Map<string, Credential>();
  /** By address, the latest used last. */
  readonly #byAddress = new Map<string, Set<Credential>>();
  #latestFirst: readonly Credential[] | null = null;

  constructor(keys: readonly Credential[]) {
    for (const key of keys.toReversed()) this.#sightings.set(key, null);
  }

  /** Takes over the sightings under earlier settings. */
  takeOver(earlier: Sightings, translate: (credential: Credential) => Credential | undefined): void {
    for (const [credential, sighting] of earlier.#sightings) {
      const same = translate(credential);
      if (same !== undefined && sighting !== null) this.note(same, sighting);
    }
  }

  note(credential: Credential, sighting: Sighting): void {
    const before = this.#sightings.get(credential);
    if (before) this.#leave(credential, before.source);
    this.#sightings.delete(credential);
    this.#sightings.set(credential, sighting);
    this.#bySource.set(formatEndpoint(sighting.source), credential);
    const here = this.#byAddress.get(sighting.source.ip) ?? new Set();
    this.#byAddress.set(sighting.source.ip, here.add(credential));
    this.#latestFirst = null;
  }

  /** The key that was last used at this endpoint. */
  at(source: Endpoint): Credential | undefined {
    return this.#bySource.get(formatEndpoint(source));
  }

  /** The keys that were last used at this address, the latest first. */
  near({ ip }: Endpoint): readonly Credential[] {
    return [...this.#byAddress.get(ip) ?? []].reverse();
  }

  get(credential: Credential): Sighting | null {
    return this.#sightings.get(credential) ?? null;
  }

  /** All keys, the latest used first, unused ones last. */
  get latestFirst(): readonly Credential[] {
    return this.#latestFirst ??= [...this.#sightings.keys()].reverse();
  }

  #leave(credential: Credential, source: Endpoint): void {
    const endpoint = formatEndpoint(source);
    if (this.#bySource.get(endpoint) === credential) this.#bySource.delete(endpoint);
    const others = this.#byAddress.get(source.ip);
    others?.delete(credential);
    if (others?.size === 0) this.#byAddress.delete(source.ip);
  }
}
