import { type Endpoint, placeKey } from "./packet.ts";

/** The place that a peer proved by an auth packet, and until when it is let in there. */
export interface Admission {
  /** Null: parked. Another peer has its place, or it must prove something else. */
  readonly remote: Endpoint | null;
  /** Our FOU port that it uses. */
  readonly port: number;
  /** Milliseconds of `Clock.now()`; null: never. Afterwards its tunnel stands and its packets are dropped. */
  readonly expiresAt: number | null;
}

/** Whether an admitted peer's packets are let in. @param now milliseconds of `Clock.now()` */
export function isLive({ expiresAt }: Admission, now: number): boolean {
  return expiresAt === null || expiresAt > now;
}

/** Whether two admissions are at the same place. */
export function isSamePlace(a: Admission, b: Admission): boolean {
  return a.remote !== null && b.remote !== null && placeKey(a.remote, a.port) === placeKey(b.remote, b.port);
}
