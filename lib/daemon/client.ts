import { RawSocket } from "../../ffi/raw_socket.ts";
import { makeAuthPayload } from "../auth/scheme.ts";
import { Client } from "../client.ts";
import { monotonicTime, unixTime } from "../clock.ts";
import { EXIT, IpipouError } from "../errors.ts";
import type { Log } from "../log.ts";
import { buildUdpPacket, type Endpoint, formatEndpoint } from "../packet.ts";
import type { Settings } from "../settings/settings.ts";
import type { Daemon, DaemonContext } from "./context.ts";
import { awaitHost, findOutside, resolveHost } from "./outside.ts";
import { Replies } from "./replies.ts";
import type { Signals } from "./signals.ts";
import { waitUntil } from "./wait.ts";

/** Sends a client's auth packets. */
class AuthSender implements Disposable {
  readonly #settings: Settings;
  readonly #source: Endpoint;
  readonly #destination: Endpoint;
  readonly #socket: RawSocket;

  constructor(settings: Settings, source: Endpoint, destination: Endpoint) {
    this.#settings = settings;
    this.#source = source;
    this.#destination = destination;
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

/**
 * Sets up a client's tunnel.
 *
 * @throws {IpipouError} when it cannot
 */
export async function startClient(context: DaemonContext, signals: Signals): Promise<Daemon> {
  const { settings, kernel, log, stop } = context;
  const peer = settings.peers[0]!;
  const outside = findOutside(settings, await kernel.observe());
  const remote = { ip: await awaitHost(peer.remote.host!, log, stop), port: peer.remote.port! };
  using resources = new DisposableStack();
  const sender = resources.use(
    new AuthSender(settings, { ip: outside.ip, port: settings.local.port }, remote),
  );
  await kernel.apply(outside, new Map([[peer.name, { remote, expiresAt: null }]]));
  const { device, ip, peerIp } = peer.tunnel;
  log.notice(`${peer.name}: tunnel to ${formatEndpoint(remote)} set up: ${ip} peer ${peerIp} dev ${device}`);
  const authentication = resources.use(new Authentication(settings, sender, remote, log));
  const owned = resources.move();
  return {
    serve: () => authentication.serve(signals),
    [Symbol.dispose]: () => owned.dispose(),
  };
}

/**
 * Sends one auth packet and touches nothing.
 *
 * @throws {IpipouError} exit code 120 when it cannot leave
 */
export async function reauthenticate({ settings, kernel, log }: DaemonContext): Promise<void> {
  const peer = settings.peers[0]!;
  const outside = findOutside(settings, await kernel.observe());
  const remote = { ip: await resolveHost(peer.remote.host!), port: peer.remote.port! };
  using sender = new AuthSender(settings, { ip: outside.ip, port: settings.local.port }, remote);
  try {
    sender.send();
  } catch (cause) {
    throw new IpipouError((cause as Error).message, EXIT.send, { cause });
  }
  log.notice(`sent auth packet to ${formatEndpoint(remote)}`);
}

/** Keeps a client authenticated, and tells the log what the server makes of it. */
class Authentication implements Disposable {
  readonly #sender: AuthSender;
  readonly #log: Log;
  readonly #client: Client;
  readonly #replies: Replies | null;
  /** Names the client and its server in the log. */
  readonly #peer: { readonly name: string; readonly remote: string };
  #wake = () => {};

  constructor(settings: Settings, sender: AuthSender, remote: Endpoint, log: Log) {
    const peer = settings.peers[0]!;
    const options = { keepalive: settings.keepalive, expectsAnswers: peer.reply };
    this.#sender = sender;
    this.#log = log;
    this.#client = new Client(options, monotonicTime(), Math.random);
    this.#peer = { name: peer.name, remote: formatEndpoint(remote) };
    const path = { remote, port: settings.local.port };
    this.#replies = peer.reply ? new Replies(peer, path, log, () => this.#handleAccepted()) : null;
  }

  /** Sends what is due until told to stop. */
  async serve(signals: Signals): Promise<void> {
    const client = this.#client;
    signals.onAuthRequest = () => {
      client.handleRequest(monotonicTime());
      this.#wake();
    };
    while (!signals.stop.aborted) {
      if (client.nextSend !== null && client.nextSend <= monotonicTime()) this.#send();
      this.#noticeMissingAnswer();
      const woken = new AbortController();
      this.#wake = () => woken.abort();
      await waitUntil(client.nextDeadline, AbortSignal.any([signals.stop, woken.signal]));
    }
  }

  [Symbol.dispose](): void {
    this.#replies?.[Symbol.dispose]();
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
