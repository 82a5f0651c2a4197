import { Backoff } from "./backoff.ts";
import { type Amount, Hearing } from "./client/hearing.ts";
import { type Attempt, Ladder, type Step } from "./client/ladder.ts";
import type { PacketCounts, TrafficCounts } from "./kernel_ports.ts";

/** Milliseconds to wait for a reply. */
export const REPLY_MILLISECONDS = 3_000;
/** Milliseconds after which a server that has answered before is sent another one: the first may be lost. */
const AGAIN_MILLISECONDS = 1_000;
/** Least milliseconds between two auth packets when replies are expected. */
const LEAST_GAP_MILLISECONDS = 1_000;
/**
 * Seconds between auth packets when replies are expected and nothing else is said: a server that lost the client, as by
 * a restart, does not tell.
 */
export const HEARTBEAT_SECONDS = 25;
/** Milliseconds until a server that said that it stops is tried again: it says when it is back, unless that is lost. */
const STOPPED_MILLISECONDS = 3_000;
/** Random share of the pauses between attempts, so that a server's clients do not all come at once. */
const JITTER = 0.25;
/** How long a server counts as heard after data has come, in milliseconds. */
const HEARD_MILLISECONDS = 60_000;
/**
 * Milliseconds in which a server that has answered before may leave auth packets without an answer while data comes: its
 * program may be restarting, and its kernel goes on without it.
 */
const RESTART_MILLISECONDS = 60_000;
/** The first keepalive after a silence comes earlier by up to this share, as the silence has brought clients in step. */
const SPREAD = 0.5;
/** Auth packets between which data got no answer, until that is said. */
const DEAF_AFTER = 3;

export interface ClientOptions {
  /** Seconds between auth packets; 0: only on request; null: 0, or a slow heartbeat if replies are expected. */
  readonly keepalive: number | null;
  /** The server replies to accepted auth packets. */
  readonly expectsReplies: boolean;
  /** Bytes of a reply that the tunnel's device counts as received; 0: it counts none. */
  readonly replyLength: number;
  /** What can be done about silence, in this order. */
  readonly steps: readonly Step[];
  /** Each auth packet comes with a ping through the tunnel. */
  readonly pings: boolean;
}

/** What is known of the server's replies; "unknown" until the first one arrives or is missed. */
export type ReplyState = "unknown" | "accepted" | "no reply";

/** What is known of the tunnel, each for itself; milliseconds of `Clock.now()`, null: never. */
export interface Knowledge {
  readonly sentAt: number | null;
  readonly acceptedAt: number | null;
  /** When the first of the replies came that came without a gap since then. */
  readonly acceptedSince: number | null;
  /** When it was last seen that data had come. */
  readonly heardAt: number | null;
  /** Whether data gets no answer though the server accepts this client. */
  readonly isDeaf: boolean;
}

/**
 * The client's state machine: when to send an auth packet, whether the server replies, and what to do about silence. It
 * is told what happened (`handle…`) and says when to call it again (`nextDeadline`). Packets are made and verified
 * elsewhere. Silence is an auth packet without a reply while nothing comes out of the tunnel; where no replies are
 * expected, keepalives between which something was sent and nothing came.
 */
export class Client {
  readonly #options: ClientOptions;
  readonly #random: () => number;
  readonly #failures = new Backoff();
  readonly #retries = new Backoff();
  readonly #hearing: Hearing;
  /** What was heard before may be another server's. */
  readonly #since: number;
  readonly #ladder: Ladder;
  #replyState: ReplyState = "unknown";
  /** When the first, next regular or requested packet is due; null: never. */
  #sendDue: number | null;
  /** When a packet is due because a reply is missing; null: none is. */
  #retryDue: number | null = null;
  /** When an awaited reply counts as missing; null: none is awaited. */
  #replyDue: number | null = null;
  /** How many packets were sent while it is awaited. */
  #unanswered = 0;
  #lastSent = -Infinity;
  #acceptedAt: number | null = null;
  #acceptedSince: number | null = null;
  /** When the auth packet was sent since which data shows that the server is not silent. */
  #listensSince = -Infinity;
  #attempt: Attempt | null = null;
  /** Auth packets in a row since which something was sent into the tunnel, and nothing came out of it. */
  #deafness = 0;
  #isDeafnessTold = false;

