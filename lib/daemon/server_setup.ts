import { PacketQueue } from "../../ffi/packet_queue.ts";
import { RawSocket } from "../../ffi/raw_socket.ts";
import { monotonicTime } from "../clock.ts";
import { EXIT, IpipouError } from "../errors.ts";
import { Gate } from "../gate.ts";
import { claimsOf } from "../kernel/leftovers.ts";
import type { Outside } from "../kernel/member.ts";
import type { Observed } from "../kernel/state.ts";
import { formatEndpoint, MAX_HEADERS_LENGTH } from "../packet.ts";
import type { Settings } from "../settings/settings.ts";
import { type Addresses, hostsOf, remotesOf } from "./hosts.ts";

/** Bytes of the longest payload an auth packet may have under any settings: an Ethernet frame's. */
const LONGEST_PAYLOAD = 1472;

/** What follows from a server's settings; replaced as a whole when they change. */
export interface ServerSetup {
  readonly settings: Settings;
  readonly gate: Gate;
  readonly outside: Outside;
  /** Addresses of the hosts that peers are known by, as far as they are found. */
  readonly hosts: Addresses;
  readonly queue: PacketQueue;
  readonly socket: RawSocket;
}

/** Makes the first one. @throws {IpipouError} when the queue or socket cannot be opened */
export function openSetup(settings: Settings, outside: Outside, hosts: Addresses): ServerSetup {
  using resources = new DisposableStack();
  const setup = {
    settings,
    outside,
    hosts,
    queue: resources.use(openQueue(settings)),
    socket: resources.use(RawSocket.open({ device: settings.local.device })),
    gate: new Gate(settings, remotesOf(settings.peers, hosts)),
  };
  resources.move();
  return setup;
}

/** Makes one of settings that were read again; it shares with the previous what need not be opened anew. */
export function succeed(
  previous: ServerSetup,
  settings: Settings,
  outside: Outside,
  hosts: Addresses,
): ServerSetup {
  const { queue } = previous.settings;
  using resources = new DisposableStack();
  const next = {
    settings,
    outside,
    hosts,
    queue: queue.number === settings.queue.number ? previous.queue : resources.use(openQueue(settings)),
    // A socket stays bound to a device that was there, not to one of its name that came since.
    socket: resources.use(RawSocket.open({ device: settings.local.device })),
    gate: previous.gate.succeed(settings, remotesOf(settings.peers, hosts), monotonicTime()),
  };
  resources.move();
  return next;
}

/** Makes one of the same settings, in which more hosts are found; it shares with the previous all that is open. */
export function withHosts(previous: ServerSetup, found: Addresses): ServerSetup {
  const { settings, gate } = previous;
  const hosts = new Map([...previous.hosts, ...found]);
  return {
    ...previous,
    hosts,
    gate: gate.succeed(settings, remotesOf(settings.peers, hosts), monotonicTime()),
  };
}

/** Closes what one has opened and another does not share. */
export function release(setup: ServerSetup, other: ServerSetup): void {
  if (setup.queue !== other.queue) setup.queue.close();
  if (setup.socket !== other.socket) setup.socket.close();
}

/**
 * Refuses to stand a gate before another instance's FOU port: it would cut a tunnel off.
 *
 * @throws {IpipouError} naming both, and the cure
 */
export function refuseShared({ local: { ports } }: Settings, outside: Outside, observed: Observed): void {
  const [shared] = claimsOf(observed, outside, ports);
  if (shared === undefined) return;
  const { place, name } = shared;
  throw new IpipouError(
    `Cannot wait for clients at ${place}: ${name} has a tunnel by that FOU port, and the gate would cut it off; ` +
      `give another --fou-local-port, or stop ${name} (if it was killed: ipipou cleanup --tunl-dev ${name})`,
    EXIT.ipFou,
  );
}

/** Where clients are waited for. */
export function placesOf({ outside, settings }: ServerSetup): string {
  return settings.local.ports.map((port) => formatEndpoint({ ip: outside.ip, port })).join(", ");
}

/** The hosts that peers would be known by, if they were found. */
export function missingOf({ settings, hosts }: ServerSetup): Set<string> {
  return hostsOf(settings.peers).difference(hosts);
}

function openQueue({ queue: { number, maxLength } }: Settings): PacketQueue {
  return PacketQueue.open({ number, maxLength, copyRange: MAX_HEADERS_LENGTH + LONGEST_PAYLOAD });
}
