import { makeAuthPayload } from "../auth/scheme.ts";
import { type Answers, Client } from "../client.ts";
import type { Outside } from "../kernel/member.ts";
import type { Log } from "../log.ts";
import { buildUdpPacket, type Endpoint, formatEndpoint } from "../packet.ts";
import type { Clock, Random, RawSocket, System } from "../ports.ts";
import type { Settings } from "../settings/settings.ts";
import { Replies } from "./replies.ts";

/** Where a client's tunnel goes, and by which settings. */
export interface Setup {
  readonly settings: Settings;
  readonly outside: Outside;
  readonly remote: Endpoint;
}

/** Sends a client's auth packets. */
export class AuthSender implements Disposable {
  readonly #settings: Settings;
  readonly #source: Endpoint;
  readonly #destination: Endpoint;
  readonly #socket: RawSocket;
  readonly #clock: Clock;
  readonly #random: Random;

  /** @throws {SysError} when no raw socket can be had */
  constructor({ settings, outside, remote }: Setup, { clock, random, openRawSocket }: System) {
    this.#clock = clock;
    this.#random = random;
    this.#settings = settings;
    this.#source = { ip: outside.ip, port: settings.local.ports[0] };
    this.#destination = remote;
    this.#socket = openRawSocket({ device: settings.local.device });
  }

  /**
   * @param prepare called with the payload before it leaves
   * @throws {SysError} when it cannot leave
   */
  send(prepare: (payload: Uint8Array) => void = () => {}): void {
    const { scheme } = this.#settings.peers[0]!;
    const payload = makeAuthPayload(scheme, this.#clock.unixTime(), (length) => this.#random.bytes(length));
    prepare(payload);
    const datagram = { source: this.#source, destination: this.#destination, payload };
    const ttl = this.#settings.authPacketTtl ?? this.#socket.defaultTtl;
    this.#socket.send(buildUdpPacket(datagram, ttl), this.#destination.ip);
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

/** Keeps a client authenticated by one setup, and tells the log what the server makes of it. */
export class Authentication implements Disposable {
  readonly #sender: AuthSender;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #client: Client;
  readonly #replies: Replies | null;
  readonly #wake: () => void;
  /** Names the client and its server in the log. */
  readonly #peer: { readonly name: string; readonly remote: string };

  /** @param wake called when there may be something to do before `nextDeadline` @throws {SysError} */
  constructor(setup: Setup, system: System, log: Log, wake: () => void) {
    const { settings, remote } = setup;
    const peer = settings.peers[0]!;
    const options = { keepalive: settings.keepalive, expectsAnswers: peer.reply };
    this.#sender = new AuthSender(setup, system);
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

  /** What the server's answers tell. */
  get answers(): Answers {
    return this.#client.answers;
  }

  /** When there is something to do next, by the monotonic clock; null: only when asked. */
  get nextDeadline(): number | null {
    return this.#client.nextDeadline;
  }

  /** Has an auth packet sent now. */
  request(): void {
    this.#client.handleRequest(this.#clock.now());
    this.#wake();
  }

  /** Does what is due. */
  act(): void {
    const { nextSend } = this.#client;
    if (nextSend !== null && nextSend <= this.#clock.now()) this.#send();
    this.#noticeMissingAnswer();
  }

  [Symbol.dispose](): void {
    this.#replies?.[Symbol.dispose]();
    this.#sender[Symbol.dispose]();
  }

  #send(): void {
    const client = this.#client;
    try {
      this.#sender.send((payload) => this.#replies?.expect(payload));
      client.handleSent(this.#clock.now());
      this.#log.info("sent auth packet");
    } catch (error) {
      client.handleSendFailure(this.#clock.now());
      const message = (error as Error).message;
      this.#log.warning(`${message}: auth packet not sent; trying again in ${this.#secondsToSend()} s`);
    }
  }

  #handleAccepted(): void {
    const isNews = this.#client.answers !== "accepted";
    this.#client.handleAccepted();
    const line = `${this.#peer.name}: accepted by ${this.#peer.remote}`;
    if (isNews) this.#log.notice(line);
    else this.#log.info(line);
    this.#wake();
  }

  #noticeMissingAnswer(): void {
    const isNews = this.#client.answers !== "no answer";
    if (!this.#client.handleTime(this.#clock.now())) return;
    const { name, remote } = this.#peer;
    const why = "refused, unreachable, or a server that does not answer";
    if (isNews) this.#log.warning(`${name}: no answer from ${remote}: ${why}; trying until there is one`);
    else this.#log.info(`${name}: no answer from ${remote}; trying again in ${this.#secondsToSend()} s`);
  }

  #secondsToSend(): number {
    return Math.ceil((this.#client.nextSend! - this.#clock.now()) / 1000);
  }
}
