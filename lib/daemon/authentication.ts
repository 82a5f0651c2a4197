import type { News } from "../auth/news.ts";
import { makeAuthPayload, makeGoodbyePayload, makeQuestionPayload, type Scheme } from "../auth/scheme.ts";
import type { Client } from "../client.ts";
import type { Attempt } from "../client/ladder.ts";
import type { Log } from "../log.ts";
import type { LogEvent } from "../log_events.ts";
import { formatEndpoint } from "../packet.ts";
import type { PacketCounts } from "../kernel_ports.ts";
import type { Clock, Random, System } from "../ports.ts";
import type { Settings } from "../settings/settings.ts";
import type { Setup } from "./client_setup.ts";
import { pingThrough } from "./ping.ts";
import { Replies } from "./replies.ts";
import { describeSendFault } from "./send_fault.ts";
import { Sender, socketOptions } from "./sender.ts";

/** What auth packets are made and sent by. */
export type AuthSystem = Pick<System, "clock" | "random" | "openRawSocket">;

/** Sends a client's auth packets. */
export class AuthSender implements Disposable {
  readonly #setup: Setup;
  readonly #system: AuthSystem;
  readonly #sender: Sender;

  /** @throws {SysError} when no raw socket can be opened */
  constructor(setup: Setup, system: AuthSystem) {
    this.#setup = setup;
    this.#system = system;
    this.#sender = new Sender(system, socketOptions(setup.outside, setup.settings));
  }

  /** @param prepare called with the payload before it is sent @throws {SysError} when it cannot be sent */
  send(prepare: (payload: Uint8Array) => void = () => {}): void {
    const payload = this.#make(makeAuthPayload);
    prepare(payload);
    this.#sendPayload(payload);
  }

  /** Says good-bye, if it signs. @throws {SysError} when it cannot be sent */
  sayGoodbye(): void {
    const payload = this.#make(makeGoodbyePayload);
    if (payload !== null) this.#sendPayload(payload);
  }

  /**
   * Asks where the server sees this client, if it signs.
   *
   * @param prepare called with the payload before it is sent
   * @throws {SysError} when it cannot be sent
   */
  ask(prepare: (payload: Uint8Array) => void): void {
    const payload = this.#make(makeQuestionPayload);
    if (payload === null) return;
    prepare(payload);
    this.#sendPayload(payload);
  }

  #make<P>(make: (scheme: Scheme, timestamp: number, randomBytes: Random["bytes"]) => P): P {
    const { clock, random } = this.#system;
    const { scheme } = this.#setup.settings.peers[0]!;
    return make(scheme, clock.unixTime(), (length) => random.bytes(length));
  }

  #sendPayload(payload: Uint8Array): void {
    const { settings, outside, remote } = this.#setup;
    const source = { ip: outside.ip, port: settings.local.ports[0] };
    this.#sender.send({ source, destination: remote, payload }, settings.authPacketTtl);
  }

  [Symbol.dispose](): void {
    this.#sender[Symbol.dispose]();
  }
}

interface AuthenticationContext {
  readonly system: System;
  readonly log: Log;
  /** Packets through the tunnel; null: it has no device. */
  readonly counts: () => PacketCounts | null;
  /** Called when `nextDeadline` may have become earlier. */
  readonly wake: () => void;
}

/** Keeps a client authenticated by one way, and logs whether the server replies. */
export class Authentication implements Disposable {
  readonly #sender: AuthSender;
  readonly #setup: Setup;
  readonly #settings: Settings;
  readonly #client: Client;
  readonly #context: AuthenticationContext;
  readonly #clock: Clock;
  readonly #replies: Replies | null;
  readonly #signs: boolean;
  /** The newest time of an auth packet, Unix seconds. */
  #newestTime = 0;
  #isBehind = false;
  #fault: string | null = null;
  /** How the log names the client and its server. */
  readonly #names: { readonly peer: string; readonly remote: string };

  /** @param client says what is due @throws {SysError} */
  constructor(setup: Setup, client: Client, context: AuthenticationContext) {
    const { settings, remote } = setup;
    const { system, log } = context;
    const peer = settings.peers[0]!;
    this.#sender = new AuthSender(setup, system);
    this.#setup = setup;
    this.#settings = settings;
    this.#client = client;
    this.#context = context;
    this.#clock = system.clock;
    this.#signs = peer.scheme.kind === "ed25519";
    this.#names = { peer: peer.name, remote: formatEndpoint(remote) };
    const path = { remote, port: settings.local.ports[0] };
    this.#replies = peer.reply
      ? new Replies(peer, path, {
        ...{ system, log },
        onDatagram: (length) => client.handleNoData(length),
        onAccepted: () => this.handleAccepted(),
        onNews: (news) => this.#handleNews(news),
      })
      : null;
  }

  /** Why the last auth packet could not be sent; null: it was. */
  get fault(): string | null {
    return this.#fault;
  }

  /** Has an auth packet sent. @param delay in milliseconds */
  request(delay = 0): void {
    this.#client.handleRequest(this.#clock.now() + delay);
    this.#context.wake();
  }

  sayGoodbye(): void {
    try {
      this.#sender.sayGoodbye();
    } catch (error) {
      this.#context.log.info(`${(error as Error).message}: the server does not know that this client stops`);
    }
  }

