import { type Admission, isLive, isSamePlace } from "../admission.ts";
import { placeKey } from "../packet.ts";
import { type Bid, Bids, placeOf, type WaitingBid } from "./bids.ts";

/**
 * Milliseconds in which a peer must authenticate to keep its place against another's bid. Two of the usual keepalives,
 * 25 s apart, fall into it, so one may be lost.
 */
export const BID_MILLISECONDS = 55_000;

/** A peer's arrival at its place. */
interface Arrival {
  /** Milliseconds of `Clock.now()`. */
  readonly since: number;
  /** Number of its latest auth packet. */
  readonly order: number;
}

/** A bid that gave its peer the place. */
export interface Seat extends Bid {
  /** The peer's admission before; null when it is new. */
  readonly previous: Admission | null;
  /** The peer that had this place, and is parked now. */
  readonly displaced: string | null;
}

/** Of a peer that sent no auth packet to this run. */
const LONG_AGO: Arrival = { since: -Infinity, order: 0 };

/**
 * Keeps the admissions, with at most one peer at each place. A peer keeps its place against bids of others, which anyone
 * with a key can make from any source: until its lifetime ends, until it proves to be elsewhere, or until it has not
 * authenticated there for a while after the bid. So those whose NAT swaps their places both have them at once.
 */
export class Roll {
  readonly #admissions = new Map<string, Admission>();
  readonly #arrivals = new Map<string, Arrival>();
  /** Peer names by `placeKey`. */
  readonly #occupants = new Map<string, string>();
  readonly #bids = new Bids();
  /** No lifetime ends before this moment. */
  #firstEnd = Infinity;

  /** By peer name. */
  get admissions(): ReadonlyMap<string, Admission> {
    return this.#admissions;
  }

  /** Bids for places that other peers have. */
  get bids(): readonly WaitingBid[] {
    return this.#bids.list;
  }

  arrivalOf(peer: string): Arrival {
    return this.#arrivals.get(peer) ?? LONG_AGO;
  }

