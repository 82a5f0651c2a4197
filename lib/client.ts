import { Backoff } from "./backoff.ts";

/** Milliseconds an answer may take. */
const ANSWER_MILLISECONDS = 3_000;
/** Least milliseconds between two auth packets where answers are expected, whatever they are due for. */
const LEAST_GAP_MILLISECONDS = 1_000;
/** Share by which the pauses between attempts differ, so that a server's clients do not all come at once. */
const JITTER = 0.25;

/** How a client goes about authenticating. */
export interface ClientOptions {
  /** Seconds between auth packets; 0: only when asked. */
  readonly keepalive: number;
  /** The server answers what it accepts. */
  readonly expectsAnswers: boolean;
}

/** What the server's answers tell; "unknown" until the first one arrives or is missed. */
export type Answers = "unknown" | "accepted" | "no answer";

/**
 * The client's state machine: when to send an auth packet, and what is known of the server. It is told what happened
 * (`handle…`) and tells when it wants to be asked again (`nextDeadline`); packets are made and verified elsewhere.
 */
export class Client {
  readonly #options: ClientOptions;
  readonly #random: () => number;
  readonly #failures = new Backoff();
  readonly #retries = new Backoff();
  #answers: Answers = "unknown";
  /** When a packet is due as it was first, is kept up, or was asked for; null: not. */
  #sendDue: number | null;
  /** When one is due because an answer is missing; null: none is. */
  #retryDue: number | null = null;
  /** When an answer is missing; null: none is awaited. */
  #answerDue: number | null = null;
  #lastSent = -Infinity;

  /**
   * @param now milliseconds of `Clock.now()`: the first packet is due at once
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

  /** When the next auth packet is due, by the same clock; null: only when asked. */
  get nextSend(): number | null {
    const due = earliest(this.#sendDue, this.#retryDue);
    if (due === null || !this.#options.expectsAnswers) return due;
    return Math.max(due, this.#lastSent + LEAST_GAP_MILLISECONDS);
  }

  /** When the next thing is to be done, a packet or `handleTime()`; null: nothing until something happens. */
  get nextDeadline(): number | null {
    return earliest(this.nextSend, this.#answerDue);
  }

  /** Someone asks for an auth packet now. */
  handleRequest(now: number): void {
    this.#sendDue = now;
  }

  /** An auth packet has left. */
  handleSent(now: number): void {
    const { keepalive, expectsAnswers } = this.#options;
    this.#failures.reset();
    this.#lastSent = now;
    this.#sendDue = keepalive === 0 ? null : now + keepalive * 1000;
    this.#retryDue = null;
    if (expectsAnswers) this.#answerDue ??= now + ANSWER_MILLISECONDS;
  }

  /** An auth packet could not leave (no route, no address, a firewall): it is due again, each time later. */
  handleSendFailure(now: number): void {
    this.#sendDue = now + this.#failures.next();
    this.#retryDue = null;
  }

  /** The server has answered the latest auth packet. */
  handleAccepted(): void {
    this.#answers = "accepted";
    this.#retries.reset();
    this.#retryDue = null;
    this.#answerDue = null;
  }

  /** Time has passed. @returns whether an answer turned out to be missing; another packet is due, each time later */
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