  /** Does what is due. @returns what to do about silence; null: nothing */
  act(): Attempt | null {
    const { nextSend } = this.#client;
    if (nextSend !== null && nextSend <= this.#clock.now()) this.#send();
    this.#noticeMissingReply();
    return this.#client.takeAttempt();
  }

  [Symbol.dispose](): void {
    this.#replies?.[Symbol.dispose]();
    this.#sender[Symbol.dispose]();
  }

  #send(): void {
    const client = this.#client;
    this.#noticeClock();
    try {
      // A near server has answered before this goes on.
      const counts = this.#context.counts();
      this.#sender.send((payload) => this.#replies?.expect(payload));
      client.handleSent(this.#clock.now(), counts);
      if (this.#fault !== null) {
        const event: LogEvent = { event: "send-restored", ...this.#names };
        this.#context.log.notice(`${this.#names.peer}: auth packets can be sent again`, event);
      }
      this.#fault = null;
      this.#context.log.info("sent auth packet");
      this.#noticeDeafness();
      if (this.#settings.monitor.ping) this.#ping();
    } catch (error) {
      client.handleSendFailure(this.#clock.now());
      const { outside, remote } = this.#setup;
      const fault = describeSendFault(error as Error, outside, remote.ip);
      const line = `${this.#names.peer}: auth packet not sent: ${fault}; trying again`;
      // The pauses grow; the news of a route or device ends them.
      const event: LogEvent = { event: "send-failed", ...this.#names, packet: "auth" };
      if (fault !== this.#fault) this.#context.log.warning(`${line} until it is`, event);
      else this.#context.log.info(`${line} in ${this.#secondsToSend()} s`, event);
      this.#fault = fault;
    }
  }

  #ping(): void {
    try {
      pingThrough(this.#settings, this.#context.system);
    } catch (error) {
      this.#context.log.info((error as Error).message);
    }
  }

  /** Auth packets are read before the server's firewall. */
  #noticeDeafness(): void {
    if (!this.#client.takeDeafness()) return;
    const { peer, remote } = this.#names;
    const port = remote.replace(/.*:/, "");
    this.#context.log.warning(
      `${peer}: accepted by ${remote}, but nothing comes out of the tunnel, though something was sent into it; if that ` +
        `should be answered, check the server's firewall: udp dport ${port} ct state new,untracked accept, and ` +
        "iifname DEVICE accept for its tunnel's device; and the firewall here, and the inner addresses of both sides",
      { event: "no-data", peer, remote, count: 1, why: "nothing received" },
    );
  }

  /** A server takes an auth packet for a repeated one if its time is before that of an earlier one. */
  #noticeClock(): void {
    const time = this.#clock.unixTime();
    const behind = this.#newestTime - time;
    if (this.#signs && behind > 0 && !this.#isBehind) {
      const line = `this host's clock is ${behind} s behind the time of an earlier auth packet`;
      this.#context.log.warning(
        `${this.#names.peer}: ${line}: the server may refuse auth packets until it has caught up`,
        null,
      );
    }
    this.#isBehind = behind > 0;
    this.#newestTime = Math.max(this.#newestTime, time);
  }

  /** The server has answered. */
  handleAccepted(): void {
    const isNews = this.#client.replyState !== "accepted";
    this.#client.handleAccepted(this.#clock.now());
    const line = `${this.#names.peer}: accepted by ${this.#names.remote}`;
    const event: LogEvent = { event: "accepted", ...this.#names };
    if (isNews) this.#context.log.notice(line, event);
    else this.#context.log.info(line, event);
    this.#context.wake();
  }

  #handleNews(news: News): void {
    const { peer, remote } = this.#names;
    this.#client.handleServerNews(news, this.#clock.now());
    const what = news === "stops"
      ? "the server stops, or has removed this client; trying until it is back"
      : "the server has started";
    const event = news === "stops" ? "server-stopped" : "server-started";
    this.#context.log.notice(`${peer}: ${remote}: ${what}`, { event, peer, remote });
    this.#context.wake();
  }

  #noticeMissingReply(): void {
    const isNews = this.#client.replyState !== "no reply";
    if (!this.#client.isReplyMissing(this.#clock.now())) return;
    this.#client.handleMissingReply(this.#clock.now(), this.#context.counts());
    this.#replies?.relax();
    const { peer, remote } = this.#names;
    const line = `${peer}: no reply from ${remote}`;
    const event: LogEvent = { event: "no-reply", peer, remote };
    if (!isNews) this.#context.log.info(`${line}; trying again in ${this.#secondsToSend()} s`, event);
    else {
      const why = explainSilence(this.#client.knowledge.acceptedAt !== null);
      this.#context.log.warning(`${line}: ${why}; trying until there is one`, event);
    }
  }

  #secondsToSend(): number {
    return Math.ceil((this.#client.nextSend! - this.#clock.now()) / 1000);
  }
}

/** What to look at, the likeliest first. @param wasAccepted whether the server has replied before */
export function explainSilence(wasAccepted: boolean): string {
  return wasAccepted
    ? "it has replied before; check whether it runs, its log for what it says of this client, and the way there"
    : 'check whether it runs; whether UDP gets to that port (firewall, port forwarding); its log for "refused auth ' +
      'packet", and why; and that its reply-on-auth-ok is on';
}
