import { saltOf, signedTime } from "../auth/ed25519.ts";
import type { Refusal } from "../refusals.ts";
import type { Peer } from "../settings/settings.ts";

/** Seconds within which auth packets may come in any order, where that is allowed. */
const WINDOW_SECONDS = 60;
/** Seconds that a time may be ahead of our clock and count as no more than that of a clock that is a little fast. */
const SKEW_SECONDS = 10;
/** Most auth packets of a key that are remembered one by one. */
const MOST_PACKETS = 64;
/** Most keys that are remembered, those of removed peers included. */
const MOST_KEYS = 16_384;

/** Times are Unix seconds by the client's clock, unless they are said to be by ours. */
interface Uses {
  /** Packets of this time and before are refused. */
  floor: number;
  /** The newest time that was not ahead of our clock. */
  newest: number;
  /** First and last time of packets that were ahead of our clock; null: there was none, or that time has come. */
  ahead: readonly [number, number] | null;
  /** The client's clock minus ours, at its last packet. */
  offset: number;
  /** Times of single packets after `floor`, by `packetId`. */
  readonly packets: Map<string, number>;
}

/** A key, and whether several clients have it. */
interface Key {
  readonly id: string;
  readonly isShared: boolean;
}

/** What is kept of a key across restarts: `Uses` as JSON. */
type StoredUses = Omit<Uses, "packets"> & { readonly packets: readonly (readonly [string, number])[] };

/** What an earlier run left. "lost": nothing that can be read. "cut short": it was killed, so the latest may be missing. */
export type Past = "lost" | "cut short" | "whole";

/**
 * Remembers which signed auth packets were used. Each is good once, although anyone who sees one can send it again from
 * any address. Its time must not be before the newest so far, so a client whose clock goes back is refused until it has
 * caught up. A time ahead of our clock does not count as the newest: otherwise a client whose clock was once far ahead
 * would stay out until then.
 */
export class Replays {
  /** By public key in base64, the least recently used first. */
  readonly #uses: Map<string, Uses>;
  readonly #past: Past;
  /** When this run began, Unix seconds by our clock. */
  readonly #start: number;
  #changes = 0;

  private constructor(uses: Map<string, Uses>, past: Past, start: number) {
    this.#uses = uses;
    this.#past = past;
    this.#start = start;
  }

  /** @param text what `format()` gave to an earlier run; null: nothing is left of one @param start our Unix seconds */
  static parse(text: string | null, start: number): Replays {
    const stored = text === null ? null : readStored(text);
    if (stored === null) return new Replays(new Map(), "lost", start);
    const uses = new Map(
      stored.keys.slice(-MOST_KEYS).map(([key, { floor, newest, ahead, offset, packets }]) => [
        key,
        { floor, newest, ahead, offset, packets: new Map(packets) },
      ]),
    );
    for (const use of uses.values()) {
      if (stored.isWhole) forget(use);
      else catchUp(use, start);
    }
    return new Replays(uses, stored.isWhole ? "whole" : "cut short", start);
  }

  get past(): Past {
    return this.#past;
  }

  /** Counts the packets used. */
  get changes(): number {
    return this.#changes;
  }

  /** Counts the keys. */
  get size(): number {
    return this.#uses.size;
  }

