import { type Datagram, placeKey } from "../packet.ts";
import { closerRefusal, type Refusal } from "../refusals.ts";
import type { Peer } from "../settings/settings.ts";
import type { Credential } from "./credentials.ts";

/** Most searches that may wait. */
const MOST_SEARCHES = 1024;

/** An auth packet as received. */
export interface AuthPacket {
  readonly datagram: Datagram;
  /** Unix seconds when it came. */
  readonly timestamp: number;
  /** Counts received packets. */
  readonly order: number;
}

/** The search for the key that a packet is signed with. */
export class Search {
  readonly packet: AuthPacket;
  readonly #refusal: Refusal;
  readonly #candidates: Iterator<Credential | null, void>;
  #untried: number;

  /**
   * @param refusal the one if no key fits
   * @param candidates all keys: the likeliest ones, null, likely ones, null, the rest
   * @param untried how many keys there are
   */
  constructor(
    packet: AuthPacket,
    refusal: Refusal,
    candidates: Iterator<Credential | null, void>,
    untried: number,
  ) {
    this.packet = packet;
    this.#refusal = refusal;
    this.#candidates = candidates;
    this.#untried = untried;
  }

  /** Number of keys not tried yet. */
  get untried(): number {
    return this.#untried;
  }

  /**
   * Verifies up to `most` signatures.
   *
   * @param groups how many groups of keys to try
   * @returns who sent the packet, or why it is refused; null when more keys are left
   */
  tryKeys(most: number, groups: number): Peer | Refusal | null {
    const { source, payload } = this.packet.datagram;
    for (let count = 0; count < most && this.#untried > 0;) {
      const credential = this.#candidates.next().value!;
      if (credential === null) {
        if (--groups === 0) return null;
        continue;
      }
      count++;
      this.#untried--;
      if (!credential.proof.verify(payload)) continue;
      const sender = credential.peerAt(source);
      return typeof sender === "string" ? closerRefusal(sender, this.#refusal) : sender;
    }
    return this.#untried > 0 ? null : this.#refusal;
  }
}

/**
 * The searches that wait for their turn, one for each place. New ones go first: a client's key is usually found in its
 * first turns, while junk takes all turns there are.
 */
export class SearchQueue {
  /** By `placeKey`; those that had no turn yet. */
  readonly #newcomers = new Map<string, Search>();
  /** Those that had turns, the longest waiting first. */
  readonly #others = new Map<string, Search>();

  get size(): number {
    return this.#newcomers.size + this.#others.size;
  }

  /** Whether there is a search for an earlier datagram from the same place. */
  has(datagram: Datagram): boolean {
    const key = searchKey(datagram);
    return this.#newcomers.has(key) || this.#others.has(key);
  }

  /** Removes the search for an earlier datagram from the same place. @returns it, or null */
  remove(datagram: Datagram): Search | null {
    const key = searchKey(datagram);
    const search = this.#newcomers.get(key) ?? this.#others.get(key) ?? null;
    this.#newcomers.delete(key);
    this.#others.delete(key);
    return search;
  }

  /** @returns the search dropped when there are too many: one that had turns, or else the new one; null: none */
  add(search: Search): Search | null {
    const isFull = this.size >= MOST_SEARCHES;
    const old = isFull ? take(this.#others) : null;
    if (isFull && old === null) return search;
    this.#newcomers.set(searchKey(search.packet.datagram), search);
    return old;
  }

  take(): Search | null {
    return take(this.#newcomers) ?? take(this.#others);
  }

  /** Puts back a search that had a turn. */
  putBack(search: Search): void {
    this.#others.set(searchKey(search.packet.datagram), search);
  }

  /** The packets of all searches, in the order received. */
  get packets(): AuthPacket[] {
    return [...this.#newcomers.values(), ...this.#others.values()]
      .map(({ packet }) => packet).sort((a, b) => a.order - b.order);
  }
}

function take(searches: Map<string, Search>): Search | null {
  for (const [key, search] of searches) {
    searches.delete(key);
    return search;
  }
  return null;
}

function searchKey({ source, destination }: Datagram): string {
  return placeKey(source, destination.port);
}
