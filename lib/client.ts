import { Backoff } from "./backoff.ts";

/**
 * The client's state machine: when to send an auth packet. It is told what happened (`handle…`) and tells when
 * something is to be done (`nextSend`); the packet itself is made by the scheme.
 */
export class Client {
  readonly #keepalive: number;
  readonly #backoff = new Backoff();
  #nextSend: number | null;

  /**
   * @param keepalive seconds between auth packets; 0: only when asked
   * @param now milliseconds of a clock that never jumps: the first packet is due at once
   */
  constructor(keepalive: number, now: number) {
    this.#keepalive = keepalive;
    this.#nextSend = now;
  }

  /** When the next auth packet is due, by the same clock; null: only when asked. */
  get nextSend(): number | null {
    return this.#nextSend;
  }

  /** Someone asks for an auth packet now. */
  handleRequest(now: number): void {
    this.#nextSend = now;
  }

  /** An auth packet has left. */
  handleSent(now: number): void {
    this.#backoff.reset();
    this.#nextSend = this.#keepalive === 0 ? null : now + this.#keepalive * 1000;
  }

  /** An auth packet could not leave (no route, no address, a firewall): it is due again, each time later. */
  handleSendFailure(now: number): void {
    this.#nextSend = now + this.#backoff.next();
  }
}
