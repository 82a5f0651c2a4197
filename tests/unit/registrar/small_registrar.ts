import assert from "node:assert/strict";
import { makeAuthPayload, type Scheme } from "../../../lib/auth/scheme.ts";
import type { Admission } from "../../../lib/admission.ts";
import { Registrar } from "../../../lib/registrar.ts";
import { Replays } from "../../../lib/registrar/replays.ts";
import type { Outcome } from "../../../lib/registrar/outcome.ts";
import type { Datagram, Endpoint } from "../../../lib/packet.ts";
import type { Peer, Settings } from "../../../lib/settings/settings.ts";
import { ed25519, README_KEY_PAIR } from "../auth/vectors.ts";
import { samplePeer, sampleSettings } from "../samples.ts";

/** The monotonic clock, in milliseconds. */
export const NOW = 5_000;
/** The wall clock, in seconds. */
export const UNIX = 1_795_219_200;
/** The server's endpoint, and the places of two clients. */
export const SERVER = { ip: "192.0.2.1", port: 10_000 };
export const HOME = { ip: "198.51.100.2", port: 40_001 };
export const ELSEWHERE = { ip: "203.0.113.9", port: 40_002 };

export const SIGNING = ed25519({ privateKey: README_KEY_PAIR.privateKey, secret: "s" });
export const VERIFYING = ed25519({ remotePublicKey: README_KEY_PAIR.publicKey, secret: "s" });
export const PORT: Scheme = { kind: "port" };

export function token(text: string): Scheme {
  return { kind: "token", token: new TextEncoder().encode(text) };
}

/** An auth packet as a client of `scheme` sends it at `timestamp`, Unix seconds. */
export function authPacket(scheme: Scheme, source: Endpoint, timestamp = UNIX): Datagram {
  const payload = makeAuthPayload(scheme, timestamp, nextSalt);
  return { source, destination: SERVER, payload };
}

let salts = 0;

/** Bytes that no earlier call returned. */
export function nextSalt(length: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, ++salts);
  return bytes.slice(4 - length);
}

/** What a server knows of auth packets that never accepted one. */
export function noReplays(): Replays {
  return Replays.parse('{"isWhole":true,"keys":[]}', UNIX);
}

/** A server's settings with these peers. */
export function settings(peers: Partial<Peer>[]): Settings {
  return sampleSettings({ peers: peers.map(samplePeer) });
}

/** A registrar for these peers. @param remoteAddresses resolved addresses by peer name */
export function newRegistrar(
  peers: Partial<Peer>[],
  remoteAddresses: Record<string, string> = {},
): Registrar {
  return new Registrar(settings(peers), new Map(Object.entries(remoteAddresses)), noReplays());
}

/** The admitted peer and its previous place, or the refusal. */
export function told(outcome: Outcome) {
  if (outcome.kind === "refused") return outcome.refusal;
  return outcome.kind === "admitted" ? [outcome.peer.name, outcome.previous?.remote ?? null] : outcome.kind;
}

/** What became of a packet: who left or asks, the refusal, or its kind. */
export function wordsOf(outcome: Outcome): string {
  switch (outcome.kind) {
    case "left":
      return `${outcome.peer.name} left: ${outcome.why}`;
    case "asked":
      return `${outcome.peer.name} asks`;
    default:
      return outcome.kind === "refused" ? outcome.refusal : outcome.kind;
  }
}

/** A registrar whose only peer is admitted at HOME. */
export function admitted(fields: Partial<Peer> = {}): Registrar {
  const registrar = newRegistrar([{ scheme: VERIFYING, ...fields }]);
  assert.equal(registrar.handle(authPacket(SIGNING, HOME), NOW, UNIX).kind, "admitted");
  return registrar;
}

/** An admission at the server's only port. */
export function at(remote: Endpoint | null, expiresAt: number | null = null): Admission {
  return { remote, port: SERVER.port, expiresAt };
}
