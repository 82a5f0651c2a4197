import { type Endpoint, formatEndpoint } from "../packet.ts";
import type { Credential } from "./credentials.ts";

interface Sighting {
  readonly source: Endpoint;
  readonly peer: string;
}

/** Remembers where keys were last used, so that likely ones are tried first. */
export class Sightings {
  /** In the order of use, the latest last; null: never used. */
  readonly #sightings = new Map<Credential, Sighting | null>();
  readonly #bySource = new Map<string, Credential>();
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
    if (before && this.#bySource.get(formatEndpoint(before.source)) === credential) {
      this.#bySource.delete(formatEndpoint(before.source));
    }
    this.#sightings.delete(credential);
    this.#sightings.set(credential, sighting);
    this.#bySource.set(formatEndpoint(sighting.source), credential);
    this.#latestFirst = null;
  }

  /** The key that was last used at this endpoint. */
  at(source: Endpoint): Credential | undefined {
    return this.#bySource.get(formatEndpoint(source));
  }

  get(credential: Credential): Sighting | null {
    return this.#sightings.get(credential) ?? null;
  }

  /** All keys, the latest used first, unused ones last. */
  get latestFirst(): readonly Credential[] {
    return this.#latestFirst ??= [...this.#sightings.keys()].reverse();
  }
}
