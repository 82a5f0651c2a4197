import { type Admission, isLive } from "../admission.ts";
import { placeKey } from "../packet.ts";

/** A peer's arrival at its place. */
interface Arrival {
  /** Milliseconds of `Clock.now()`. */
  readonly since: number;
  /** Number of its latest auth packet. */
  readonly order: number;
}

/** Of a peer that sent no auth packet to this run. */
const LONG_AGO: Arrival = { since: -Infinity, order: 0 };

/** Keeps the admissions, with at most one peer at each place. Each call takes constant time. */
export class Roll {
  readonly #admissions = new Map<string, Admission>();
  readonly #arrivals = new Map<string, Arrival>();
  /** Peer names by `placeKey`. */
  readonly #occupants = new Map<string, string>();

  /** By peer name. */
  get admissions(): ReadonlyMap<string, Admission> {
    return this.#admissions;
  }

  arrivalOf(peer: string): Arrival {
    return this.#arrivals.get(peer) ?? LONG_AGO;
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
    return other;
  }

  /** Parks a peer: takes its place away. */
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
