import assert from "node:assert/strict";
import { layOut } from "../../../lib/auth/ed25519.ts";
import { Registrar } from "../../../lib/registrar.ts";
import { Replays } from "../../../lib/registrar/replays.ts";
import type { Datagram } from "../../../lib/packet.ts";
import type { Peer, Settings } from "../../../lib/settings/settings.ts";
import { samplePeer } from "../samples.ts";
import { nextSalt, noReplays, NOW, settings, told, UNIX, VERIFYING } from "./small_registrar.ts";

/** A server that runs, ends and is killed. */
export class Runs {
  readonly #settings: Settings;
  readonly #addresses: ReadonlyMap<string, string>;
  #replays: Replays;
  #registrar: Registrar;

  constructor(
    peers: Partial<Peer>[] = [{ scheme: VERIFYING }],
    addresses: Record<string, string> = {},
    replays = noReplays(),
  ) {
    this.#settings = settings(peers);
    this.#addresses = new Map(Object.entries(addresses));
    this.#replays = replays;
    this.#registrar = this.#newRegistrar();
  }

  /** What an auth packet leads to. @param time Unix seconds by the server's clock */
  take(packet: Datagram, time = UNIX, source = packet.source) {
    const outcome = told(this.#registrar.handle({ ...packet, source }, NOW, time));
    return Array.isArray(outcome) ? outcome[0] : outcome;
  }

  /** What would be on disk now. */
  save(isWhole: boolean): string {
    return this.#replays.format(isWhole);
  }

  /** @param text what is on disk at the start */
  start(text: string | null, time = UNIX): void {
    this.#replays = Replays.parse(text, time);
    this.#registrar = this.#newRegistrar();
  }

  #newRegistrar(): Registrar {
    return new Registrar(this.#settings, this.#addresses, this.#replays);
  }
}

const PEER = samplePeer({ scheme: VERIFYING });

/** Uses a payload of this time, Unix seconds by the client's clock, as if it were signed. @returns whether it is good */
export function takeBare(replays: Replays, time: number, now: number): boolean {
  const payload = layOut(time, nextSalt(4));
  if (replays.judge("key", payload, PEER, now) !== null) return false;
  replays.note("key", payload, PEER, now);
  assert.notEqual(replays.judge("key", payload, PEER, now + 1), null, "it is good once");
  return true;
}

export const OLD = "older than one accepted before";
