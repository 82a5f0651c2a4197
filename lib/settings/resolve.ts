import { LAST_PORT } from "../packet.ts";
import { attempt, MissingError, type OnMistake, type Part, SettingsError, THROW } from "./errors.ts";
import type { FileRead, ReadFile } from "./files.ts";
import type { GivenValues, Input } from "./given.ts";
import { DEFAULT_NFT_TABLE } from "./option.ts";
import { choosePeers, choosePrivate } from "./resolve_peers.ts";
import type { Settings } from "./settings.ts";
import { chooseTunnelDevice } from "./tunnel.ts";

/** The option that sets the outer address and device, where neither was given. */
const LOCAL = "--fou-local";
/** The default UDP port is this and N. */
export const FIRST_PORT = 10_000;
const LAST_QUEUE_FOR_NUMBER = 999;
/** Default queue lengths: for what the gate's limits let through at once, and for many peers that may come at once. */
const QUEUE_LENGTHS = { one: 256, several: 1024 };

/** Where the outer address and device were given: the option's name, or the key with file, line and column. */
export interface LocalPlaces {
  readonly ip: string;
  readonly device: string;
}

/** Checked settings, and warnings about them, one line each. */
export interface Resolved {
  readonly settings: Settings;
  /** For messages about what the host lacks. */
  readonly localPlaces: LocalPlaces;
  readonly warnings: readonly string[];
}

type Mode = Settings["mode"];

/**
 * Makes settings from the input: fills in defaults and checks that the values fit together.
 *
 * @param read reads secret files
 * @throws {SettingsError} for a missing or conflicting value
 */
export function resolve(input: Input, read: ReadFile): Resolved {
  return resolveAll(input, read, THROW)!;
}

/** How many packets may wait in a server's queue, unless the settings say. @param peers how many there are */
export function defaultQueueLength(peers: number): number {
  return peers > 1 ? QUEUE_LENGTHS.several : QUEUE_LENGTHS.one;
}

/** Like `resolve()`, for all mistakes. @returns undefined when there are any that are not thrown */
export function resolveAll(input: Input, read: ReadFile, onAnyMistake: OnMistake): Resolved | undefined {
  const { given } = input;
  const mode = chooseMode(given);
  const warnings = new Set(withoutEffect(given, mode));
  const isOpen = (part: Part) => input.unusable.some((unusable) => mayConcern(unusable, part, mode));
  const onMistake: OnMistake = (mistake) => {
    if (!(mistake instanceof MissingError && isOpen(mistake.part))) onAnyMistake(mistake);
  };
  attempt(onMistake, () => refuseOfOtherMode(given, mode));
  const outer = attempt(onMistake, () => chooseOuter(given, mode));
  const number = chooseNumber(given, mode);
  const identity = attempt(onMistake, () => identify(given));
  const chosenPrivate = attempt(onMistake, () => choosePrivate(given, number));
  // What the peers are checked against where that itself is wrong.
  const local = { ...outer ?? { ip: null, device: null }, ports: identity?.ports ?? [FIRST_PORT] as const };
  const warn = (warning: string) => warnings.add(warning);
  const context = { mode, number, local, read: readingOnce(read), warn, isOpen };
  const peers = attempt(onMistake, () => choosePeers(input, context, onMistake));
  // They take the port of a client's only peer.
  const fallbacks = mode === "client" && peers?.length === 0
    ? undefined
    : attempt(onMistake, () => chooseFallbacks(input, mode));
  if (!outer || !identity || !chosenPrivate || !fallbacks || !peers) return undefined;
  const { name, queue, table } = identity;
  const settings: Settings = {
    mode,
    name,
    number,
    local,
    ...chosenPrivate,
    fouMark: given.fouMark?.value ?? 0,
    encapCsum: given.encapCsum?.value ?? null,
    mssClamp: chooseMssClamp(input),
    queue: { number: queue, maxLength: given.queueMaxLength?.value ?? defaultQueueLength(peers.length) },
    nft: { table, counter: given.nftCounter?.value ?? true },
    keepalive: given.keepalive?.value ?? null,
    fallbacks,
    monitor: { port: given.monitorPort?.value ?? true, ping: given.monitorPing?.value ?? false },
    authPacketTtl: given.authPacketTtl?.value ?? null,
    reauthOnly: given.reauthOnly?.value ?? false,
    wait: given.wait?.value ?? false,
    log: chooseLog(given),
    isOfMany: input.peers !== null,
    peers,
  };
  const localPlaces = { ip: given.localIp?.place ?? LOCAL, device: given.device?.place ?? LOCAL };
  return { settings, localPlaces, warnings: [...warnings] };
}

/** Whether what is missing in a part may be what a mistake was meant to be. */
function mayConcern({ table, owner }: Part, missing: Part, mode: Mode): boolean {
  if (owner !== null && owner !== missing.owner) return false;
  return table === null || table === missing.table || table === "server" && mode === "client";
}

