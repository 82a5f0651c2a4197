import assert from "node:assert/strict";
import { makeSignedPayload } from "../../../lib/auth/ed25519.ts";
import { type KeyPair, keyPairOf } from "../../../lib/auth/key_pair.ts";
import { makeAuthPayload } from "../../../lib/auth/scheme.ts";
import { Registrar } from "../../../lib/registrar.ts";
import type { Datagram, Endpoint } from "../../../lib/packet.ts";
import type { Peer, Settings } from "../../../lib/settings/settings.ts";
import { ed25519 } from "../auth/vectors.ts";
import { samplePeer, sampleSettings } from "../samples.ts";
import { noReplays, NOW, SERVER, UNIX } from "./small_registrar.ts";

/** How a client makes its auth packets. */
export interface Sender {
  /** Of version 0.1: its salt has no hint. */
  readonly isOld?: boolean;
  /** Its clock, in Unix seconds. */
  readonly clock?: number;
  /** The server's port to which it sends. */
  readonly port?: number;
}

/** Many clients, each with a key that is the same in every run, and the settings of their server. */
export class Fleet {
  readonly settings: Settings;
  readonly #keys: readonly KeyPair[];
  #salt = 0;

  constructor(size: number, fields: Partial<Peer> = {}) {
    this.#keys = Array.from({ length: size }, (_, index) => {
      const seed = new Uint8Array(32);
      new DataView(seed.buffer).setUint32(0, index + 1);
      return keyPairOf(seed);
    });
    const peers = this.#keys.map(({ publicKey }, index) =>
      samplePeer({
        name: `c${index}`,
        scheme: ed25519({ remotePublicKey: publicKey, secret: "s" }),
        ...fields,
      })
    );
    const local = { ip: SERVER.ip, device: "eth0", ports: [SERVER.port, 10_001] as const };
    this.settings = sampleSettings({ peers, local });
  }

  registrar(): Registrar {
    return new Registrar(this.settings, new Map(), noReplays());
  }

  /** A registrar that has admitted all clients, each at the place of its number. */
  fullRegistrar(): Registrar {
    const registrar = this.registrar();
    for (let client = 0; client < this.#keys.length; client++) {
      registrar.handle(this.packet(client, place(client)), NOW, UNIX);
    }
    assert.equal(registrar.admissions.size, this.#keys.length);
    return registrar;
  }

  /** An auth packet of the client with this number. */
  packet(
    client: number,
    source: Endpoint,
    { isOld, clock = UNIX, port = SERVER.port }: Sender = {},
  ): Datagram {
    const { privateKey } = this.#keys[client]!;
    const random = (length: number) => this.#randomBytes(length);
    const payload = isOld
      ? makeSignedPayload(privateKey, "s", clock, random(4))
      : makeAuthPayload(ed25519({ privateKey, secret: "s" }), clock, random);
    return { source, destination: { ip: SERVER.ip, port }, payload };
  }

  /** A packet in the signed form with a bad signature. */
  junk(source: Endpoint): Datagram {
    const packet = this.packet(0, source, { isOld: true });
    packet.payload.fill(7, 32, 63);
    return packet;
  }

  /** Different for each call, but the same in every run. */
  #randomBytes(length: number): Uint8Array {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, Math.imul(++this.#salt, 0x9e37_79b1) >>> 0);
    return bytes.subarray(0, length);
  }
}

/** A different place for each number. */
export function place(number: number): Endpoint {
  return { ip: `198.51.${number >> 8 & 0xff}.${number & 0xff}`, port: 40_000 + (number >> 16) };
}

/** The admitted peer's name, or the outcome of a packet. */
export function told(outcome: ReturnType<Registrar["handle"]>): string {
  if (outcome.kind === "refused") return outcome.refusal;
  return outcome.kind === "admitted" ? outcome.peer.name : outcome.kind;
}

/** Runs all pending searches to their end. @returns their outcomes */
export function drain(registrar: Registrar, now = NOW): string[] {
  const results = [];
  while (registrar.isSearching) results.push(...registrar.search(now).map(told));
  return results;
}

/** The number of signatures that `action` verified. */
export function verifications(registrar: Registrar, action: () => unknown): number {
  const before = registrar.verifications;
  action();
  return registrar.verifications - before;
}
