import { isTimely, saltOf, signedTime } from "../auth/ed25519.ts";
import type { Refusal } from "../refusals.ts";
import type { Peer } from "../settings/settings.ts";
import { EARLIEST_TIME } from "../earliest_time.ts";
import { purposeOf } from "./credentials.ts";
import { addSpan, isInSpan, type Span } from "./spans.ts";

/** Seconds within which auth packets may come in any order, where that is allowed. */
const WINDOW_SECONDS = 60;
/** Seconds that a time may be ahead of our clock and count as no more than that of a clock that is a little fast. */
const SKEW_SECONDS = 10;
/** Most auth packets of a key that are remembered one by one. */
const MOST_PACKETS = 64;
/** Most spans of times ahead of our clock that are remembered of a key. */
const MOST_SPANS = 256;
/** Most keys that are remembered, those of removed peers included. */
const MOST_KEYS = 16_384;

/** Times are Unix seconds by the client's clock, unless they are said to be by ours. */
interface Uses {
  /** Packets of this time and before are refused. */
  floor: number;
  /** The newest time that was not ahead of our clock. */
  newest: number;
  /** The newest time that was ahead of our clock; -1: there was none. */
  latest: number;
  /** What is taken as used of what was ahead of our clock, or too far from it. */
  ahead: readonly Span[];
  /** The client's clock minus ours, at its last packet. */
  offset: number;
  /** Times of single packets after `floor`, by `packetId`. */
  readonly packets: Map<string, number>;
}

/** What is kept of a key across restarts: `Uses` as JSON. */
type StoredUses = Omit<Uses, "packets"> & { readonly packets: readonly (readonly [string, number])[] };

/** What an earlier run left. "lost": nothing that can be read. "cut short": it was killed, so the latest may be missing. */
export type Past = "lost" | "cut short" | "whole";

/**
 * Remembers which signed auth packets were used. Each is good once, although anyone who sees one can send it again from
 * any address. Its time must not be before the newest so far, so a client whose clock goes back is refused until it has
 * caught up. A time ahead of our clock does not count as the newest: otherwise a client whose clock was once far ahead
 * would stay out until then. When such a time comes, what was sent with it must not be good again: it is remembered
 * until then, one by one, and beyond a number as spans of time in which the client is refused, and let in between them.
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
      stored.keys.slice(-MOST_KEYS).map(([key, { floor, newest, latest, ahead, offset, packets }]) => [
        key,
        { floor, newest, latest, ahead: ahead.reduce(withSpan, []), offset, packets: new Map(packets) },
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

  /** Grows with each change. */
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
   * Judges a verified packet. One whose time is too far from ours is noted: it must not be good when our clock gets there,
   * or is set.
   *
   * @param key the public key in base64
   * @param timestamp Unix seconds by our clock when it came
   * @returns why it proves nothing; null: it does
   */
  judge(key: string, payload: Uint8Array, peer: Peer, timestamp: number): Refusal | null {
    const time = signedTime(payload);
    const uses = this.#uses.get(key) ?? this.#unknown(peer);
    const { floor, newest, latest, ahead, packets } = uses;
    const id = packetId(payload);
    const isUsed = time <= floor || isInSpan(ahead, time, id) || packets.has(id);
    if (!isTimely(payload, timestamp, peer.maxTimeDiscrepancy)) {
      if (!isUsed) this.#keep(key, { ...uses, ahead: withPacket(ahead, payload) }, timestamp);
      return "time too far from ours";
    }
    if (peer.replay === "off") return null;
    if (packets.has(id)) return "repeated";
    const isOld = isUsed || isAhead(time, timestamp, peer) && time <= Math.max(newest, latest) ||
      isHeldBack(uses, time, timestamp, peer) ||
      // In whatever order they come, it must not undo what a later one did.
      purposeOf(payload) === "good-bye" && time < newest;
    return isOld ? "older than one accepted before" : null;
  }

  /** A packet is used. */
  note(key: string, payload: Uint8Array, peer: Peer, timestamp: number): void {
    const time = signedTime(payload);
    const uses = this.#uses.get(key) ?? this.#unknown(peer);
    uses.offset = time - timestamp;
    if (isAhead(time, timestamp, peer)) {
      uses.latest = Math.max(uses.latest, time);
      uses.ahead = withPacket(uses.ahead, payload);
    } else {
      uses.newest = Math.max(uses.newest, time);
      uses.floor = Math.max(uses.floor, uses.newest - (peer.replay === "window" ? WINDOW_SECONDS : 1));
      uses.packets.set(packetId(payload), time);
    }
    this.#keep(key, uses, timestamp);
  }

  /** Our clock was set. @param step seconds that it went forward */
  handleStep(step: number): void {
    for (const uses of this.#uses.values()) {
      const offset = uses.offset - step;
      // Whoever sets a clock sets it right, mostly: then it comes nearer to the others.
      if (Math.abs(offset) < Math.abs(uses.offset)) uses.offset = offset;
    }
    this.#changes++;
  }

  #keep(key: string, uses: Uses, timestamp: number): void {
    // A client whose clock is right by now has sent none of these.
    const past = uses.ahead.findLast(([, last]) => last <= timestamp - WINDOW_SECONDS);
    uses.floor = Math.max(uses.floor, past?.[1] ?? -1);
    forget(uses);
    this.#uses.delete(key);
    this.#uses.set(key, uses);
    if (this.#uses.size > MOST_KEYS) this.#uses.delete(this.#uses.keys().next().value!);
    this.#changes++;
  }

  /** Of a key that is not remembered. What may have been used before is refused if the client is known to have a clock. */
  #unknown({ maxTimeDiscrepancy }: Peer): Uses {
    const floor = this.#past === "lost" && maxTimeDiscrepancy > 0 ? this.#start - 1 : -1;
    return { floor, newest: floor, latest: -1, ahead: [], offset: 0, packets: new Map() };
  }
}

