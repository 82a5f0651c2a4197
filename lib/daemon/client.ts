import { isDeepStrictEqual } from "node:util";
import { RawSocket } from "../../ffi/raw_socket.ts";
import { makeAuthPayload } from "../auth/scheme.ts";
import { Client } from "../client.ts";
import { monotonicTime, unixTime } from "../clock.ts";
import { EXIT, IpipouError } from "../errors.ts";
import type { Outside } from "../kernel/desired.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Log } from "../log.ts";
import { buildUdpPacket, type Endpoint, formatEndpoint } from "../packet.ts";
import type { Settings } from "../settings/settings.ts";
import type { Daemon, DaemonContext } from "./context.ts";
import { awaitHost, findOutside, resolveHost } from "./outside.ts";
import { Reconciler } from "./reconciler.ts";
import { waitUntil } from "./wait.ts";

/** Where a client's tunnel goes, and by which settings. */
interface Setup {
  readonly settings: Settings;
  readonly outside: Outside;
  readonly remote: Endpoint;
}

/** Sends a client's auth packets. */
class AuthSender implements Disposable {
  readonly #settings: Settings;
  readonly #source: Endpoint;
  readonly #destination: Endpoint;
  readonly #socket: RawSocket;

  constructor({ settings, outside, remote }: Setup) {
    this.#settings = settings;
    this.#source = { ip: outside.ip, port: settings.local.port };
    this.#destination = remote;
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

/** The client: has a tunnel to its server, and sends auth packets when they are due. */
export class ClientDaemon implements Daemon {
  readonly #kernel: Kernel;
  readonly #log: Log;
  readonly #stop: AbortSignal;
  readonly #reconciler: Reconciler;
  #setup: Setup;
  #sender: AuthSender;
  #client: Client;
  #wake = new AbortController();

  private constructor({ kernel, log, stop }: DaemonContext, setup: Setup, sender: AuthSender) {
    this.#kernel = kernel;
    this.#log = log;
    this.#stop = stop;
    this.#reconciler = new Reconciler(() => applySetup(kernel, this.#setup), log, stop);
    this.#setup = setup;
    this.#sender = sender;
    this.#client = new Client(setup.settings.keepalive, monotonicTime());
  }

  /**
   * Sets up the tunnel.
   *
   * @throws {IpipouError} when it cannot
   */
  static async start(context: DaemonContext): Promise<ClientDaemon> {
    const { settings, kernel, log, stop } = context;
    const { name, remote: { host, port }, tunnel: { device, ip, peerIp } } = settings.peers[0]!;
    const outside = findOutside(settings, await kernel.observe());
    const remote = { ip: await awaitHost(host!, log, stop), port: port! };
    const setup = { settings, outside, remote };
    using resources = new DisposableStack();
    const sender = resources.use(new AuthSender(setup));
    await applySetup(kernel, setup);
    log.notice(`${name}: tunnel to ${formatEndpoint(remote)} set up: ${ip} peer ${peerIp} dev ${device}`);
    resources.move();
    return new ClientDaemon(context, setup, sender);
  }

  async serve(): Promise<void> {
    while (!this.#stop.aborted) {
      const { nextSend } = this.#client;
      if (nextSend !== null && nextSend <= monotonicTime()) this.#trySend();
      this.#wake = new AbortController();
      await waitUntil(this.#client.nextSend, AbortSignal.any([this.#stop, this.#wake.signal]));
    }
    await this.#reconciler.settled();
  }

  async reload(settings: Settings): Promise<void> {
    const previous = this.#setup;
    const next = await this.#moveTo(settings);
    using resources = new DisposableStack();
    const sender = resources.use(new AuthSender(next));
    this.#adopt(next);
    await this.#reconciler.attempt(() => this.#adopt(previous));
    resources.move();
    this.#sender[Symbol.dispose]();
    this.#sender = sender;
    this.#client = new Client(settings.keepalive, monotonicTime());
  }

  authenticate(): void {
    this.#client.handleRequest(monotonicTime());
    this.#wake.abort();
  }

  [Symbol.dispose](): void {
    this.#sender[Symbol.dispose]();
  }

  async #moveTo(settings: Settings): Promise<Setup> {
    const previous = this.#setup;
    const [before, after] = [previous.settings.peers[0]!.remote, settings.peers[0]!.remote];
    const isHere = isDeepStrictEqual(settings.local, previous.settings.local);
    const ip = after.host === before.host ? previous.remote.ip : await resolveHost(after.host!);
    const outside = isHere ? previous.outside : findOutside(settings, await this.#kernel.look());
    return { settings, outside, remote: { ip, port: after.port! } };
  }

  #adopt(setup: Setup): void {
    this.#setup = setup;
    this.#kernel.configure(setup.settings);
  }

  #trySend(): void {
    try {
      this.#sender.send();
      this.#client.handleSent(monotonicTime());
      this.#log.info("sent auth packet");
    } catch (error) {
      this.#client.handleSendFailure(monotonicTime());
      const seconds = Math.ceil((this.#client.nextSend! - monotonicTime()) / 1000);
      this.#log.warning(
        `${(error as Error).message}: auth packet not sent; trying again in ${seconds} s`,
      );
    }
  }
}

function applySetup(kernel: Kernel, { settings, outside, remote }: Setup): Promise<void> {
  return kernel.apply(outside, new Map([[settings.peers[0]!.name, { remote, expiresAt: null }]]));
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
  using sender = new AuthSender({ settings, outside, remote });
  try {
    sender.send();
  } catch (cause) {
    throw new IpipouError((cause as Error).message, EXIT.send, { cause });
  }
  log.notice(`sent auth packet to ${formatEndpoint(remote)}`);
}
