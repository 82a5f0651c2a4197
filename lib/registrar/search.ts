import { type Datagram, placeKey } from "../packet.ts";
import type { Refusal } from "../refusals.ts";
import type { Credential } from "./credentials.ts";

/** Searches that may wait. */
const MOST_SEARCHES = 1024;

/** An auth packet as it came. */
export interface AuthPacket {
  readonly datagram: Datagram;
  /** Unix seconds when it came. */
  readonly timestamp: number;
  /** Counts packets as they come. */
  readonly order: number;
}

/** The search for the key a packet is signed with. */
export interface Search {
  readonly packet: AuthPacket;
  /** The keys not tried yet, the likely ones first. */
  readonly candidates: Iterator<Credential, void>;
  /** How many they are. */
  untried: number;
  /** The refusal to tell when none of them fits. */
  readonly refusal: Refusal;
}

/**
 * The searches that wait for their turn, one for each address and port, newcomers first: a client's key is found in
 * its first turns, while junk takes all the turns there are.
 */
export class SearchQueue {
  /** By who sent the packet; those that had no turn yet. */
  readonly #newcomers = new Map<string, Search>();
  /** Those that had, the one that waited longest first. */
  readonly #others = new Map<string, Search>();

  get size(): number {
    return this.#newcomers.size + this.#others.size;
  }

  /** Tells whether there is a search for who sent a datagram from the same place. */
  has(datagram: Datagram): boolean {
    const key = keyOf(datagram);
    return this.#newcomers.has(key) || this.#others.has(key);
  }

  /** Ends the search for who sent an earlier datagram from the same place, if there is one. */
  remove(datagram: Datagram): Search | null {
    const key = keyOf(datagram);
    const search = this.#newcomers.get(key) ?? this.#others.get(key) ?? null;
    this.#newcomers.delete(key);
    this.#others.delete(key);
    return search;
  }

  /** @returns the search that makes way for it: one that had its turns, else the new one itself */
  add(search: Search): Search | null {
    if (this.size < MOST_SEARCHES) {
      this.#newcomers.set(keyOf(search.packet.datagram), search);
      return null;
    }
    const old = take(this.#others);
    if (old === null) return search;
    this.#newcomers.set(keyOf(search.packet.datagram), search);
    return old;
  }

  /** Takes out the one whose turn it is. */
  take(): Search | null {
    return take(this.#newcomers) ?? take(this.#others);
  }

  /** Puts back one that had its turn. */
  putBack(search: Search): void {
    this.#others.set(keyOf(search.packet.datagram), search);
  }

  /** The packets that are searched for, in the order they came. */
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

function keyOf({ source, destination }: Datagram): string {
  return placeKey(source, destination.port);
}
