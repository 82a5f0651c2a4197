import { authPayloadLength, type Scheme } from "../auth/scheme.ts";
import { extensionOf, SIGNED_PAYLOAD_LENGTH } from "../auth/ed25519.ts";
import { parseExtension } from "../auth/extension.ts";
import { bareProofId, makeProof, type Proof, proofId } from "../auth/proof.ts";
import type { Endpoint } from "../packet.ts";
import type { Refusal } from "../refusals.ts";
import type { Peer } from "../settings/settings.ts";

/** A key that signatures are verified with. */
interface Key {
  /** The public key in base64. */
  readonly id: string;
  readonly publicKey: Uint8Array;
  readonly secret: string;
}

/** A proof, and the peers that require it: several if their addresses or ports tell them apart. */
export class Credential {
  readonly proof: Proof;
  /** The key that signatures are verified with; null: a token, or nothing. */
  readonly key: Key | null;
  /** By `ADDRESS:PORT`, each of them `*` if any is allowed. */
  readonly #peers = new Map<string, { readonly peer: Peer; readonly rank: number }>();
  /** Addresses that are allowed with some port. */
  readonly #addresses = new Set<string>();

  constructor(proof: Proof, key: Credential["key"]) {
    this.proof = proof;
    this.key = key;
  }

  /** @param rank a sender that could be two peers is the one of lower rank @param address null: any */
  add(peer: Peer, rank: number, address: string | null): void {
    const place = `${address ?? "*"}:${peer.byRemote.port ? peer.remote.port : "*"}`;
    this.#addresses.add(address ?? "*");
    if (!this.#peers.has(place)) this.#peers.set(place, { peer, rank });
  }

  /** Finds the peer of a sender at this endpoint, in constant time. */
  peerAt({ ip, port }: Endpoint): Peer | Refusal {
    const places = [`${ip}:${port}`, `${ip}:*`, `*:${port}`, "*:*"];
    const fitting = places.flatMap((place) => this.#peers.get(place) ?? []).sort((a, b) => a.rank - b.rank);
    if (fitting.length === 0) {
      const isAddressGood = this.#addresses.has(ip) || this.#addresses.has("*");
      return isAddressGood ? "wrong remote port" : "wrong remote address";
    }
    return fitting[0]!.peer;
  }
}

/** The credentials of all peers. */
export class Credentials {
  /** Those with a key, in the peers' order. */
  readonly keys: readonly Credential[];
  readonly #byId = new Map<string, Credential>();
  readonly #byPeer = new Map<string, Credential>();
  readonly #bareLengths = new Set<number>();

  /**
   * @param remoteAddresses IPv4 address of each peer that is identified by its address, by peer name
   * @param known earlier credentials whose prepared keys are reused
   */
  constructor(
    peers: readonly Peer[],
    remoteAddresses: ReadonlyMap<string, string>,
    known: Credentials | null = null,
  ) {
    const keys: Credential[] = [];
    for (const [rank, peer] of peers.entries()) {
      const id = proofId(peer.scheme);
      const credential = this.#byId.get(id) ?? new Credential(
        known?.get(id)?.proof ?? makeProof(peer.scheme),
        keyOf(peer.scheme),
      );
      if (!this.#byId.has(id) && credential.key !== null) keys.push(credential);
      if (credential.key === null) this.#bareLengths.add(authPayloadLength(peer.scheme));
      this.#byId.set(id, credential);
      this.#byPeer.set(peer.name, credential);
      const address = peer.byRemote.ip ? remoteAddresses.get(peer.name) : null;
      if (address !== undefined) credential.add(peer, rank, address);
    }
    this.keys = keys;
  }

  get(proofId: string): Credential | undefined {
    return this.#byId.get(proofId);
  }

  of(peer: string): Credential | undefined {
    return this.#byPeer.get(peer);
  }

  /** The credential that an unsigned payload proves, or why it proves none. */
  bare(payload: Uint8Array): Credential | Refusal {
    if (!this.#bareLengths.has(payload.length)) return "wrong length";
    // The map is keyed by a digest, whose timing reveals nothing of the token. The comparison takes constant time.
    const credential = this.#byId.get(bareProofId(payload));
    return credential?.proof.verify(payload) ? credential : "wrong token";
  }

  /** Whether a payload may be signed by one of the keys. */
  maySign(payload: Uint8Array): boolean {
    return this.keys.length > 0 && payload.length >= SIGNED_PAYLOAD_LENGTH;
  }
}

const OF_SERVERS = ["server stops", "server starts", "server sees"] as const;

/** What a signed payload is meant for; null: nothing that a client sends. Trust it only after verifying the signature. */
export function purposeOf(payload: Uint8Array): "authentication" | "good-bye" | "question" | null {
  if (payload.length === SIGNED_PAYLOAD_LENGTH) return "authentication";
  const said = parseExtension(extensionOf(payload));
  // What a server says proves nothing of a client, though one key may serve both.
  if (said === null || OF_SERVERS.some((statement) => said.has(statement))) return null;
  if (said.has("client asks")) return "question";
  return said.has("client stops") ? "good-bye" : "authentication";
}

/** Null: the peer proves none. */
function keyOf(scheme: Scheme): Key | null {
  if (scheme.kind !== "ed25519") return null;
  const publicKey = scheme.remotePublicKey!;
  return { id: publicKey.toBase64(), publicKey, secret: scheme.secret };
}
