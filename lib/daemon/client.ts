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

  /** @throws {SysError} when it cannot leave */
  send(): void {
    const { scheme } = this.#settings.peers[0]!;
    const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
    const payload = makeAuthPayload(scheme, unixTime(), random);
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
  const owned = resources.move();
  return {
    serve: () => keepAuthenticated(sender, new Client(settings.keepalive, monotonicTime()), log, signals),
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

async function keepAuthenticated(
  sender: AuthSender,
  client: Client,
  log: Log,
  signals: Signals,
): Promise<void> {
  let asked = new AbortController();
  signals.onAuthRequest = () => {
    client.handleRequest(monotonicTime());
    asked.abort();
  };
  while (!signals.stop.aborted) {
    if (client.nextSend !== null && client.nextSend <= monotonicTime()) trySend(sender, client, log);
    asked = new AbortController();
    await waitUntil(client.nextSend, AbortSignal.any([signals.stop, asked.signal]));
  }
}

function trySend(sender: AuthSender, client: Client, log: Log): void {
  try {
    sender.send();
    client.handleSent(monotonicTime());
    log.info("sent auth packet");
  } catch (error) {
    client.handleSendFailure(monotonicTime());
    const seconds = Math.ceil((client.nextSend! - monotonicTime()) / 1000);
    log.warning(`${(error as Error).message}: auth packet not sent; trying again in ${seconds} s`);
  }
}
