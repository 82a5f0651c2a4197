import { EXIT, IpipouError } from "../errors.ts";
import { claimsOf } from "../kernel/leftovers.ts";
import type { Outside } from "../kernel/member.ts";
import type { Observed } from "../kernel/state.ts";
import { type Endpoint, MAX_HEADERS_LENGTH } from "../packet.ts";
import type { PacketQueue, RawSocket, System } from "../ports.ts";
import { Registrar } from "../registrar.ts";
import type { Settings } from "../settings/settings.ts";
import { type HostAddresses, hostsOf, remotesOf } from "./hosts.ts";

/** Bytes of the longest payload an auth packet may have under any settings: an Ethernet frame's. */
const LONGEST_PAYLOAD = 1472;

/** What follows from a server's settings; replaced as a whole when they change. */
export interface ServerSetup {
  readonly settings: Settings;
  readonly registrar: Registrar;
  readonly outside: Outside;
  /** Addresses of the hosts that peers are known by, as far as they are found. */
  readonly hosts: HostAddresses;
  readonly queue: PacketQueue;
  readonly socket: RawSocket;
}

/** Makes the first one. @throws {IpipouError} when the queue or socket cannot be opened */
export function openSetup(
  system: System,
  settings: Settings,
  outside: Outside,
  hosts: HostAddresses,
): ServerSetup {
  using resources = new DisposableStack();
  const setup = {
    settings,
    outside,
    hosts,
    queue: resources.adopt(openQueue(system, settings), (queue) => queue.close()),
    socket: resources.adopt(openSocket(system, settings), (socket) => socket.close()),
    registrar: new Registrar(settings, remotesOf(settings.peers, hosts)),
  };
  resources.move();
  return setup;
}

/** Makes the next one, of settings that were read again. It shares with the previous one what need not be reopened. */
export function nextSetup(
  system: System,
  previous: ServerSetup,
  settings: Settings,
  outside: Outside,
  hosts: HostAddresses,
): ServerSetup {
  const { queue } = previous.settings;
  using resources = new DisposableStack();
  const next = {
    settings,
    outside,
    hosts,
    queue: queue.number === settings.queue.number
      ? previous.queue
      : resources.adopt(openQueue(system, settings), (queue) => queue.close()),
    // A socket stays bound to the device it was opened for, not to a later one of the same name.
    socket: resources.adopt(openSocket(system, settings), (socket) => socket.close()),
    registrar: previous.registrar.withSettings(
      settings,
      remotesOf(settings.peers, hosts),
      system.clock.now(),
    ),
  };
  resources.move();
  return next;
}

/** Makes the next one, of the same settings with more hosts found. It shares with the previous one all that is open. */
export function withHosts(system: System, previous: ServerSetup, found: HostAddresses): ServerSetup {
  const { settings, registrar } = previous;
  const hosts = new Map([...previous.hosts, ...found]);
  return {
    ...previous,
    hosts,
    registrar: registrar.withSettings(settings, remotesOf(settings.peers, hosts), system.clock.now()),
  };
}

/** Closes what one has open and the other does not share. */
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

/** Where the server waits for clients. */
export function placesOf({ outside, settings }: ServerSetup): Endpoint[] {
  return settings.local.ports.map((port) => ({ ip: outside.ip, port }));
}

/** The hosts that peers would be known by, if they were found. */
export function missingOf({ settings, hosts }: ServerSetup): Set<string> {
  return hostsOf(settings.peers).difference(hosts);
}

function openQueue({ openPacketQueue }: System, { queue: { number, maxLength } }: Settings): PacketQueue {
  return openPacketQueue({ number, maxLength, copyRange: MAX_HEADERS_LENGTH + LONGEST_PAYLOAD });
}

function openSocket({ openRawSocket }: System, { local: { device } }: Settings): RawSocket {
  return openRawSocket({ device });
}