  /** @param isWhole whether no packet will be used after this */
  format(isWhole: boolean): string {
    const keys = this.#uses.entries().map(([key, { packets, ...rest }]) => [
      key,
      { ...rest, packets: [...packets] },
    ]);
    return `${JSON.stringify({ isWhole, keys: [...keys] })}\n`;
  }

  /**
   * Why a verified packet proves nothing; null: it does. The mode is taken for "window" where several clients have the
   * key, as each has a clock of its own.
   *
   * @param timestamp Unix seconds by our clock when it came
   */
  refusalOf({ id, isShared }: Key, payload: Uint8Array, peer: Peer, timestamp: number): Refusal | null {
    if (peer.replay === "off") return null;
    const time = signedTime(payload);
    const { floor, newest, ahead, packets } = this.#uses.get(id) ?? this.#unknown(peer);
    if (packets.has(packetId(payload))) return "repeated";
    const isOld = time > timestamp + skewOf(peer, isShared)
      ? time <= Math.max(floor, newest, ahead?.[1] ?? -Infinity)
      : time <= floor || ahead !== null && time >= ahead[0] && time <= ahead[1];
    return isOld ? "older than one accepted before" : null;
  }

  /** A packet is used. */
  note({ id, isShared }: Key, payload: Uint8Array, peer: Peer, timestamp: number): void {
    const time = signedTime(payload);
    const uses = this.#uses.get(id) ?? this.#unknown(peer);
    uses.offset = time - timestamp;
    if (time > timestamp + skewOf(peer, isShared)) {
      uses.ahead = [Math.min(uses.ahead?.[0] ?? time, time), Math.max(uses.ahead?.[1] ?? time, time)];
    } else {
      const order = isInAnyOrder(peer, isShared) ? WINDOW_SECONDS : 1;
      uses.newest = Math.max(uses.newest, time);
      uses.floor = Math.max(uses.floor, uses.newest - order);
      if (uses.ahead !== null && uses.newest > uses.ahead[1]) uses.ahead = null;
      uses.packets.set(packetId(payload), time);
      forget(uses);
    }
    this.#uses.delete(id);
    this.#uses.set(id, uses);
    if (this.#uses.size > MOST_KEYS) this.#uses.delete(this.#uses.keys().next().value!);
    this.#changes++;
  }

  /** Of a key that is not remembered. What may have been used before is refused if the client is known to have a clock. */
  #unknown({ maxTimeDiscrepancy }: Peer): Uses {
    const floor = this.#past === "lost" && maxTimeDiscrepancy > 0 ? this.#start - 1 : -1;
    return { floor, newest: floor, ahead: null, offset: 0, packets: new Map() };
  }
}

function isInAnyOrder({ replay }: Peer, isShared: boolean): boolean {
  return isShared || replay === "window";
}

function skewOf(peer: Peer, isShared: boolean): number {
  return isInAnyOrder(peer, isShared) ? WINDOW_SECONDS : SKEW_SECONDS;
}

/** Unique within the packets of a key: 4 bytes of salt, and the time. */
function packetId(payload: Uint8Array): string {
  return `${saltOf(payload).toHex()} ${signedTime(payload)}`;
}

/** Forgets single packets that the floor stands for, and raises it if there are too many. */
function forget(uses: Uses): void {
  if (uses.packets.size > MOST_PACKETS) {
    const latestFirst = [...uses.packets.values()].sort((a, b) => b - a);
    uses.floor = Math.max(uses.floor, latestFirst[MOST_PACKETS]!);
  }
  for (const [id, time] of uses.packets) if (time <= uses.floor) uses.packets.delete(id);
}

/** Takes as used all that a client with this clock may have sent before our start. */
function catchUp(uses: Uses, start: number): void {
  const last = start + uses.offset;
  if (uses.offset > SKEW_SECONDS) {
    uses.ahead = [uses.ahead?.[0] ?? last, Math.max(uses.ahead?.[1] ?? last, last)];
  }
  uses.newest = Math.max(uses.newest, uses.offset > SKEW_SECONDS ? start : last);
  uses.floor = Math.max(uses.floor, uses.newest);
  forget(uses);
}

function readStored(text: string): { isWhole: boolean; keys: [string, StoredUses][] } | null {
  try {
    const { isWhole, keys } = JSON.parse(text);
    return typeof isWhole === "boolean" && Array.isArray(keys) && keys.every(isStoredKey)
      ? { isWhole, keys }
      : null;
  } catch {
    return null;
  }
}

function isStoredKey(value: unknown): boolean {
  if (!Array.isArray(value) || typeof value[0] !== "string" || typeof value[1] !== "object") return false;
  const { floor, newest, ahead, offset, packets } = value[1] ?? {};
  return [floor, newest, offset].every(isTime) &&
    (ahead === null || isPair(ahead) && isTime(ahead[0]) && isTime(ahead[1])) &&
    Array.isArray(packets) &&
    packets.every((packet) => isPair(packet) && typeof packet[0] === "string" && isTime(packet[1]));
}

function isPair(value: unknown): value is readonly [unknown, unknown] {
  return Array.isArray(value) && value.length === 2;
}

/** Whether a value is whole seconds. They may be later than any auth packet: see `catchUp`. */
function isTime(value: unknown): boolean {
  return Number.isSafeInteger(value);
}
