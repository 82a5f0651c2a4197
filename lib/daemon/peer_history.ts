import type { RefusedPacket } from "../status/verdict.ts";
import type { PacketCounts } from "../kernel_ports.ts";
import type { Clock } from "../ports.ts";

/** What happened to one peer of a server in this run. Moments are milliseconds of `Clock.now()`; null: never. */
interface PeerRecord {
  authenticatedAt: number | null;
  repliedAt: number | null;
  /** Why the last reply could not be sent, and what to do about it; null: it could, or there was none. */
  replyFault: string | null;
  /** When it came to the place where it is. */
  arrivedAt: number | null;
  /** When it was first seen that more had come than before. */
  receivedAt: number | null;
  received: number | null;
  moves: number;
  /** The two places, as `A and B`, that it moves back and forth between. */
  flapping: { readonly between: string; readonly at: number } | null;
  /** Why it was shut out. */
  parkedAs: string | null;
  /** The last refusal since it was let in. */
  refused: RefusedPacket | null;
}

/** A refused auth packet, whoever sent it. */
interface LastRefused extends RefusedPacket {
  readonly at: number;
}

/** Remembers what happened to a server's peers, for its status. */
export class PeerHistory {
  readonly #clock: Clock;
  readonly #records = new Map<string, PeerRecord>();
  #refusals = 0;
  #lastRefused: LastRefused | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get refusals(): number {
    return this.#refusals;
  }

  get lastRefused(): LastRefused | null {
    return this.#lastRefused;
  }

  /** @returns null: nothing happened to it */
  of(name: string): Readonly<PeerRecord> | null {
    return this.#records.get(name) ?? null;
  }

  /** A peer authenticated, and the kernel has followed. @param now milliseconds of `Clock.now()` */
  authenticated(name: string, how: "again" | "arrived" | "moved", now: number): void {
    const record = this.#recordOf(name);
    record.authenticatedAt = now;
    record.parkedAs = null;
    record.refused = null;
    if (how !== "again") record.arrivedAt = record.authenticatedAt;
    if (how === "moved") record.moves++;
  }

  /** A reply to a peer was sent. @param now as of `authenticated()` */
  replied(name: string, now: number): void {
    Object.assign(this.#recordOf(name), { repliedAt: now, replyFault: null });
  }

  /** A reply to a peer could not be sent. @param fault why, and what to do about it */
  notReplied(name: string, fault: string): void {
    this.#recordOf(name).replyFault = fault;
  }

  /** A peer moved. @param between two places, as `A and B`, if it moves back and forth between them; else null @param now as of `authenticated()` */
  moved(name: string, between: string | null, now: number): void {
    this.#recordOf(name).flapping = between === null ? null : { between, at: now };
  }

  parked(name: string, as: string): void {
    Object.assign(this.#recordOf(name), { parkedAs: as, flapping: null });
  }

  /** @param name of the peer whose proof was in the packet; null: nobody's */
  refused(name: string | null, packet: RefusedPacket): void {
    this.#refusals++;
    this.#lastRefused = { ...packet, at: this.#clock.now() };
    if (name !== null) this.#recordOf(name).refused = packet;
  }

  /** Notes how much has come from a peer. @returns when it was last seen that something had; null: it was not */
  see(name: string, counts: PacketCounts | null): number | null {
    const record = this.#recordOf(name);
    const { received } = record;
    if (counts !== null && received !== null && counts.received > received) {
      record.receivedAt = this.#clock.now();
    }
    record.received = counts?.received ?? null;
    return record.receivedAt;
  }

  /** Forgets all but these peers. */
  keep(names: ReadonlySet<string>): void {
    for (const name of this.#records.keys()) if (!names.has(name)) this.#records.delete(name);
  }

  #recordOf(name: string): PeerRecord {
    const known = this.#records.get(name);
    if (known !== undefined) return known;
    const record: PeerRecord = {
      ...{ authenticatedAt: null, repliedAt: null, replyFault: null, arrivedAt: null, receivedAt: null },
      ...{ received: null, moves: 0, flapping: null, parkedAs: null, refused: null },
    };
    this.#records.set(name, record);
    return record;
  }
}
