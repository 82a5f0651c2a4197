import { Backoff } from "./backoff.ts";

/** Milliseconds to wait for an answer. */
const ANSWER_MILLISECONDS = 3_000;
/** Least milliseconds between two auth packets when answers are expected. */
const LEAST_GAP_MILLISECONDS = 1_000;
/** Random share of the pauses between attempts, so that a server's clients do not all come at once. */
const JITTER = 0.25;

interface ClientOptions {
  /** Seconds between auth packets; 0: only on request. */
  readonly keepalive: number;
  /** The server answers accepted auth packets. */
  readonly expectsAnswers: boolean;
}

/** The state of the server's answers; "unknown" until the first one arrives or is missed. */
export type Answers = "unknown" | "accepted" | "no answer";

/**
 * The client's state machine: when to send an auth packet, and whether the server answers. It is told what happened
 * (`handle…`) and says when to call it again (`nextDeadline`). Packets are made and verified elsewhere.
 */
export class Client {
  readonly #options: ClientOptions;
  readonly #random: () => number;
  readonly #failures = new Backoff();
  readonly #retries = new Backoff();
  #answers: Answers = "unknown";
  /** When the first, next regular or requested packet is due; null: never. */
  #sendDue: number | null;
  /** When a packet is due because an answer is missing; null: none is. */
  #retryDue: number | null = null;
  /** When an awaited answer counts as missing; null: none is awaited. */
  #answerDue: number | null = null;
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

  get answers(): Answers {
    return this.#answers;
  }

  /** When the next auth packet is due, in milliseconds of `Clock.now()`; null: only on request. */
  get nextSend(): number | null {
    const due = earliest(this.#sendDue, this.#retryDue);
    if (due === null || !this.#options.expectsAnswers) return due;
    return Math.max(due, this.#lastSent + LEAST_GAP_MILLISECONDS);
  }

  /** When a packet or `handleTime()` is due; null: not until something happens. */
  get nextDeadline(): number | null {
    return earliest(this.nextSend, this.#answerDue);
  }

  handleRequest(now: number): void {
    this.#sendDue = now;
  }

  handleSent(now: number): void {
    const { keepalive, expectsAnswers } = this.#options;
    this.#failures.reset();
    this.#lastSent = now;
    this.#sendDue = keepalive === 0 ? null : now + keepalive * 1000;
    this.#retryDue = null;
    if (expectsAnswers) this.#answerDue ??= now + ANSWER_MILLISECONDS;
  }

  /** An auth packet could not be sent (no route, no address, a firewall). It is due again, after growing pauses. */
  handleSendFailure(now: number): void {
    this.#sendDue = now + this.#failures.next();
    this.#retryDue = null;
  }

  handleAccepted(): void {
    this.#answers = "accepted";
    this.#retries.reset();
    this.#retryDue = null;
    this.#answerDue = null;
  }

  /** Time has passed. @returns whether an answer is missing; then another packet is due, after growing pauses */
  handleTime(now: number): boolean {
    if (this.#answerDue === null || now < this.#answerDue) return false;
    this.#answers = "no answer";
    this.#answerDue = null;
    const jitter = 1 + JITTER * (2 * this.#random() - 1);
    this.#retryDue = now + Math.round(this.#retries.next() * jitter);
    return true;
  }
}

function earliest(a: number | null, b: number | null): number | null {
  const first = Math.min(a ?? Infinity, b ?? Infinity);
  return first === Infinity ? null : first;
}