function refuseOfOtherMode(given: Readonly<GivenValues>, mode: Mode): void {
  if (mode === "server" && given.reauthOnly?.value) {
    throw new SettingsError(`Cannot use ${given.reauthOnly.place} on a server: it is for clients`);
  }
  if (mode === "client" && (given.localPorts?.value.length ?? 1) > 1) {
    const { value, place } = given.localPorts!;
    throw new SettingsError(`Cannot use ${value.join(",")} as ${place} on a client: it has one UDP port`);
  }
}

/** A server of several peers forwards between them and networks whose hosts know nothing of the tunnels' MTUs. */
function chooseMssClamp({ given, peers }: Input): Settings["mssClamp"] {
  const value = given.mssClamp?.value ?? (peers === null ? "off" : "auto");
  return value === "off" ? null : value;
}

/** Those of another source than the first remote's were replaced by it. */
function chooseFallbacks({ given, peers }: Input, mode: Mode): Settings["fallbacks"] {
  if (mode === "client") {
    const { fallbacks, remoteHost, remotePort } = given;
    const remotes = fallbacks?.place === remoteHost?.place ? fallbacks?.value ?? [] : [];
    return remotes.map(({ host, port }) => ({ host, port: port ?? remotePort!.value }));
  }
  const several = [given, ...(peers ?? []).map((peer) => peer.given)].find(({ fallbacks }) => fallbacks);
  if (several === undefined) return [];
  throw new SettingsError(
    `Cannot use several addresses as ${several.fallbacks!.place} on a server: a peer has one`,
  );
}

/** Reads each file only once: peers can share a secret file. */
function readingOnce(read: ReadFile): ReadFile {
  const known = new Map<string, FileRead>();
  return (path) => {
    const file = known.get(path) ?? read(path);
    known.set(path, file);
    return file;
  };
}

/** What identifies an instance's objects in the kernel. */
export interface Identification {
  readonly mode: Mode;
  /** The instance's name, and the tunnel device's if there is a single peer. */
  readonly name: string;
  /** Local FOU (UDP) ports, the main one first. */
  readonly ports: Settings["local"]["ports"];
  /** Number of the netfilter queue. */
  readonly queue: number;
  /** Name of the nftables table. */
  readonly table: string;
}

/** Derives an instance's identification, from as little as its number. @throws {SettingsError} */
export function identify(given: Readonly<GivenValues>): Identification {
  const mode = chooseMode(given);
  const number = chooseNumber(given, mode);
  return {
    mode,
    name: chooseTunnelDevice(given, number),
    ports: choosePorts(given, number),
    queue: given.queueNumber?.value ?? number,
    table: given.nftTable?.value ?? DEFAULT_NFT_TABLE,
  };
}

/** Chooses the log's settings. */
export function chooseLog(given: Readonly<GivenValues>): Settings["log"] {
  return {
    verbosity: (given.verbose?.value ?? 0) + (given.verb?.value ?? 0),
    time: given.logTime?.value ?? null,
    pid: given.logPid?.value ?? null,
    format: given.logFormat?.value ?? "text",
    addresses: given.logAddresses?.value ?? true,
  };
}

function chooseMode(given: Readonly<GivenValues>): Mode {
  return given.server?.value ? "server" : "client";
}

function withoutEffect(given: Readonly<GivenValues>, mode: Mode): string[] {
  return Object.values(given)
    .filter(({ option }) => option.mode !== undefined && option.mode !== mode)
    .map(({ place }) => `${place} has no effect on a ${mode}`);
}

/** As in version 0.1, a server given only a queue number uses it as N too. */
function chooseNumber({ number, queueNumber }: Readonly<GivenValues>, mode: Mode): number {
  if (number !== undefined) return number.value;
  const queue = queueNumber?.value ?? 0;
  return mode === "server" && queue <= LAST_QUEUE_FOR_NUMBER ? queue : 0;
}

function chooseOuter(given: Readonly<GivenValues>, mode: Mode): Omit<Settings["local"], "ports"> {
  const ip = given.localIp?.value ?? null;
  const device = given.device?.value ?? null;
  if (mode === "client" || ip !== null || device !== null) return { ip, device };
  throw new MissingError("Cannot run without a local address or device: give -b/--fou-local IP or @DEV", {
    table: "fou",
    owner: null,
  });
}

function choosePorts(given: Readonly<GivenValues>, number: number): Settings["local"]["ports"] {
  const [first = FIRST_PORT + number, ...more] = given.localPorts?.value ?? [];
  if (first > LAST_PORT) {
    throw new SettingsError(
      `Cannot use ${number} as ${given.number?.place}: UDP port ${FIRST_PORT}+N would be above ` +
        `${LAST_PORT}, give --fou-local-port too`,
    );
  }
  return [first, ...more];
}
