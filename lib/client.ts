import { Backoff } from "./backoff.ts";

/** Milliseconds to wait for a reply. */
const REPLY_MILLISECONDS = 3_000;
/** Least milliseconds between two auth packets when replies are expected. */
const LEAST_GAP_MILLISECONDS = 1_000;
/**
 * Seconds between auth packets when replies are expected and nothing else is said: a server that lost the client, as by
 * a restart, does not tell.
 */
const HEARTBEAT_SECONDS = 25;
/** Random share of the pauses between attempts, so that a server's clients do not all come at once. */
const JITTER = 0.25;

interface ClientOptions {
  /** Seconds between auth packets; 0: only on request; null: 0, or a slow heartbeat if replies are expected. */
  readonly keepalive: number | null;
  /** The server replies to accepted auth packets. */
  readonly expectsReplies: boolean;
}

/** What is known of the server's replies; "unknown" until the first one arrives or is missed. */
export type ReplyState = "unknown" | "accepted" | "no reply";

/**
 * The client's state machine: when to send an auth packet, and whether the server replies. It is told what happened
 * (`handle…`) and says when to call it again (`nextDeadline`). Packets are made and verified elsewhere.
 */
export class Client {
  readonly #options: ClientOptions;
  readonly #random: () => number;
  readonly #failures = new Backoff();
  readonly #retries = new Backoff();
  #replyState: ReplyState = "unknown";
  /** When the first, next regular or requested packet is due; null: never. */
  #sendDue: number | null;
  /** When a packet is due because a reply is missing; null: none is. */
  #retryDue: number | null = null;
  /** When an awaited reply counts as missing; null: none is awaited. */
  #replyDue: number | null = null;
  #lastSent = -Infinity;

  /**
   * @param now milliseconds of `Clock.now()`; the first packet is due at once
   * @param random from 0 to below 1, like `Math.random()`
   */
  constructor(options: ClientOptions, now: number, random: () => number) {
    this.#options = options;
    this.#sendDue = now;
    this.#random = random;
  }

  get replyState(): ReplyState {
    return this.#replyState;
  }

  /** When the next auth packet is due, in milliseconds of `Clock.now()`; null: only on request. */
  get nextSend(): number | null {
    const due = earliest(this.#sendDue, this.#retryDue);
    if (due === null || !this.#options.expectsReplies) return due;
    return Math.max(due, this.#lastSent + LEAST_GAP_MILLISECONDS);
  }

  /** When a packet or `handleTime()` is due; null: not until something happens. */
  get nextDeadline(): number | null {
    return earliest(this.nextSend, this.#replyDue);
  }

  handleRequest(now: number): void {
    this.#sendDue = now;
  }

  handleSent(now: number): void {
    const { expectsReplies } = this.#options;
    const keepalive = this.#options.keepalive ?? (expectsReplies ? HEARTBEAT_SECONDS : 0);
    this.#failures.reset();
    this.#lastSent = now;
    this.#sendDue = keepalive === 0 ? null : now + keepalive * 1000;
    this.#retryDue = null;
    if (expectsReplies) this.#replyDue ??= now + REPLY_MILLISECONDS;
  }

  /** An auth packet could not be sent (no route, no address, a firewall). It is due again, after growing pauses. */
  handleSendFailure(now: number): void {
    this.#sendDue = now + this.#failures.next();
    this.#retryDue = null;
  }

  handleAccepted(): void {
    this.#replyState = "accepted";
    this.#retries.reset();
    this.#retryDue = null;
    this.#replyDue = null;
  }

  /** Time has passed. @returns whether a reply is missing; then another packet is due, after growing pauses */
  handleTime(now: number): boolean {
    if (this.#replyDue === null || now < this.#replyDue) return false;
    this.#replyState = "no reply";
    this.#replyDue = null;
    const jitter = 1 + JITTER * (2 * this.#random() - 1);
    this.#retryDue = now + Math.round(this.#retries.next() * jitter);
    return true;
  }
}

function earliest(a: number | null, b: number | null): number | null {
  const first = Math.min(a ?? Infinity, b ?? Infinity);
  return first === Infinity ? null : first;
}