  /**
   * @param now milliseconds of `Clock.now()`; the first packet is due at once
   * @param random from 0 to below 1, like `Math.random()`
   * @param before one that had the same tunnel until now, under other settings
   */
  constructor(options: ClientOptions, now: number, random: () => number, before: Client | null = null) {
    this.#options = options;
    this.#hearing = before === null ? new Hearing() : before.#hearing;
    this.#since = now;
    this.#ladder = new Ladder(options.steps, !options.expectsReplies);
    this.#sendDue = now;
    this.#random = random;
  }

  get replyState(): ReplyState {
    return this.#replyState;
  }

  get knowledge(): Knowledge {
    const sentAt = this.#lastSent === -Infinity ? null : this.#lastSent;
    const heardAt = this.#heardAt;
    const isDeaf = this.#isDeaf && (heardAt ?? -Infinity) < this.#lastSent;
    return { sentAt, acceptedAt: this.#acceptedAt, acceptedSince: this.#acceptedSince, heardAt, isDeaf };
  }

  get #isDeaf(): boolean {
    return this.#replyState === "accepted" && this.#deafness >= DEAF_AFTER;
  }

  /** Replies that the tunnel's device may have counted and that it was not told of yet. */
  get #awaited(): Amount {
    const { replyLength } = this.#options;
    const packets = this.#replyDue === null || replyLength === 0 ? 0 : this.#unanswered;
    return { packets, bytes: packets * replyLength };
  }

  /** When it was last seen that data had come; null: not in its time. */
  get #heardAt(): number | null {
    const { heardAt } = this.#hearing;
    return heardAt !== null && heardAt > this.#since ? heardAt : null;
  }

  /** The tunnel stands. @param counts of its device, which may be of another run */
  takeOver(counts: TrafficCounts): void {
    this.#hearing.takeOver(counts);
  }

  /** What came out of the tunnel without replies, and went into it. @param counts of its device */
  dataIn(counts: TrafficCounts, now: number): TrafficCounts {
    return this.#hearing.dataIn(counts, this.#awaited, now);
  }

  /** Milliseconds between regular packets; 0: there are none. */
  get #keepalive(): number {
    const { keepalive, expectsReplies } = this.#options;
    return 1000 * (keepalive ?? (expectsReplies ? HEARTBEAT_SECONDS : 0));
  }

  /** When the next auth packet is due, in milliseconds of `Clock.now()`; null: only on request. */
  get nextSend(): number | null {
    const due = earliest(this.#sendDue, this.#retryDue);
    if (due === null || !this.#options.expectsReplies) return due;
    return Math.max(due, this.#lastSent + LEAST_GAP_MILLISECONDS);
  }

  /** When a packet or `handleMissingReply()` is due; null: not until something happens. */
  get nextDeadline(): number | null {
    return earliest(this.nextSend, this.#replyDue);
  }

  /** What to do about silence, once; null: nothing. */
  takeAttempt(): Attempt | null {
    const attempt = this.#attempt;
    this.#attempt = null;
    return attempt;
  }

  /** Whether data gets no answer though the server accepts this client: true once, and again after some came. */
  takeDeafness(): boolean {
    const isNews = this.#isDeaf && !this.#isDeafnessTold;
    if (isNews) this.#isDeafnessTold = true;
    return isNews;
  }

  handleRequest(now: number): void {
    this.#sendDue = now;
  }

  /** A packet was sent. @param counts of the tunnel's device, before it; null: there is none */
  handleSent(now: number, counts: PacketCounts | null): void {
    const { expectsReplies } = this.#options;
    const keepalive = this.#keepalive;
    const traffic = this.#hearing.note(counts, this.#awaited, now);
    if (traffic === "heard") [this.#deafness, this.#isDeafnessTold] = [0, false];
    if (traffic === "unanswered" && this.#replyState === "accepted") this.#deafness++;
    if (!expectsReplies) this.#judge(traffic);
    else if (this.#replyState !== "no reply") this.#listensSince = now;
    this.#failures.reset();
    this.#lastSent = now;
    this.#sendDue = keepalive === 0 ? null : now + keepalive;
    this.#unanswered = this.#replyDue === null ? 1 : this.#unanswered + 1;
    const isAgainDue = this.#unanswered === 1 && this.#replyState === "accepted";
    this.#retryDue = isAgainDue ? now + AGAIN_MILLISECONDS : null;
    if (expectsReplies) this.#replyDue ??= now + REPLY_MILLISECONDS;
  }

  /** An auth packet could not be sent (no route, no address, a firewall). It is due again, after growing pauses. */
  handleSendFailure(now: number): void {
    this.#sendDue = now + this.#failures.next();
    this.#retryDue = null;
  }

  /** A datagram of the server's came by the tunnel's way that is no data: a reply, mostly. @param length of its payload */
  handleNoData(length: number): void {
    if (this.#options.replyLength > 0) this.#hearing.handleNoData(length);
  }

  handleAccepted(now: number): void {
    if (this.#replyState === "no reply" && this.#sendDue !== null) {
      const early = Math.round(this.#keepalive * (1 - SPREAD * this.#random()));
      this.#sendDue = Math.min(this.#sendDue, now + early);
    }
    if (this.#replyState !== "accepted") this.#acceptedSince = now;
    this.#replyState = "accepted";
    this.#acceptedAt = now;
    this.#retries.reset();
    this.#ladder.reset();
    this.#attempt = null;
    this.#retryDue = null;
    this.#replyDue = null;
  }

  /** The server says that it stops, so attempts begin again; or that it has started, so a packet is due. */
  handleServerNews(news: "stops" | "starts", now: number): void {
    if (news === "starts") return this.handleRequest(now);
    this.#replyState = "no reply";
    this.#replyDue = null;
    this.#retries.reset();
    this.#sendDue = null;
    this.#retryDue = now + this.#spread(STOPPED_MILLISECONDS);
  }

  /** Whether a reply is missing. Then `handleMissingReply()` is due. */
  isReplyMissing(now: number): boolean {
    return this.#replyDue !== null && now >= this.#replyDue;
  }

  /** A reply is missing: another packet is due, after growing pauses. @param counts of the tunnel's device; null: there is none */
  handleMissingReply(now: number, counts: PacketCounts | null): void {
    this.#replyState = "no reply";
    this.#replyDue = null;
    this.#retryDue = now + this.#nextPause();
    this.#hearing.note(counts, this.#awaited, now);
    if (this.#isHeard(now)) return;
    this.#attempt = this.#ladder.miss();
    if (this.#unanswered > 1) this.#attempt ??= this.#ladder.miss();
  }

  /** A step was taken though no replies are expected: an auth packet is due at once. */
  handleStepTaken(now: number): void {
    this.#hearing.restart();
    this.#sendDue = now;
  }

  /** The own address is another one: an auth packet is due at once, and what was learned by the way before is void. */
  handleMoved(now: number): void {
    this.#sendDue = now;
    this.#retries.reset();
    this.#ladder.reset();
    this.#attempt = null;
    this.#retryDue = null;
    this.#replyDue = null;
  }

  /** Whether data that came since the first auth packet without an answer shows that the server is there. */
  #isHeard(now: number): boolean {
    const heardAt = this.#heardAt ?? -Infinity;
    if (this.#acceptedAt !== null && now - this.#listensSince >= RESTART_MILLISECONDS) return false;
    return heardAt > this.#listensSince && now - heardAt < HEARD_MILLISECONDS;
  }

  /** Without replies. Who has never been heard may be one that never sends. */
  #judge(traffic: ReturnType<Hearing["note"]>): void {
    if (traffic === "heard") this.#ladder.reset();
    const canTell = this.#options.pings || this.#heardAt !== null;
    if (traffic === "unanswered" && canTell) this.#attempt = this.#ladder.miss();
  }

  /** Milliseconds until the next attempt. */
  #nextPause(): number {
    return this.#spread(this.#retries.next());
  }

  #spread(milliseconds: number): number {
    return Math.round(milliseconds * (1 + JITTER * (2 * this.#random() - 1)));
  }
}

function earliest(a: number | null, b: number | null): number | null {
  const first = Math.min(a ?? Infinity, b ?? Infinity);
  return first === Infinity ? null : first;
}
