import { type Admission, isLive } from "../admission.ts";
import type { Log } from "../log.ts";
import type { LogEvent } from "../log_events.ts";
import { type Endpoint, formatEndpoint } from "../packet.ts";
import type { PacketCounts } from "../kernel_ports.ts";
import type { Clock } from "../ports.ts";
import type { Peer, Settings } from "../settings/settings.ts";

/** The counters are read so often in the time that a peer may be silent, and in that between keepalives. */
const LOOKS_PER_SILENCE = 4;
const LOOKS_PER_KEEPALIVE = 2;

/** What is known of a peer that is let in. Moments are milliseconds of `Clock.now()`. */
interface Life {
  /** Null: not read yet, or it has no device. */
  counts: PacketCounts | null;
  /** When something came from it last, an auth packet or data, as far as was seen. */
  heard: number;
  /** Since when nothing went either way, at least. */
  quietSince: number;
  isSilent: boolean;
}

interface LivenessContext {
  readonly wanted: () => {
    readonly settings: Settings;
    readonly admissions: ReadonlyMap<string, Admission>;
  };
  /** Packets through a device; null: unknown. */
  readonly countsOf: (device: string) => PacketCounts | null;
  /** Called with what was read of a peer. */
  readonly onCounts: (name: string, counts: PacketCounts | null) => void;
  readonly sendKeepalive: (remote: Endpoint, port: number) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Says when a server's peers fall silent, and sends keepalives to quiet ones, as far as the settings ask for it. For that
 * it reads the kernel's counters now and then; otherwise it does nothing.
 */
export class Liveness {
  readonly #context: LivenessContext;
  readonly #lives = new Map<string, Life>();
  #lastLook = -Infinity;
  #due: number | null = null;

  constructor(context: LivenessContext) {
    this.#context = context;
  }

  /** When `look()` is due, milliseconds of `Clock.now()`; null: never, as things are. */
  get due(): number | null {
    return this.#due;
  }

  /** Names of the peers that are silent. */
  get silent(): string[] {
    return [...this.#lives].filter(([, { isSilent }]) => isSilent).map(([name]) => name);
  }

  /** When something came from a peer last, an auth packet or data, as far as was seen; null: nothing was, or it is not watched. */
  heardAt(name: string): number | null {
    const life = this.#lives.get(name);
    return life === undefined || life.counts === null ? null : life.heard;
  }

  /** Settings or admissions may have changed. */
  update(): void {
    const now = this.#context.clock.now();
    const pause = this.#pause();
    const watched = pause === null ? [] : this.#watched(now);
    const names = new Set(watched.map(({ peer: { name } }) => name));
    for (const name of this.#lives.keys()) if (!names.has(name)) this.#lives.delete(name);
    for (const name of names) {
      if (this.#lives.has(name)) continue;
      this.#lives.set(name, { counts: null, heard: now, quietSince: now, isSilent: false });
    }
    this.#due = names.size === 0 ? null : Math.min(this.#due ?? Infinity, now + pause!);
  }

  /** An auth packet came from a peer. @returns whether the peer was silent until now */
  note(name: string): boolean {
    const life = this.#lives.get(name);
    if (life === undefined) return false;
    const { isSilent } = life;
    this.#hear(name, life);
    return isSilent;
  }

  /** Reads the counters, and does what follows. */
  look(): void {
    const { clock, countsOf } = this.#context;
    const now = clock.now();
    this.#due = null;
    this.update();
    for (const { peer, admission } of this.#watched(now)) {
      const life = this.#lives.get(peer.name);
      if (life !== undefined) this.#examine(peer, admission, life, countsOf(peer.tunnel.device));
    }
    this.#lastLook = now;
  }

  #examine(
    { name, silentAfter }: Peer,
    { remote, port }: Admission,
    life: Life,
    counts: PacketCounts | null,
  ): void {
    const { clock, log, onCounts, sendKeepalive, wanted } = this.#context;
    const now = clock.now();
    const before = life.counts;
    life.counts = counts;
    onCounts(name, counts);
    if (counts !== null && before !== null) {
      if (counts.received !== before.received) this.#hear(name, life);
      // It may have been right after the look before.
      const isQuiet = counts.received === before.received && counts.sent === before.sent;
      if (!isQuiet) life.quietSince = this.#lastLook;
    }
    if (silentAfter > 0 && !life.isSilent && now - life.heard >= silentAfter * 1000) {
      life.isSilent = true;
      const place = formatEndpoint(remote!);
      const event: LogEvent = { event: "silent", peer: name, remote: place, seconds: silentAfter };
      log.warning(`${name}: nothing came from ${place} for ${silentAfter} s`, event);
    }
    const { keepalive } = wanted().settings;
    if (!keepalive || now - life.quietSince < keepalive * 1000) return;
    life.quietSince = now;
    sendKeepalive(remote!, port);
  }

  #hear(name: string, life: Life): void {
    const { clock, log } = this.#context;
    const seconds = Math.round((clock.now() - life.heard) / 1000);
    life.heard = clock.now();
    if (!life.isSilent) return;
    life.isSilent = false;
    log.notice(`${name}: heard again after ${seconds} s`, { event: "heard", peer: name, seconds });
  }

  /** Milliseconds between two looks; null: the settings ask for none. */
  #pause(): number | null {
    const { keepalive, peers } = this.#context.wanted().settings;
    const silences = peers.map(({ silentAfter }) => silentAfter).filter((seconds) => seconds > 0);
    const pauses = [
      ...silences.map((seconds) => seconds * 1000 / LOOKS_PER_SILENCE),
      ...keepalive ? [keepalive * 1000 / LOOKS_PER_KEEPALIVE] : [],
    ];
    return pauses.length === 0 ? null : pauses.reduce((a, b) => Math.min(a, b));
  }

  /** The peers that are let in, and that the settings ask to look at. */
  #watched(now: number): { readonly peer: Peer; readonly admission: Admission }[] {
    const { settings: { keepalive, peers }, admissions } = this.#context.wanted();
    return peers.flatMap((peer) => {
      const admission = admissions.get(peer.name);
      if (admission === undefined || admission.remote === null || !isLive(admission, now)) return [];
      return keepalive || peer.silentAfter > 0 ? [{ peer, admission }] : [];
    });
  }
}
