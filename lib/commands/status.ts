import { EXIT, type ExitCode, IpipouError } from "../errors.ts";
import type { IpDevice } from "../listing.ts";
import type { TrafficCounts } from "../kernel_ports.ts";
import type { StatusRequest } from "../settings/command_line.ts";
import { quote } from "../settings/errors.ts";
import { formatReports, ratesBetween } from "../status/format.ts";
import { inTime, LineReader, writeText } from "../status/lines.ts";
import { LONGEST_LINE, parseInstance, parseTunnel } from "../status/protocol.ts";
import {
  type InstanceStatus,
  isHealthy,
  type Report,
  STATUS_VERSION,
  type TunnelStatus,
} from "../status/snapshot.ts";
import type { StatusSystem } from "./status_system.ts";

/** Milliseconds that an instance has for each line. */
const PATIENCE_MILLISECONDS = 5_000;
/** Milliseconds between the two looks that rates are made from. */
const RATE_MILLISECONDS = 300;

/** What was found. */
export interface Findings {
  readonly reports: readonly Report[];
  /** Why some instances could not be asked, a line each. */
  readonly problems: readonly string[];
}

/** What to print, and how to end. */
export interface StatusOutcome {
  readonly text: string;
  readonly notes: readonly string[];
  readonly exitCode: ExitCode;
}

type Choice = Pick<StatusRequest, "name" | "peer">;

/** Shows how instances are, once. @throws {IpipouError} when none can be asked, or there is no such peer */
export async function showStatus(request: StatusRequest, system: StatusSystem): Promise<StatusOutcome> {
  const { clock } = system;
  const began = clock.now();
  const first = await collectReports(request, system);
  const outcome = { notes: first.problems, exitCode: exitCodeOf(first) };
  if (request.json) return { ...outcome, text: `${JSON.stringify(first.reports.map(flatten))}\n` };
  if (first.reports.length === 0) return { ...outcome, text: `${describeNothing(request)}\n` };
  const isPart = request.peer !== null;
  const isAnswered = first.reports.some(({ instance }) => instance.source === "instance");
  if (!isAnswered) return { ...outcome, text: formatReports(first.reports, new Map(), isPart) };
  await clock.waitUntil(clock.now() + RATE_MILLISECONDS);
  const again = clock.now();
  const { reports } = await collectReports(request, system);
  const rates = ratesBetween(first.reports, reports, again - began);
  return { ...outcome, text: formatReports(reports, rates, isPart) };
}

/** Asks the instances, and for those that do not answer the kernel. */
export async function collectReports({ name, peer }: Choice, system: StatusSystem): Promise<Findings> {
  const answers = await Promise.all(system.sockets().map((path) => askInTurn(path, peer, system)));
  const problems = answers.filter((answer) => typeof answer === "string");
  const answered = answers.filter((answer) => answer !== null && typeof answer !== "string");
  const running = answered.filter(({ instance }) => name === null || isNamed(instance, name));
  const left = standingReports(name, running.length > 0 && name !== null ? null : answered, system);
  const reports = [...running, ...left].map((report) => ({
    ...report,
    tunnels: report.tunnels.filter((tunnel) => peer === null || tunnel.name === peer),
  }));
  const [problem] = problems;
  if (problem !== undefined && reports.length === 0) throw new IpipouError(problem, EXIT.failure);
  if (peer === null || reports.length === 0) return { reports, problems };
  const found = reports.filter(({ tunnels }) => tunnels.length > 0);
  if (found.length > 0) return { reports: found, problems };
  const whose = reports.length === 1 ? reports[0]!.instance.name : "any instance";
  throw new IpipouError(
    `Cannot show ${quote(peer)} (--peer): it is no peer of ${whose}; ipipou status lists them`,
    EXIT.usage,
  );
}

/** How the command ends: whether all is up. */
export function exitCodeOf({ reports, problems }: Findings): ExitCode {
  const isOff = reports.length === 0 || reports.some(({ instance: { source } }) => source === "kernel");
  if (isOff) return EXIT.notRunning;
  return problems.length === 0 && reports.every(isHealthy) ? EXIT.ok : EXIT.degraded;
}

/** An instance as JSON has it: with its tunnels. */
export function flatten(
  { instance, tunnels }: Report,
): InstanceStatus & { tunnels: readonly TunnelStatus[] } {
  return { ...instance, tunnels };
}