function withPacket(spans: readonly Span[], payload: Uint8Array): Span[] {
  const time = signedTime(payload);
  return withSpan(spans, [time, time, packetId(payload)]);
}

function withSpan(spans: readonly Span[], span: Span): Span[] {
  return addSpan(spans, span, MOST_SPANS);
}

function isAhead(time: number, timestamp: number, { replay }: Peer): boolean {
  return time > timestamp + (replay === "window" ? WINDOW_SECONDS : SKEW_SECONDS);
}

/**
 * Whether a packet whose time has come may be one that was sent while the client was ahead and did not arrive. A client
 * that was ahead a moment ago is so still, mostly.
 */
function isHeldBack({ ahead, latest, offset }: Uses, time: number, timestamp: number, peer: Peer): boolean {
  const first = ahead[0]?.[0] ?? Infinity;
  const lastCame = latest - offset;
  return isAhead(offset, 0, peer) && first <= time && time <= latest && timestamp - lastCame < WINDOW_SECONDS;
}

/** Unique within the packets of a key: 4 bytes of salt, and the time. */
function packetId(payload: Uint8Array): string {
  return `${saltOf(payload).toHex()} ${signedTime(payload)}`;
}

/** Forgets what the floor stands for, and raises it if there are too many single packets. */
function forget(uses: Uses): void {
  if (uses.packets.size > MOST_PACKETS) {
    const latestFirst = [...uses.packets.values()].sort((a, b) => b - a);
    uses.floor = Math.max(uses.floor, latestFirst[MOST_PACKETS]!);
  }
  for (const [id, time] of uses.packets) if (time <= uses.floor) uses.packets.delete(id);
  uses.ahead = uses.ahead.filter(([, last]) => last > uses.floor);
}

/** Takes as used all that a client with this clock may have sent before our start. */
function catchUp(uses: Uses, start: number): void {
  const known = Math.max(uses.newest, uses.latest);
  const wasUnset = known - uses.offset < EARLIEST_TIME && start >= EARLIEST_TIME;
  // Of a clock that was never set nothing follows: the client's is taken for right, as ours is by now.
  const offset = wasUnset ? 0 : uses.offset;
  const last = start + offset;
  if (offset > SKEW_SECONDS && known <= last) uses.ahead = withSpan(uses.ahead, [known, last, null]);
  uses.newest = Math.max(uses.newest, offset > SKEW_SECONDS ? start : last);
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
  const { floor, newest, latest, ahead, offset, packets } = value[1] ?? {};
  return [floor, newest, latest, offset].every(isTime) &&
    Array.isArray(ahead) && ahead.every(isSpan) &&
    Array.isArray(packets) &&
    packets.every((packet) => isPair(packet) && typeof packet[0] === "string" && isTime(packet[1]));
}

function isSpan(value: unknown): value is Span {
  if (!Array.isArray(value) || value.length !== 3) return false;
  const [first, last, id] = value;
  return isTime(first) && isTime(last) && first <= last && (id === null || typeof id === "string");
}

function isPair(value: unknown): value is readonly [unknown, unknown] {
  return Array.isArray(value) && value.length === 2;
}

/** Whether a value is whole seconds. They may be later than any auth packet: see `catchUp`. */
function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