  /** Number of the latest auth packet that proved where a peer is. */
  latestOf(peer: string): number {
    return Math.max(this.arrivalOf(peer).order, this.#bids.of(peer)?.packet.order ?? 0);
  }

  /** Sets a peer's admission. @returns the peer that had its place and is parked now, or null */
  set(peer: string, admission: Admission, arrival: Arrival, now: number): string | null {
    this.#leave(peer);
    const place = admission.remote === null ? null : placeKey(admission.remote, admission.port);
    const other = place === null ? null : this.#occupants.get(place) ?? null;
    if (other !== null) this.park(other, now);
    this.#admissions.set(peer, admission);
    this.#arrivals.set(peer, arrival);
    if (place !== null) this.#occupants.set(place, peer);
    if (place !== null) this.#firstEnd = Math.min(this.#firstEnd, admission.expiresAt ?? Infinity);
    return other;
  }

  /** Parks a peer: takes its place away. */
  park(peer: string, now: number): void {
    const admission = this.#admissions.get(peer)!;
    this.#leave(peer);
    const expiresAt = isLive(admission, now) ? now : admission.expiresAt;
    this.#admissions.set(peer, { ...admission, remote: null, expiresAt });
  }

  /** Parks a peer that said good-bye by the auth packet of this number, and forgets where it wanted to be. */
  dismiss(peer: string, order: number, now: number): void {
    this.#bids.remove(peer);
    this.park(peer, now);
    this.#arrivals.set(peer, { ...this.arrivalOf(peer), order });
  }

  /** Handles a proof. @returns the peer that has the place, if the bid waits; and all that are seated now */
  bid(bid: Bid, now: number): { holder: string | null; seats: Seat[] } {
    const { name } = bid.peer;
    const previous = this.#admissions.get(name) ?? null;
    const holder = this.#holderOf(placeOf(bid), now);
    const isFree = holder === null || holder === name;
    if (!isFree) this.#bids.add(bid, now);
    const seats = isFree ? [this.#seat(bid, now)] : [];
    if (previous !== null && previous.remote !== null) {
      const place = placeKey(previous.remote, previous.port);
      const next = this.#bids.at(place);
      if (next !== undefined && this.#holderOf(place, now) === null) seats.push(this.#seat(next, now));
    }
    return { holder: isFree ? null : holder, seats };
  }

  /** Waits on for bids of an earlier roll. */
  takeOver(bids: Iterable<WaitingBid>): void {
    for (const { peer: { name } } of this.bids) this.#bids.remove(name);
    for (const bid of bids) this.#bids.add(bid, bid.since);
  }

  /** When `settle()` has something to do, milliseconds of `Clock.now()`; null: never, as things are. */
  get due(): number | null {
    const due = Math.min(this.#firstEnd, ...this.bids.map((bid) => this.#dueAt(bid)));
    return due === Infinity ? null : due;
  }

  /**
   * Seats the peers that have waited long enough, forgets bids whose lifetime has ended, and parks the peers whose
   * lifetime has.
   *
   * @param hasLifetime whether a peer, by name, has one
   * @returns who has a place now, and the names of those who were at one until now
   */
  settle(
    now: number,
    hasLifetime: (peer: string) => boolean,
  ): { readonly seats: Seat[]; readonly ended: string[] } {
    const due = this.bids.filter((bid) => this.#dueAt(bid) <= now);
    const seats = due.flatMap((bid) => {
      if (isLive(bid.admission, now)) return [this.#seat(bid, now)];
      this.#bids.remove(bid.peer.name);
      return [];
    });
    return { seats, ended: this.#firstEnd <= now ? this.#parkEnded(now, hasLifetime) : [] };
  }

  /** Most lifetimes are renewed before they end: so this looks at all, and is done seldom. */
  #parkEnded(now: number, hasLifetime: (peer: string) => boolean): string[] {
    const standing = this.#admissions.entries().filter(([, { remote }]) => remote !== null).toArray();
    const ended = standing.filter(([name, admission]) => hasLifetime(name) && !isLive(admission, now))
      .map(([name]) => name);
    for (const name of ended) this.park(name, now);
    const ends = standing.map(([, { expiresAt }]) => expiresAt ?? Infinity).filter((end) => end > now);
    this.#firstEnd = Math.min(Infinity, ...ends);
    return ended;
  }

  /** The peer at a place whose admission holds and that did not prove since to be elsewhere. */
  #holderOf(place: string, now: number): string | null {
    const name = this.#occupants.get(place) ?? null;
    if (name === null || !isLive(this.#admissions.get(name)!, now)) return null;
    return this.#bids.of(name) === undefined ? name : null;
  }

  #dueAt(bid: WaitingBid): number {
    const holder = this.#occupants.get(placeOf(bid));
    const held = holder === undefined ? -Infinity : this.#admissions.get(holder)!.expiresAt;
    const end = bid.since + BID_MILLISECONDS;
    return Math.min(end, held ?? end, bid.admission.expiresAt ?? end);
  }

  #seat(bid: Bid, now: number): Seat {
    const { peer: { name }, packet: { order }, admission } = bid;
    const previous = this.#admissions.get(name) ?? null;
    const isHere = previous !== null && isSamePlace(previous, admission);
    // A proof for a place disproves the older ones of others.
    const rival = this.#bids.at(placeOf(bid));
    if (rival !== undefined && rival.packet.order < order) this.#bids.remove(rival.peer.name);
    this.#bids.remove(name);
    const since = isHere ? this.arrivalOf(name).since : now;
    return { ...bid, previous, displaced: this.set(name, admission, { since, order }, now) };
  }

  #leave(peer: string): void {
    const admission = this.#admissions.get(peer);
    if (!admission?.remote) return;
    this.#occupants.delete(placeKey(admission.remote, admission.port));
  }
}
