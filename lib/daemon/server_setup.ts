import { LONGEST_PAYLOAD } from "../auth/scheme.ts";
import { EXIT, IpipouError } from "../errors.ts";
import { describeLeftovers, usersOf } from "../kernel/leftovers.ts";
import type { Outside } from "../kernel/member.ts";
import type { Observed } from "../kernel/state.ts";
import type { Log } from "../log.ts";
import type { LogEvent } from "../log_events.ts";
import { type Endpoint, MAX_HEADERS_LENGTH } from "../packet.ts";
import type { PacketQueue, System } from "../ports.ts";
import { Registrar } from "../registrar.ts";
import type { Replays } from "../registrar/replays.ts";
import type { Settings } from "../settings/settings.ts";
import { type HostAddresses, hostsOf, remotesOf } from "./hosts.ts";
import { Sender, socketOptions } from "./sender.ts";

/** What follows from a server's settings. It is replaced as a whole when they change. */
export interface ServerSetup {
  readonly settings: Settings;
  readonly registrar: Registrar;
  readonly outside: Outside;
  /** Addresses of the hosts that identify peers, as far as they are found. */
  readonly hosts: HostAddresses;
  /** Which auth packets were used; the registrar changes it. */
  readonly replays: Replays;
  readonly queue: PacketQueue;
  /** Of auth packets with a good hint, which need not wait behind junk; null: they are in the other one. */
  readonly hintQueue: PacketQueue | null;
  readonly sender: Sender;
}

/** Of each packet, from its IPv4 header on. */
const COPY_RANGE = MAX_HEADERS_LENGTH + LONGEST_PAYLOAD;
/** How far the number of the queue for hints is from that of the other one. */
const HALF_OF_QUEUES = 32_768;

/**
 * Makes a setup. It shares with the previous one, if any, what need not be opened again.
 *
 * @throws {IpipouError} when the queue or socket cannot be opened; hints can do without a queue of their own
 */
export function makeSetup(
  { system, log }: { readonly system: System; readonly log: Log },
  { settings, outside, hosts, replays }: Pick<ServerSetup, "settings" | "outside" | "hosts" | "replays">,
  previous: ServerSetup | null = null,
): ServerSetup {
  const { queue: { number, maxLength }, peers } = settings;
  const isSameQueue = previous?.settings.queue.number === number;
  const open = (number: number) => system.openPacketQueue({ number, maxLength, copyRange: COPY_RANGE });
  const remotes = remotesOf(peers, hosts);
  using resources = new DisposableStack();
  const setup = {
    settings,
    outside,
    hosts,
    replays,
    queue: isSameQueue ? previous!.queue : resources.use(open(number)),
    hintQueue: isSameQueue && previous!.hintQueue !== null
      ? previous!.hintQueue
      : resources.use(openHintQueue(settings, open, log)),
    // A socket stays bound to the device it was opened for, not to a later one of the same name.
    sender: resources.use(new Sender(system, socketOptions(outside, settings))),
    registrar: previous?.registrar.withSettings(settings, remotes, system.clock.now()) ??
      new Registrar(settings, remotes, replays),
  };
  resources.move();
  return setup;
}

/** Opens a queue for auth packets with a good hint. @returns null: no client gives one, or the queue cannot be had */
function openHintQueue(
  { queue, peers }: Settings,
  open: (number: number) => PacketQueue,
  log: Log,
): PacketQueue | null {
  if (!peers.some(({ scheme }) => scheme.kind === "ed25519")) return null;
  try {
    return open(hintQueueOf(queue.number));
  } catch (error) {
    if (!(error instanceof IpipouError)) throw error;
    log.warning(
      `${error.message}: in a flood, clients with a hint wait behind others in queue ${queue.number}, until the next reload`,
      { event: "limited", lacks: "hint-queue" },
    );
    return null;
  }
}

/** The numbers of two instances' queues are hardly ever so far from each other. */
function hintQueueOf(number: number): number {
  return (number + HALF_OF_QUEUES) % (2 * HALF_OF_QUEUES);
}

/** The number of the queue that auth packets with a good hint go to. */
export function queueOfHints({ settings: { queue }, hintQueue }: ServerSetup): number {
  return hintQueue === null ? queue.number : hintQueueOf(queue.number);
}

/** Makes a setup from one with the same settings, for another outside. @throws {SysError} */
export function withOutside(system: System, previous: ServerSetup, outside: Outside): ServerSetup {
  return { ...previous, outside, sender: new Sender(system, socketOptions(outside, previous.settings)) };
}

/** Makes a setup from one with the same settings and more hosts found. It shares everything that is open. */
export function withHosts(system: System, previous: ServerSetup, found: HostAddresses): ServerSetup {
  const { settings, registrar } = previous;
  const hosts = new Map([...previous.hosts, ...found]);
  return {
    ...previous,
    hosts,
    registrar: registrar.withSettings(settings, remotesOf(settings.peers, hosts), system.clock.now()),
  };
}

/** Closes what one setup has open and the other does not share. */
export function release(setup: ServerSetup, other: ServerSetup): void {
  if (setup.queue !== other.queue) setup.queue[Symbol.dispose]();
  if (setup.hintQueue !== other.hintQueue) setup.hintQueue?.[Symbol.dispose]();
  if (setup.sender !== other.sender) setup.sender[Symbol.dispose]();
}

/**
 * Refuses a gate in front of a FOU port that another instance uses: it would cut off a tunnel, or the other's gate its
 * clients.
 *
 * @throws {IpipouError}
 */
export function refuseShared({ local: { ports } }: Settings, outside: Outside, observed: Observed): void {
  const [shared] = usersOf(observed, outside, ports);
  if (shared === undefined) return;
  const { place, name, by } = shared;
  const why = by === "tunnel"
    ? `${name} has a tunnel at that FOU port, and the gate would cut it off`
    : `${name} has a gate in front of that FOU port, which drops what is for others`;
  throw new IpipouError(
    `Cannot wait for clients at ${place}: ${why}; ` +
      `choose another --fou-local-port, or stop ${name} (if it was killed: ipipou cleanup --tunl-dev ${name})`,
    EXIT.ipFou,
  );
}

/** Logs what of the settings and of what was found a user should know. */
export function tellOfStart(settings: Settings, outside: Outside, observed: Observed, log: Log): void {
  if (observed.own.obsoleteRules.size > 0) {
    const event: LogEvent = { event: "removed", what: "nft-rules" };
    log.notice("removing the nftables rules that version 0.1 left for this port and queue", event);
  }
  for (const leftover of describeLeftovers(observed, outside, settings)) log.warning(leftover, null);
  if (settings.encapCsum && settings.peers.some(({ forceAlt }, index) => forceAlt || index > 0)) {
    log.notice(
      "peers that share an address have no UDP checksums (--encap-csum), except for the first one there",
      { event: "limited", lacks: "checksums" },
    );
  }
}

export function placesOf({ outside, settings }: ServerSetup): Endpoint[] {
  return settings.local.ports.map((port) => ({ ip: outside.ip, port }));
}

/** The hosts that identify peers and are not found. */
export function missingOf({ settings, hosts }: ServerSetup): Set<string> {
  return hostsOf(settings.peers).difference(hosts);
}