/** Says that there is nothing to show. */
export function describeNothing({ name }: Choice): string {
  return name === null
    ? "no instance of ipipou runs here, and none left a tunnel"
    : `${quote(name)} does not run, and left no tunnel here; ipipou status shows all that run`;
}

function isNamed({ name, config }: InstanceStatus, wanted: string): boolean {
  return name === wanted || config === wanted;
}

/** @returns a problem in words; null: nobody is there */
async function askInTurn(
  path: string,
  peer: string | null,
  { clock, connect }: StatusSystem,
): Promise<Report | string | null> {
  try {
    const connection = await connect(path);
    if (connection === null) return null;
    using _connection = connection;
    const lines = new LineReader(connection, LONGEST_LINE);
    const next = () => inTime(lines.next(), PATIENCE_MILLISECONDS, clock);
    await inTime(
      writeText(connection, `${JSON.stringify({ get: "status", peer })}\n`),
      PATIENCE_MILLISECONDS,
      clock,
    );
    const first = await next();
    if (first === null) return `Cannot ask ${path}: it hangs up: too many ask at once, or it stops`;
    const { instance, tunnels } = parseInstance(first);
    const found: TunnelStatus[] = [];
    while (found.length < tunnels) {
      const line = await next();
      if (line === null) return `Cannot ask ${path}: it stopped in the middle`;
      found.push(parseTunnel(line));
    }
    return { instance, tunnels: found };
  } catch (error) {
    const cure = error instanceof Deno.errors.PermissionDenied
      ? "; ask as root, or as one of its folder's group"
      : "";
    return `Cannot ask ${path}: ${(error as Error).message}${cure}`;
  }
}

/** What the kernel has of instances that do not answer. @param answered those that do; null: none is looked for */
function standingReports(
  name: string | null,
  answered: readonly Report[] | null,
  { standing, countsOf, instanceOf }: StatusSystem,
): Report[] {
  if (answered === null) return [];
  const wanted = name === null ? null : new Set([name, instanceOf(name)]);
  const known = new Set(
    answered.flatMap(({ tunnels }) =>
      tunnels.map(({ ifname, local, address }) => keyOf(ifname, address, local?.address))
    ),
  );
  const isKnown = ({ ifname, addr_info: [inner], linkinfo }: IpDevice) =>
    known.has(keyOf(ifname, inner?.local, linkinfo?.info_data?.local));
  return [...standing()].flatMap(([instance, devices]) => {
    if (wanted !== null && !wanted.has(instance) || devices.some(isKnown)) return [];
    if (name === null && answered.some((report) => report.instance.name === instance)) return [];
    return [{
      instance: notRunning(instance, devices.length > 1),
      tunnels: devices.map((device) => tunnelOf(device, countsOf(device.ifname))),
    }];
  });
}

function keyOf(...words: readonly (string | undefined)[]): string {
  return words.join(" ");
}

const NOT_RUNNING = { state: "not running", ok: false } as const;

function notRunning(name: string, hub: boolean): InstanceStatus {
  return {
    ...{ version: STATUS_VERSION, name, config: null, role: null, source: "kernel", ...NOT_RUNNING },
    why: "no instance answers: this is what the kernel has",
    cure: "start it, or remove this with ipipou cleanup",
    ...{ pid: null, release: null, uptime: null, local: [], dev: null, hub, heals: 0, refused: null },
  };
}

function tunnelOf(
  { ifname, mtu, addr_info: [inner], linkinfo }: IpDevice,
  counts: TrafficCounts | null,
): TunnelStatus {
  const { local, remote, encap } = linkinfo?.info_data ?? {};
  const isParked = remote?.startsWith("0.") ?? true;
  const place = (address: string | undefined, port: number | undefined) =>
    isParked || address === undefined || port === undefined ? null : { address, port };
  return {
    ...{ name: ifname, ifname, ...NOT_RUNNING, why: null, cure: null },
    ...{ address: inner?.local ?? "", peer: inner?.address ?? "", mtu, private: null },
    ...{ local: place(local, encap?.sport), remote: place(remote, encap?.dport) },
    ...{ "auth_age": null, "reply_age": null, "received_age": null, "expires_in": null },
    ...{ moves: 0, sharing: 0, "shares_with": [] },
    stats64: counts === null ? null : {
      rx: { bytes: counts.receivedBytes, packets: counts.received },
      tx: { bytes: counts.sentBytes, packets: counts.sent },
    },
  };
}
