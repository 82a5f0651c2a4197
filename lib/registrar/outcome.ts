import { type Admission, isSamePlace } from "../admission.ts";
import type { Datagram, Endpoint } from "../packet.ts";
import type { Refusal } from "../refusals.ts";
import type { Peer } from "../settings/settings.ts";
import type { AuthPacket } from "./search.ts";

/** An auth packet that admitted its peer, or renewed its admission. */
export interface Admitted {
  readonly kind: "admitted";
  readonly datagram: Datagram;
  readonly peer: Peer;
  readonly admission: Admission & { readonly remote: Endpoint };
  /** The peer's admission before; null when it is new. */
  readonly previous: Admission | null;
  /** The peer that was at this place before, and is parked now. */
  readonly displaced: string | null;
}

/** An auth packet that proved nothing. */
export interface Refused {
  readonly kind: "refused";
  readonly datagram: Datagram;
  readonly refusal: Refusal;
  /** The peer whose proof it was, if that is what someone should know. */
  readonly peer?: string;
  /** The other peer that still has the place. */
  readonly holder?: string;
}

/** A peer that was let in, and is parked now. */
export interface Left {
  readonly kind: "left";
  readonly peer: Peer;
  readonly why: "good-bye" | "end of its lifetime";
}

/** A peer asked where it is seen. Nothing has changed by that. */
export interface Asked {
  readonly kind: "asked";
  readonly datagram: Datagram;
  readonly peer: Peer;
}

/** The result of an auth packet; "searching": a later `search()` returns it. */
export type Outcome = Admitted | Refused | Left | Asked | { readonly kind: "searching" };

export function refused({ datagram }: AuthPacket, refusal: Refusal): Refused {
  return { kind: "refused", datagram, refusal };
}

/** Whether the kernel need not change for an admission: same place, and no lifetime before or after. */
export function isUnchanged({ previous, admission }: Admitted): boolean {
  return previous !== null && isSamePlace(previous, admission) &&
    previous.expiresAt === null && admission.expiresAt === null;
}
