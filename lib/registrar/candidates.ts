import type { Credential } from "./credentials.ts";
import type { KeyHints } from "./key_hints.ts";
import type { AuthPacket } from "./search.ts";
import type { Sightings } from "./sightings.ts";

/** Milliseconds for which a list of the keys that are not in use is good. */
const IDLE_MILLISECONDS = 1_000;

/** Orders the keys that a packet may be signed with. */
export class Candidates {
  readonly #sightings: Sightings;
  readonly #hints: KeyHints;
  readonly #isInUse: (key: Credential, now: number) => boolean;
  #idle: { since: number; keys: readonly Credential[] } = { since: -Infinity, keys: [] };

  /** @param isInUse whether a key is one of a peer that is admitted, at milliseconds of `Clock.now()` */
  constructor(
    sightings: Sightings,
    hints: KeyHints,
    isInUse: (key: Credential, now: number) => boolean,
  ) {
    this.#sightings = sightings;
    this.#hints = hints;
    this.#isInUse = isInUse;
  }

  /** A key may no longer be in use. */
  update(): void {
    this.#idle = { since: -Infinity, keys: [] };
  }

  /** Whether a packet hints at a key. */
  hintsAt(
    key: Credential,
    { datagram: { payload }, timestamp }: Pick<AuthPacket, "datagram" | "timestamp">,
  ): boolean {
    return this.#hints.find(payload, timestamp).includes(key);
  }

  /**
   * All keys, each once: last used at this endpoint, unless its packets had hints; hinted at; null; by turns,
   * last used at this endpoint or address, and unused; null; the rest.
   */
  *of(
    { datagram: { source, payload }, timestamp }: AuthPacket,
    now: number,
  ): Generator<Credential | null, void> {
    const tried = new Set<Credential>();
    const sightings = this.#sightings;
    const here = [sightings.at(source) ?? []].flat();
    const groups = [
      () => [
        ...here.filter((key) => !sightings.get(key)!.isHinted),
        ...this.#hints.find(payload, timestamp),
      ],
      () => alternate([...here, ...sightings.near(source)].values(), this.#idleKeys(now)),
    ];
    for (const group of groups) {
      for (const key of group()) {
        if (tried.has(key)) continue;
        tried.add(key);
        yield key;
      }
      yield null;
    }
    for (const key of sightings.latestFirst) if (!tried.has(key)) yield key;
  }

  /** The keys that are not in use, the latest used first. To look at all takes long, so that is done once a second. */
  #idleKeys(now: number): IteratorObject<Credential> {
    if (now - this.#idle.since >= IDLE_MILLISECONDS) {
      const keys = this.#sightings.latestFirst.filter((key) => !this.#isInUse(key, now));
      this.#idle = { since: now, keys };
    }
    return this.#idle.keys.values().filter((key) => !this.#isInUse(key, now));
  }
}

/** Takes from both by turns, because either may be long while the right item is in the other. */
function* alternate<T>(...both: readonly [Iterator<T>, Iterator<T>]): Generator<T, void> {
  for (let left = [...both]; left.length > 0;) {
    const taken = left.map((one) => ({ one, next: one.next() })).filter(({ next }) => !next.done);
    for (const { next } of taken) yield next.value as T;
    left = taken.map(({ one }) => one);
  }
}
