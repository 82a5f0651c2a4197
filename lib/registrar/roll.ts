import { type Admission, isLive } from "../admission.ts";
import { placeKey } from "../packet.ts";

/** How a peer came to its place. */
export interface Arrival {
  /** Since when it is there, in milliseconds of `Clock.now()`. */
  readonly since: number;
  /** Number of the last auth packet that proved it. */
  readonly order: number;
}

/** Knows which peer is at which place: never two at one. Each call takes constant time, whatever the number of peers. */
export class Roll {
  readonly #admissions = new Map<string, Admission>();
  readonly #arrivals = new Map<string, Arrival>();
  /** Peer names by `placeKey`. */
  readonly #occupants = new Map<string, string>();

  /** By peer name. */
  get admissions(): ReadonlyMap<string, Admission> {
    return this.#admissions;
  }

  arrivalOf(peer: string): Arrival | undefined {
    return this.#arrivals.get(peer);
  }

  /** Puts a peer at its place. @returns the other peer that was there, and is parked now; null: none was */
  set(peer: string, admission: Admission, arrival: Arrival, now: number): string | null {
    this.#leave(peer);
    const place = admission.remote === null ? null : placeKey(admission.remote, admission.port);
    const other = place === null ? null : this.#occupants.get(place) ?? null;
    if (other !== null) this.park(other, now);
    this.#admissions.set(peer, admission);
    this.#arrivals.set(peer, arrival);
    if (place !== null) this.#occupants.set(place, peer);
    return other;
  }

  /** Takes a peer off its place: its tunnel stands, and leads nowhere. */
  park(peer: string, now: number): void {
    const admission = this.#admissions.get(peer)!;
    this.#leave(peer);
    const expiresAt = isLive(admission, now) ? now : admission.expiresAt;
    this.#admissions.set(peer, { ...admission, remote: null, expiresAt });
  }

  #leave(peer: string): void {
    const admission = this.#admissions.get(peer);
    if (!admission?.remote) return;
    this.#occupants.delete(placeKey(admission.remote, admission.port));
  }
}
