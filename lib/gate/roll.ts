import { type Endpoint, formatEndpoint } from "../packet.ts";

/** A peer that proved who it is: from where, and until when that is good. */
export interface Admission {
  /** Null: nowhere, as another has proved since that it is there; its tunnel stands and leads nowhere. */
  readonly remote: Endpoint | null;
  /** The own FOU port it came to. */
  readonly port: number;
  /** Milliseconds of a clock that never jumps; null: for ever. In the past: its tunnel stands, its packets are shut out. */
  readonly expiresAt: number | null;
}

/** How a peer came to where it is. */
export interface Arrival {
  /** Since when it is there, in milliseconds of a clock that never jumps. */
  readonly since: number;
  /** Number of the auth packet that proved it last. */
  readonly order: number;
}

/** Tells whether an admitted peer's packets are let in. @param now milliseconds of a clock that never jumps */
export function isLive({ expiresAt }: Admission, now: number): boolean {
  return expiresAt === null || expiresAt > now;
}

/** Tells whether two are at one place: a NAT gives it to one host at a time. */
export function isSamePlace(a: Admission, b: Admission): boolean {
  return a.remote !== null && b.remote !== null && placeOf(a) === placeOf(b);
}

/** Who is where: never two at one place. Each question takes as long for a thousand peers as for one. */
export class Roll {
  readonly #admissions = new Map<string, Admission>();
  readonly #arrivals = new Map<string, Arrival>();
  /** Names of peers by place. */
  readonly #occupants = new Map<string, string>();

  /** By peer name. */
  get admissions(): ReadonlyMap<string, Admission> {
    return this.#admissions;
  }

  arrivalOf(peer: string): Arrival | undefined {
    return this.#arrivals.get(peer);
  }

  /** Notes where a peer is now. @returns the other peer that was there, and is nowhere now; null: none was */
  set(peer: string, admission: Admission, arrival: Arrival, now: number): string | null {
    this.#leave(peer);
    const place = admission.remote === null ? null : placeOf(admission);
    const other = place === null ? null : this.#occupants.get(place) ?? null;
    if (other !== null) this.park(other, now);
    this.#admissions.set(peer, admission);
    this.#arrivals.set(peer, arrival);
    if (place !== null) this.#occupants.set(place, peer);
    return other;
  }

  /** A peer is nowhere from now on: its tunnel stands, and leads nowhere. */
  park(peer: string, now: number): void {
    const admission = this.#admissions.get(peer)!;
    this.#leave(peer);
    const expiresAt = isLive(admission, now) ? now : admission.expiresAt;
    this.#admissions.set(peer, { ...admission, remote: null, expiresAt });
  }

  #leave(peer: string): void {
    const admission = this.#admissions.get(peer);
    if (admission !== undefined && admission.remote !== null) this.#occupants.delete(placeOf(admission));
  }
}

function placeOf({ remote, port }: Admission): string {
  return `${formatEndpoint(remote!)} ${port}`;
}
