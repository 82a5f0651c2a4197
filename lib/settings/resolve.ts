import { EXIT, IpipouError } from "../errors.ts";
import { SettingsError } from "./errors.ts";
import type { ReadFile } from "./files.ts";
import type { GivenValues } from "./given.ts";
import { chooseAltIp, choosePeer, chooseTunnelDevice } from "./peer.ts";
import type { Settings } from "./settings.ts";

const FIRST_PORT = 10_000;
const LAST_PORT = 65_535;
const LAST_QUEUE_FOR_NUMBER = 999;

/** Checked settings, and what the administrator should know of them, a line each. */
export interface Resolved {
  readonly settings: Settings;
  readonly warnings: readonly string[];
}

type Mode = Settings["mode"];

/**
 * Makes settings of what was given: fills in the defaults and checks how the values fit together.
 *
 * @param read reads the files that secrets are kept in
 * @throws {SettingsError} when something is missing or does not fit
 * @throws {IpipouError} with exit code 127 when an option is given that is not available yet
 */
export function resolve(given: Readonly<GivenValues>, read: ReadFile): Resolved {
  const warnings: string[] = [];
  const mode = chooseMode(given);
  warnings.push(...withoutEffect(given, mode));
  if (mode === "server" && given.reauthOnly?.value) {
    throw new SettingsError(`Cannot use ${given.reauthOnly.place} on a server: it is for clients`);
  }
  const number = chooseNumber(given, mode);
  const local = chooseLocal(given, number);
  const settings: Settings = {
    mode,
    number,
    local,
    encapCsum: given.encapCsum?.value ?? null,
    queue: { number: chooseQueue(given, number), maxLength: given.queueMaxLength?.value ?? 24 },
    nft: { table: chooseTable(given), counter: given.nftCounter?.value ?? true },
    keepalive: given.keepalive?.value ?? 0,
    authPacketTtl: given.authPacketTtl?.value ?? null,
    reauthOnly: given.reauthOnly?.value ?? false,
    log: chooseLog(given),
    peers: [choosePeer(given, { mode, number, local, read, warn: (warning) => warnings.push(warning) })],
  };
  refuseLater(given);
  return { settings, warnings };
}

/** By what an instance's things in the kernel are known. */
export interface Identification {
  readonly mode: Mode;
  /** The tunnel's device. */
  readonly device: string;
  /** Own FOU (UDP) port. */
  readonly port: number;
  /** Netfilter queue. */
  readonly queue: number;
  /** Name of the nftables table. */
  readonly table: string;
  /** Private local address. */
  readonly altIp: string;
}

/** Tells what identifies an instance, from as little as its number. @throws {SettingsError} */
export function identify(given: Readonly<GivenValues>): Identification {
  const mode = chooseMode(given);
  const number = chooseNumber(given, mode);
  return {
    mode,
    device: chooseTunnelDevice(given, number),
    port: choosePort(given, number),
    queue: chooseQueue(given, number),
    table: chooseTable(given),
    altIp: chooseAltIp(given, number),
  };
}

/** How the log is to be. */
export function chooseLog(given: Readonly<GivenValues>): Settings["log"] {
  return {
    verbosity: (given.verbose?.value ?? 0) + (given.verb?.value ?? 0),
    time: given.logTime?.value ?? null,
    pid: given.logPid?.value ?? null,
  };
}

function chooseMode(given: Readonly<GivenValues>): Mode {
  return given.server?.value ? "server" : "client";
}

function chooseQueue(given: Readonly<GivenValues>, number: number): number {
  return given.queueNumber?.value ?? number;
}

function chooseTable(given: Readonly<GivenValues>): string {
  return given.nftTable?.value ?? "ipipou";
}

function withoutEffect(given: Readonly<GivenValues>, mode: Mode): string[] {
  return Object.values(given)
    .filter(({ option }) => option.mode !== undefined && option.mode !== mode)
    .map(({ place }) => `${place} has no effect on a ${mode}`);
}

function refuseLater(given: Readonly<GivenValues>): void {
  const later = Object.values(given).find(({ option }) => option.later);
  if (later !== undefined) {
    throw new IpipouError(`Cannot use ${later.place}: it is not available yet`, EXIT.notImplemented);
  }
}

/** As in version 0.1, a server told only its queue's number takes it for N too. */
function chooseNumber({ number, queueNumber }: Readonly<GivenValues>, mode: Mode): number {
  if (number !== undefined) return number.value;
  const queue = queueNumber?.value ?? 0;
  return mode === "server" && queue <= LAST_QUEUE_FOR_NUMBER ? queue : 0;
}

function chooseLocal(given: Readonly<GivenValues>, number: number): Settings["local"] {
  const ip = given.localIp?.value ?? null;
  const device = given.device?.value ?? null;
  if (ip === null && device === null) {
    throw new SettingsError("Cannot run without an own address or device: give -b/--fou-local IP or @DEV");
  }
  return { ip, device, port: choosePort(given, number) };
}

function choosePort(given: Readonly<GivenValues>, number: number): number {
  const port = given.localPort?.value ?? FIRST_PORT + number;
  if (port > LAST_PORT) {
    throw new SettingsError(
      `Cannot use ${number} as ${given.number?.place}: UDP port ${FIRST_PORT}+N would be above ` +
        `${LAST_PORT}, give --fou-local-port too`,
    );
  }
  return port;
}
