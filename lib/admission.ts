import { type Endpoint, placeKey } from "./packet.ts";

/** What a peer proved by an auth packet: where it is, and until when that holds. */
export interface Admission {
  /** Null: it is parked. Another peer has its place now, or it must prove something else; its tunnel leads nowhere. */
  readonly remote: Endpoint | null;
  /** Our FOU port that it uses. */
  readonly port: number;
  /** Milliseconds of `Clock.now()`; null: never. Afterwards its tunnel stands, and its packets are dropped. */
  readonly expiresAt: number | null;
}

/** Whether an admitted peer's packets are let in. @param now milliseconds of `Clock.now()` */
export function isLive({ expiresAt }: Admission, now: number): boolean {
  return expiresAt === null || expiresAt > now;
}

/** Whether two admissions are at the same place. A NAT gives a place to one host at a time. */
export function isSamePlace(a: Admission, b: Admission): boolean {
  return a.remote !== null && b.remote !== null && placeKey(a.remote, a.port) === placeKey(b.remote, b.port);
}
