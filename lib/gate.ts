import { asksTheSame, type Authenticator, makeAuthenticator, type Refusal } from "./auth/scheme.ts";
import { type Datagram, type Endpoint, sameEndpoint } from "./packet.ts";
import type { Peer } from "./settings/settings.ts";

/** A peer that proved who it is: from where, and until when that is good. */
export interface Admission {
  /** Null: nowhere, as another has proved since that it is there; its tunnel stands and leads nowhere. */
  readonly remote: Endpoint | null;
  /** The own FOU port it came to. */
  readonly port: number;
  /** Milliseconds of a clock that never jumps; null: for ever. In the past: its tunnel stands, its packets are shut out. */
  readonly expiresAt: number | null;
}

/** What an auth packet led to. */
export type Outcome =
  | {
    readonly kind: "admitted";
    readonly peer: Peer;
    readonly admission: Admission & { readonly remote: Endpoint };
    /** Where the peer was before; null when it is new, the same endpoint when it only renewed. */
    readonly previous: Endpoint | null;
  }
  | { readonly kind: "refused"; readonly refusal: Refusal };

/** How wrong a packet is: of several peers' refusals the one that came closest to yes is told. */
const REFUSALS_BY_CLOSENESS: readonly Refusal[] = [
  "time too far from ours",
  "wrong remote port",
  "wrong remote address",
  "wrong signature",
  "wrong token",
  "wrong length",
];

/**
 * The server's state machine: who is admitted, from where. It decides from auth packets alone; what follows in
 * the kernel is derived from `admissions`.
 */
export class Gate {
  readonly #peers: readonly { readonly peer: Peer; readonly authenticate: Authenticator }[];
  readonly #remoteAddresses: ReadonlyMap<string, string>;
  readonly #admissions = new Map<string, Admission>();

  /** @param remoteAddresses IPv4 address of each peer with a known remote host, by peer name */
  constructor(peers: readonly Peer[], remoteAddresses: ReadonlyMap<string, string>) {
    this.#peers = peers.map((peer) => ({
      peer,
      authenticate: makeAuthenticator(peer.scheme, peer.maxTimeDiscrepancy),
    }));
    this.#remoteAddresses = remoteAddresses;
  }

  /** Admitted peers by name. */
  get admissions(): ReadonlyMap<string, Admission> {
    return this.#admissions;
  }

  /** Takes over what an earlier run admitted. */
  adopt(peer: string, admission: Admission): void {
    this.#admissions.set(peer, admission);
  }

  /**
   * Makes the gate that goes on from here under other settings. A peer stays admitted if what it proved is what is
   * asked now; one of which something else is asked is shut out until it proves that, and its tunnel stands. A
   * lifetime that changed begins anew.
   *
   * @param now milliseconds of a clock that never jumps
   */
  succeed(peers: readonly Peer[], remoteAddresses: ReadonlyMap<string, string>, now: number): Gate {
    const next = new Gate(peers, remoteAddresses);
    for (const { peer: old } of this.#peers) {
      const peer = peers.find(({ name }) => name === old.name);
      const admission = this.#admissions.get(old.name);
      if (peer === undefined || admission === undefined) continue;
      const isAsBefore = asksTheSame(old.scheme, peer.scheme) &&
        admission.remote !== null && next.#checkRemote(peer, admission.remote) === null;
      next.#admissions.set(peer.name, isAsBefore ? renew(admission, old, peer, now) : end(admission, now));
    }
    return next;
  }

  /**
   * Decides about one datagram.
   *
   * @param now milliseconds of a clock that never jumps
   * @param timestamp Unix seconds
   */
  handle({ source, destination, payload }: Datagram, now: number, timestamp: number): Outcome {
    const refusals = new Set<Refusal>();
    for (const { peer, authenticate } of this.#peers) {
      const refusal = authenticate(payload, timestamp) ?? this.#checkRemote(peer, source);
      if (refusal === null) return this.#admit(peer, source, destination.port, now);
      refusals.add(refusal);
    }
    return { kind: "refused", refusal: REFUSALS_BY_CLOSENESS.find((refusal) => refusals.has(refusal))! };
  }

  #checkRemote(peer: Peer, source: Endpoint): Refusal | null {
    if (peer.byRemote.ip && this.#remoteAddresses.get(peer.name) !== source.ip) return "wrong remote address";
    if (peer.byRemote.port && peer.remote.port !== source.port) return "wrong remote port";
    return null;
  }

  #admit(peer: Peer, source: Endpoint, port: number, now: number): Outcome {
    const previous = this.#admissions.get(peer.name)?.remote ?? null;
    const admission = { remote: source, port, expiresAt: expiryOf(peer, now) };
    for (const [name, other] of this.#admissions) {
      // A NAT gives an endpoint to one host at a time: the one that proved itself last.
      if (other.remote !== null && sameEndpoint(other.remote, source)) {
        this.#admissions.set(name, { ...other, expiresAt: now });
      }
    }
    this.#admissions.set(peer.name, admission);
    return { kind: "admitted", peer, admission, previous };
  }
}

/** Tells whether an admitted peer's packets are let in. @param now milliseconds of a clock that never jumps */
export function isLive({ expiresAt }: Admission, now: number): boolean {
  return expiresAt === null || expiresAt > now;
}

function expiryOf({ lifetime }: Peer, now: number): number | null {
  return lifetime === 0 ? null : now + lifetime * 1000;
}

function renew(admission: Admission, old: Peer, peer: Peer, now: number): Admission {
  if (old.lifetime === peer.lifetime || !isLive(admission, now)) return admission;
  return { ...admission, expiresAt: expiryOf(peer, now) };
}

function end(admission: Admission, now: number): Admission {
  return isLive(admission, now) ? { ...admission, expiresAt: now } : admission;
}
