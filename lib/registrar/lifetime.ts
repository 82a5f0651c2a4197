import { type Admission, isLive } from "../admission.ts";
import type { Peer } from "../settings/settings.ts";

/** When an admission ends that begins now, milliseconds of `Clock.now()`; null: never. */
export function expiryOf({ lifetime }: Peer, now: number): number | null {
  return lifetime === 0 ? null : now + lifetime * 1000;
}

/** The earlier of two moments; null: never. */
export function earlier(a: number | null, b: number | null): number | null {
  return a === null || b === null ? a ?? b : Math.min(a, b);
}

/** An admission under new settings of its peer: a changed lifetime starts again, unless the old one is over. */
export function renew<A extends Admission>(admission: A, old: Peer, peer: Peer, now: number): A {
  if (old.lifetime === peer.lifetime || !isLive(admission, now)) return admission;
  return { ...admission, expiresAt: expiryOf(peer, now) };
}
