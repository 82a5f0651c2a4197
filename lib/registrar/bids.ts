import type { Admission } from "../admission.ts";
import { type Endpoint, placeKey } from "../packet.ts";
import type { Peer } from "../settings/settings.ts";
import type { AuthPacket } from "./search.ts";

/** A peer's proof that it is at a place. */
export interface Bid {
  readonly peer: Peer;
  readonly packet: AuthPacket;
  readonly admission: Admission & { readonly remote: Endpoint };
}

/** A bid for a place that another peer has. */
export interface WaitingBid extends Bid {
  /** When this place was bid for first, milliseconds of `Clock.now()`. */
  readonly since: number;
}

/** The bids that wait: the latest of each peer, and one for each place. */
export class Bids {
  readonly #byPeer = new Map<string, WaitingBid>();
  /** Peer names by `placeKey`. */
  readonly #byPlace = new Map<string, string>();

  /** Adds a bid instead of its peer's earlier one, and of another peer's for the same place. */
  add(bid: Bid, since: number): void {
    const place = placeOf(bid);
    const rival = this.at(place);
    this.remove(bid.peer.name);
    if (rival !== undefined) this.remove(rival.peer.name);
    this.#byPeer.set(bid.peer.name, { ...bid, since: rival?.since ?? since });
    this.#byPlace.set(place, bid.peer.name);
  }

  remove(peer: string): void {
    const bid = this.#byPeer.get(peer);
    if (bid === undefined) return;
    this.#byPeer.delete(peer);
    this.#byPlace.delete(placeOf(bid));
  }

  /** The bid of a peer. */
  of(peer: string): Bid | undefined {
    return this.#byPeer.get(peer);
  }

  /** The bid for a place. @param place `placeKey` */
  at(place: string): WaitingBid | undefined {
    const peer = this.#byPlace.get(place);
    return peer === undefined ? undefined : this.#byPeer.get(peer);
  }

  get list(): readonly WaitingBid[] {
    return [...this.#byPeer.values()];
  }
}

/** The `placeKey` of the place that is bid for. */
export function placeOf({ admission: { remote, port } }: Pick<Bid, "admission">): string {
  return placeKey(remote, port);
}
