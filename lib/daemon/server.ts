import { isDeepStrictEqual } from "node:util";
import { PacketQueue } from "../../ffi/libnetfilter_queue.ts";
import { RawSocket } from "../../ffi/raw_socket.ts";
import { makeReplyPayload } from "../auth/scheme.ts";
import { monotonicTime, unixTime } from "../clock.ts";
import { Gate, isLive, type Outcome } from "../gate.ts";
import type { Outside } from "../kernel/desired.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { type KernelState, remoteKey } from "../kernel/state.ts";
import type { Log } from "../log.ts";
import {
  buildUdpPacket,
  type Datagram,
  formatEndpoint,
  MAX_HEADERS_LENGTH,
  parseUdpPacket,
  sameEndpoint,
} from "../packet.ts";
import { describeRefusal, RefusalReport } from "../refusals.ts";
import type { Settings } from "../settings/settings.ts";
import type { Daemon, DaemonContext } from "./context.ts";
import { awaitHost, awaitOutside, findOutside, resolveHost } from "./outside.ts";
import { Reconciler } from "./reconciler.ts";
import type { Service } from "./service.ts";

type Admitted = Extract<Outcome, { kind: "admitted" }>;

/** Bytes of the longest payload an auth packet may have under any settings: an Ethernet frame's. */
const LONGEST_PAYLOAD = 1472;
/** What follows from the settings; replaced as a whole when they change. */
interface Setup {
  readonly settings: Settings;
  readonly gate: Gate;
  readonly outside: Outside;
  readonly queue: PacketQueue;
  readonly socket: RawSocket;
}

/** The server: reads auth packets from the gate's queue, and has the kernel follow who is admitted. */
export class Server implements Daemon {
  readonly #kernel: Kernel;
  readonly #log: Log;
  readonly #service: Service;
  readonly #stop: AbortSignal;
  readonly #reconciler: Reconciler;
  readonly #refusals = new RefusalReport();
  #setup: Setup;

  private constructor({ kernel, log, service, stop }: DaemonContext, setup: Setup) {
    this.#kernel = kernel;
    this.#log = log;
    this.#service = service;
    this.#stop = stop;
    this.#setup = setup;
    const change = () => kernel.apply(this.#setup.outside, this.#setup.gate.admissions);
    this.#reconciler = new Reconciler(change, log, stop);
  }

  /**
   * Sets up the gate, and takes over what an earlier run left.
   *
   * @throws {IpipouError} when it cannot
   */
  static async start(context: DaemonContext): Promise<Server> {
    const { settings, kernel, log } = context;
    const { observed, outside } = await awaitOutside(context);
    const gate = new Gate(
      settings.peers,
      await resolveRemotes(settings, (host) => awaitHost(host, context)),
    );
    adoptAdmissions(gate, settings, observed.own, log);
    using resources = new DisposableStack();
    const queue = resources.use(openQueue(settings));
    const socket = resources.use(RawSocket.open({ device: settings.local.device }));
    if (observed.own.obsoleteRules.size > 0) {
      log.notice("removing the nftables rules that version 0.1 left for this port and queue");
    }
    await kernel.apply(outside, gate.admissions);
    const setup = { settings, gate, outside, queue, socket };
    log.notice(`waiting for clients at ${place(setup)}`);
    resources.move();
    return new Server(context, setup);
  }

  get status(): string {
    const { settings: { peers }, gate } = this.#setup;
    const now = monotonicTime();
    const admitted = [...gate.admissions.values()].filter((admission) => isLive(admission, now)).length;
    return `waiting for clients at ${place(this.#setup)}; ${admitted} of ${peers.length} peers admitted`;
  }

  /** Handles auth packets until told to stop. @throws {IpipouError} exit code 20 when the queue fails */
  async serve(): Promise<void> {
    // A queue whose packets end has been closed, for another.
    while (!this.#stop.aborted) {
      for await (const packet of this.#setup.queue.packets(this.#stop)) this.#handle(packet);
    }
    await this.#reconciler.settled();
  }

  async reload(settings: Settings): Promise<void> {
    const previous = this.#setup;
    const isHere = isDeepStrictEqual(settings.local, previous.settings.local);
    const observed = await this.#kernel.look();
    if (observed.own.gate === null) this.#log.warning("the gate is gone from nftables: putting it back");
    const outside = isHere ? previous.outside : findOutside(settings, observed);
    const remotes = await resolveRemotes(settings, resolveHost);
    const next = succeed(previous, settings, outside, remotes);
    try {
      this.#adopt(next);
      await this.#reconciler.attempt(() => this.#adopt(previous));
    } catch (error) {
      release(next, previous);
      throw error;
    }
    release(previous, next);
    this.#tellWhoIsOut(previous.gate, next.gate);
  }

  /** It is the other side that does. */
  authenticate(): void {}

  [Symbol.dispose](): void {
    this.#setup.queue.close();
    this.#setup.socket.close();
  }

  #adopt(setup: Setup): void {
    setup.queue.resize(setup.settings.queue.maxLength);
    this.#setup = setup;
    this.#kernel.configure(setup.settings);
  }

  #tellWhoIsOut(before: Gate, after: Gate): void {
    const now = monotonicTime();
    for (const [name, admission] of after.admissions) {
      if (isLive(admission, now) || !isLive(before.admissions.get(name)!, now)) continue;
      this.#log.notice(`${name}: shut out until it authenticates anew`);
    }
  }

