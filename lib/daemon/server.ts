import { PacketQueue } from "../../ffi/libnetfilter_queue.ts";
import { RawSocket } from "../../ffi/raw_socket.ts";
import { authPayloadLength, makeReplyPayload } from "../auth/scheme.ts";
import { monotonicTime, unixTime } from "../clock.ts";
import { Gate, type Outcome } from "../gate.ts";
import type { Outside } from "../kernel/desired.ts";
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
import { awaitHost, findOutside } from "./outside.ts";
import { Reconciler } from "./reconciler.ts";

type Admitted = Extract<Outcome, { kind: "admitted" }>;

/** The server: reads auth packets from the gate's queue, and has the kernel follow who is admitted. */
export class Server implements Daemon {
  readonly #settings: Settings;
  readonly #log: Log;
  readonly #gate: Gate;
  readonly #outside: Outside;
  readonly #stop: AbortSignal;
  readonly #resources: DisposableStack;
  readonly #queue: PacketQueue;
  readonly #socket: RawSocket;
  readonly #reconciler: Reconciler;
  readonly #refusals = new RefusalReport();

  private constructor({ settings, kernel, log, stop }: DaemonContext, gate: Gate, outside: Outside) {
    this.#settings = settings;
    this.#log = log;
    this.#gate = gate;
    this.#outside = outside;
    this.#stop = stop;
    using resources = new DisposableStack();
    this.#queue = resources.use(openQueue(settings));
    this.#socket = resources.use(RawSocket.open({ device: settings.local.device }));
    this.#reconciler = new Reconciler(() => kernel.apply(outside, gate.admissions), log, stop);
    this.#resources = resources.move();
  }

  /**
   * Sets up the gate, and takes over what an earlier run left.
   *
   * @throws {IpipouError} when it cannot
   */
  static async start(context: DaemonContext): Promise<Server> {
    const { settings, kernel, log, stop } = context;
    const observed = await kernel.observe();
    const outside = findOutside(settings, observed);
    const gate = new Gate(settings.peers, await resolveRemotes(settings, log, stop));
    adoptAdmissions(gate, settings, observed.own, log);
    using resources = new DisposableStack();
    const server = resources.use(new Server(context, gate, outside));
    if (observed.own.obsoleteRules.size > 0) {
      log.notice("removing the nftables rules that version 0.1 left for this port and queue");
    }
    await kernel.apply(outside, gate.admissions);
    log.notice(`waiting for clients at ${formatEndpoint({ ip: outside.ip, port: settings.local.port })}`);
    resources.move();
    return server;
  }

  /** Handles auth packets until told to stop. @throws {IpipouError} exit code 20 when the queue fails */
  async serve(): Promise<void> {
    for await (const packet of this.#queue.packets(this.#stop)) this.#handle(packet);
    await this.#reconciler.settled();
  }

  [Symbol.dispose](): void {
    this.#resources.dispose();
  }

  #handle(packet: Uint8Array): void {
    const datagram = parseUdpPacket(packet);
    if (datagram === null) return;
    const now = monotonicTime();
    const outcome = this.#gate.handle(datagram, now, unixTime());
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
    if (peer.reply) this.#reply(datagram, makeReply(peer.scheme, datagram));
  }

  #reply({ source }: Datagram, payload: Uint8Array): void {
    const own = { ip: this.#outside.ip, port: this.#settings.local.port };
    const reply = { source: own, destination: source, payload };
    try {
      this.#socket.send(
        buildUdpPacket(reply, this.#settings.authPacketTtl ?? this.#socket.defaultTtl),
        source.ip,
      );
    } catch (error) {
      this.#log.warning(`${(error as Error).message}: no reply to ${formatEndpoint(source)}`);
    }
  }
}

function makeReply(scheme: Settings["peers"][number]["scheme"], { payload }: Datagram): Uint8Array {
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
  return makeReplyPayload(scheme, payload, unixTime(), random);
}

function openQueue({ queue: { number, maxLength }, peers }: Settings): PacketQueue {
  const longest = Math.max(...peers.map((peer) => authPayloadLength(peer.scheme)));
  return PacketQueue.open({ number, maxLength, copyRange: MAX_HEADERS_LENGTH + longest });
}

async function resolveRemotes(
  { peers }: Settings,
  log: Log,
  stop: AbortSignal,
): Promise<Map<string, string>> {
  const known = peers.filter((peer) => peer.byRemote.ip && peer.remote.host !== null);
  const entries = known.map(async ({ name, remote }) =>
    [name, await awaitHost(remote.host!, log, stop)] as const
  );
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
