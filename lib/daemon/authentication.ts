import { RawSocket } from "../../ffi/raw_socket.ts";
import { makeAuthPayload } from "../auth/scheme.ts";
import { Client } from "../client.ts";
import { monotonicTime, unixTime } from "../clock.ts";
import type { Outside } from "../kernel/member.ts";
import type { Log } from "../log.ts";
import { buildUdpPacket, type Endpoint, formatEndpoint } from "../packet.ts";
import type { Settings } from "../settings/settings.ts";
import { Replies } from "./replies.ts";

const WORDS = { "accepted": "accepted by", "no answer": "no answer from" } as const;

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

  constructor({ settings, outside, remote }: Setup) {
    this.#settings = settings;
    this.#source = { ip: outside.ip, port: settings.local.ports[0] };
    this.#destination = remote;
    this.#socket = RawSocket.open({ device: settings.local.device });
  }

  /**
   * @param prepare called with the payload before it leaves
   * @throws {SysError} when it cannot leave
   */
  send(prepare: (payload: Uint8Array) => void = () => {}): void {
    const { scheme } = this.#settings.peers[0]!;
    const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
    const payload = makeAuthPayload(scheme, unixTime(), random);
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
  readonly #client: Client;
  readonly #replies: Replies | null;
  readonly #wake: () => void;
  /** Names the client and its server in the log. */
  readonly #peer: { readonly name: string; readonly remote: string };

  /** @param wake called when there may be something to do before `nextDeadline` */
  constructor(setup: Setup, log: Log, wake: () => void) {
    const { settings, remote } = setup;
    const peer = settings.peers[0]!;
    const options = { keepalive: settings.keepalive, expectsAnswers: peer.reply };
    this.#sender = new AuthSender(setup);
    this.#log = log;
    this.#wake = wake;
    this.#client = new Client(options, monotonicTime(), Math.random);
    this.#peer = { name: peer.name, remote: formatEndpoint(remote) };
    const path = { remote, port: settings.local.ports[0] };
    this.#replies = peer.reply ? new Replies(peer, path, log, () => this.#handleAccepted()) : null;
  }

  /** What is known of the server, in one line. */
  get status(): string {
    const { status } = this.#client;
    const { remote } = this.#peer;
    return status === "unknown" ? `tunnel to ${remote} set up` : `${WORDS[status]} ${remote}`;
  }

  /** When there is something to do next, by the monotonic clock; null: only when asked. */
  get nextDeadline(): number | null {
    return this.#client.nextDeadline;
  }

  /** Has an auth packet sent now. */
  request(): void {
    this.#client.handleRequest(monotonicTime());
    this.#wake();
  }

  /** Does what is due. */
  act(): void {
    const { nextSend } = this.#client;
    if (nextSend !== null && nextSend <= monotonicTime()) this.#send();
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
      client.handleSent(monotonicTime());
      this.#log.info("sent auth packet");
    } catch (error) {
      client.handleSendFailure(monotonicTime());
      const message = (error as Error).message;
      this.#log.warning(`${message}: auth packet not sent; trying again in ${this.#secondsToSend()} s`);
    }
  }

  #handleAccepted(): void {
    const isNews = this.#client.status !== "accepted";
    this.#client.handleAccepted();
    const line = `${this.#peer.name}: accepted by ${this.#peer.remote}`;
    if (isNews) this.#log.notice(line);
    else this.#log.info(line);
    this.#wake();
  }

  #noticeMissingAnswer(): void {
    const isNews = this.#client.status !== "no answer";
    if (!this.#client.handleTime(monotonicTime())) return;
    const { name, remote } = this.#peer;
    const why = "refused, unreachable, or a server that does not answer";
    if (isNews) this.#log.warning(`${name}: no answer from ${remote}: ${why}; trying until there is one`);
    else this.#log.info(`${name}: no answer from ${remote}; trying again in ${this.#secondsToSend()} s`);
  }

  #secondsToSend(): number {
    return Math.ceil((this.#client.nextSend! - monotonicTime()) / 1000);
  }
}