  #handle(packet: Uint8Array): void {
    const datagram = parseUdpPacket(packet);
    if (datagram === null) return;
    const now = monotonicTime();
    const outcome = this.#setup.gate.handle(datagram, now, unixTime());
    if (outcome.kind === "refused") {
      const line = this.#refusals.note(datagram.source, outcome.refusal, now);
      if (line === null) this.#log.debug(describeRefusal(datagram.source, outcome.refusal));
      else this.#log.notice(line);
      return;
    }
    this.#reconciler.request(outcome.peer.name, () => this.#complete(outcome, datagram));
  }

  /** The kernel has followed: tell the log, and the client that wants to know. */
  #complete({ peer, admission, previous }: Admitted, datagram: Datagram): void {
    const remote = formatEndpoint(admission.remote);
    if (previous === null) {
      const { device, ip, peerIp } = peer.tunnel;
      this.#log.notice(`${peer.name}: tunnel up to ${remote}: ${ip} peer ${peerIp} dev ${device}`);
    } else if (sameEndpoint(previous, admission.remote)) {
      this.#log.info(`${peer.name}: authenticated again from ${remote}`);
    } else {
      this.#log.notice(`${peer.name}: moved from ${formatEndpoint(previous)} to ${remote}`);
    }
    this.#service.update();
    if (peer.reply) this.#reply(datagram, makeReply(peer.scheme, datagram));
  }

  #reply({ source }: Datagram, payload: Uint8Array): void {
    const { settings, outside, socket } = this.#setup;
    const own = { ip: outside.ip, port: settings.local.port };
    const reply = { source: own, destination: source, payload };
    try {
      socket.send(buildUdpPacket(reply, settings.authPacketTtl ?? socket.defaultTtl), source.ip);
    } catch (error) {
      this.#log.warning(`${(error as Error).message}: no reply to ${formatEndpoint(source)}`);
    }
  }
}

/** Where clients are waited for. */
function place({ outside, settings }: Pick<Setup, "outside" | "settings">): string {
  return formatEndpoint({ ip: outside.ip, port: settings.local.port });
}

/** What follows from other settings; it shares with the previous what need not be opened anew. */
function succeed(
  previous: Setup,
  settings: Settings,
  outside: Outside,
  remotes: ReadonlyMap<string, string>,
): Setup {
  const { queue, local } = previous.settings;
  using resources = new DisposableStack();
  const next = {
    settings,
    outside,
    queue: queue.number === settings.queue.number ? previous.queue : resources.use(openQueue(settings)),
    socket: local.device === settings.local.device
      ? previous.socket
      : resources.use(RawSocket.open({ device: settings.local.device })),
    gate: previous.gate.succeed(settings.peers, remotes, monotonicTime()),
  };
  resources.move();
  return next;
}

/** Closes what one setup has opened and another does not share. */
function release(setup: Setup, other: Setup): void {
  if (setup.queue !== other.queue) setup.queue.close();
  if (setup.socket !== other.socket) setup.socket.close();
}

function makeReply(scheme: Settings["peers"][number]["scheme"], { payload }: Datagram): Uint8Array {
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
  return makeReplyPayload(scheme, payload, unixTime(), random);
}

function openQueue({ queue: { number, maxLength } }: Settings): PacketQueue {
  return PacketQueue.open({ number, maxLength, copyRange: MAX_HEADERS_LENGTH + LONGEST_PAYLOAD });
}

async function resolveRemotes(
  { peers }: Settings,
  resolve: (host: string) => Promise<string>,
): Promise<Map<string, string>> {
  const known = peers.filter((peer) => peer.byRemote.ip && peer.remote.host !== null);
  const entries = known.map(async ({ name, remote }) => [name, await resolve(remote.host!)] as const);
  return new Map(await Promise.all(entries));
}

/**
 * Takes over the tunnels an earlier run left. One that the gate no longer lets in stays shut out, unless its
 * authentication was for ever: then the gate itself was lost, and with it the only other record of it.
 */
function adoptAdmissions(gate: Gate, { peers }: Settings, own: KernelState, log: Log): void {
  for (const peer of peers) {
    const tunnel = own.tunnels.get(peer.tunnel.device);
    if (tunnel === undefined) continue;
    const remote = own.gate?.remotes.get(remoteKey(tunnel.remote));
    const expiresAt = peer.lifetime === 0 ? null : remote?.expiresAt ?? 0;
    gate.adopt(peer.name, { remote: tunnel.remote, expiresAt });
    log.notice(`${peer.name}: taking over the tunnel to ${formatEndpoint(tunnel.remote)}`);
  }
}
