import { makeAuthPayload } from "../auth/scheme.ts";
import { Client, type ReplyState } from "../client.ts";
import type { Outside } from "../kernel/member.ts";
import type { Log } from "../log.ts";
import { type Endpoint, formatEndpoint } from "../packet.ts";
import type { Clock, System } from "../ports.ts";
import type { Settings } from "../settings/settings.ts";
import { Replies } from "./replies.ts";
import { Sender, socketOptions } from "./sender.ts";

/** Where a client's tunnel leads, and its settings. */
export interface Setup {
  readonly settings: Settings;
  readonly outside: Outside;
  readonly remote: Endpoint;
}

/** Sends a client's auth packets. */
export class AuthSender implements Disposable {
  readonly #setup: Setup;
  readonly #system: System;
  readonly #sender: Sender;

  /** @throws {SysError} when no raw socket can be opened */
  constructor(setup: Setup, system: System) {
    this.#setup = setup;
    this.#system = system;
    this.#sender = new Sender(system, socketOptions(setup.outside, setup.settings));
  }

  /** @param prepare called with the payload before it is sent @throws {SysError} when it cannot be sent */
  send(prepare: (payload: Uint8Array) => void = () => {}): void {
    const { settings, outside, remote } = this.#setup;
    const { clock, random } = this.#system;
    const { scheme } = settings.peers[0]!;
    const payload = makeAuthPayload(scheme, clock.unixTime(), (length) => random.bytes(length));
    prepare(payload);
    const source = { ip: outside.ip, port: settings.local.ports[0] };
    this.#sender.send({ source, destination: remote, payload }, settings.authPacketTtl);
  }

  [Symbol.dispose](): void {
    this.#sender[Symbol.dispose]();
  }
}

/** Keeps a client authenticated, and logs whether the server replies. */
export class Authentication implements Disposable {
  readonly #sender: AuthSender;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #client: Client;
  readonly #replies: Replies | null;
  readonly #signs: boolean;
  /** The newest time of an auth packet, Unix seconds. */
  #newestTime = 0;
  #isBehind = false;
  #fault: string | null = null;
  readonly #wake: () => void;
  /** How the log names the client and its server. */
  readonly #peer: { readonly name: string; readonly remote: string };

  /** @param wake called when `nextDeadline` may have become earlier @throws {SysError} */
  constructor(setup: Setup, system: System, log: Log, wake: () => void) {
    const { settings, remote } = setup;
    const peer = settings.peers[0]!;
    const options = { keepalive: settings.keepalive, expectsReplies: peer.reply };
    this.#sender = new AuthSender(setup, system);
    this.#signs = peer.scheme.kind === "ed25519";
    this.#log = log;
    this.#clock = system.clock;
    this.#wake = wake;
    this.#client = new Client(options, system.clock.now(), () => system.random.fraction());
    this.#peer = { name: peer.name, remote: formatEndpoint(remote) };
    const path = { remote, port: settings.local.ports[0] };
    this.#replies = peer.reply
      ? new Replies(peer, path, { system, log, onAccepted: () => this.#handleAccepted() })
      : null;
  }

  get replyState(): ReplyState {
    return this.#client.replyState;
  }

  /** Why the last auth packet could not be sent; null: it was. */
  get fault(): string | null {
    return this.#fault;
  }

  /** When `act()` is due, in milliseconds of `Clock.now()`; null: only on request. */
  get nextDeadline(): number | null {
    return this.#client.nextDeadline;
  }

  request(): void {
    this.#client.handleRequest(this.#clock.now());
    this.#wake();
  }

  /** Does what is due. */
  act(): void {
    const { nextSend } = this.#client;
    if (nextSend !== null && nextSend <= this.#clock.now()) this.#send();
    this.#noticeMissingReply();
  }

  [Symbol.dispose](): void {
    this.#replies?.[Symbol.dispose]();
    this.#sender[Symbol.dispose]();
  }

  #send(): void {
    const client = this.#client;
    this.#noticeClock();
    try {
      this.#sender.send((payload) => this.#replies?.expect(payload));
      client.handleSent(this.#clock.now());
      this.#fault = null;
      this.#log.info("sent auth packet");
    } catch (error) {
      client.handleSendFailure(this.#clock.now());
      const message = this.#fault = (error as Error).message;
      this.#log.warning(`${message}: auth packet not sent; trying again in ${this.#secondsToSend()} s`);
    }
  }

  /** A server takes an auth packet for a repeated one if its time is before that of an earlier one. */
  #noticeClock(): void {
    const time = this.#clock.unixTime();
    const behind = this.#newestTime - time;
    if (this.#signs && behind > 0 && !this.#isBehind) {
      const line = `this host's clock went back by ${behind} s`;
      this.#log.warning(
        `${this.#peer.name}: ${line}: the server may refuse auth packets until it has caught up`,
      );
    }
    this.#isBehind = behind > 0;
    this.#newestTime = Math.max(this.#newestTime, time);
  }

  #handleAccepted(): void {
    const isNews = this.#client.replyState !== "accepted";
    this.#client.handleAccepted();
    const line = `${this.#peer.name}: accepted by ${this.#peer.remote}`;
    if (isNews) this.#log.notice(line);
    else this.#log.info(line);
    this.#wake();
  }

  #noticeMissingReply(): void {
    const isNews = this.#client.replyState !== "no reply";
    if (!this.#client.handleTime(this.#clock.now())) return;
    const { name, remote } = this.#peer;
    const why = "refused, unreachable, or a server that sends none";
    if (isNews) this.#log.warning(`${name}: no reply from ${remote}: ${why}; trying until there is one`);
    else this.#log.info(`${name}: no reply from ${remote}; trying again in ${this.#secondsToSend()} s`);
  }

  #secondsToSend(): number {
    return Math.ceil((this.#client.nextSend! - this.#clock.now()) / 1000);
  }
}
