import { EXIT, type ExitCode, IpipouError } from "../errors.ts";
import type { StatusRequest } from "../settings/invocation.ts";
import { quote } from "../settings/errors.ts";
import { nameOfConfig, pathOf } from "../settings/files.ts";
import { formatReports, ratesBetween } from "../status/format.ts";
import { inTime, LineReader, writeText } from "../status/lines.ts";
import { LONGEST_LINE, parseInstance, parseTunnel } from "../status/protocol.ts";
import { type InstanceStatus, isHealthy, type Report, type TunnelStatus } from "../status/snapshot.ts";
import type { StatusSystem } from "./status_system.ts";
import { describeUnasked, reportUnanswered, type Unasked, unaskedAt } from "./unanswered.ts";

/** Milliseconds that an instance has for each line. */
const PATIENCE_MILLISECONDS = 5_000;
/** Milliseconds between the two looks that rates are made from. */
const RATE_MILLISECONDS = 300;

/** What was found. */
export interface Findings {
  readonly reports: readonly Report[];
  /** Where an instance did not answer. */
  readonly unasked: readonly Unasked[];
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
  const outcome = { notes: first.unasked.map(describeUnasked), exitCode: exitCodeOf(first) };
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
export async function collectReports(choice: Choice, system: StatusSystem): Promise<Findings> {
  const { peer } = choice;
  // A file of /etc/ipipou is known by its name alone.
  const name = choice.name === null ? null : nameOfConfig(pathOf(choice.name, "toml")) ?? choice.name;
  const answers = await Promise.all(system.sockets().map((path) => askInTurn(path, peer, system)));
  const unasked = answers.filter((answer) => answer !== null && "why" in answer);
  const answered = answers.filter((answer) => answer !== null && "instance" in answer);
  const meant = name === null ? null : system.instanceOf(name);
  const running = answered.filter(({ instance }) => name === null || isNamed(instance, name, meant));
  const unanswered = reportUnanswered(name, answered, unasked, system);
  const reports = [...running, ...unanswered].map((report) => ({
    ...report,
    tunnels: report.tunnels.filter((tunnel) => peer === null || tunnel.name === peer),
  }));
  const [problem] = unasked.map(describeUnasked);
  if (problem !== undefined && reports.length === 0) throw new IpipouError(problem, EXIT.failure);
  if (peer === null || reports.length === 0) return { reports, unasked };
  const found = reports.filter(({ tunnels }) => tunnels.length > 0);
  if (found.length > 0) return { reports: found, unasked };
  const whose = reports.length === 1 ? reports[0]!.instance.name : "any instance";
  throw new IpipouError(
    `Cannot show ${quote(peer)} (--peer): it is no peer of ${whose}; ipipou status lists them`,
    EXIT.usage,
  );
}

/** How the command ends: whether all is up. */
export function exitCodeOf({ reports, unasked }: Findings): ExitCode {
  const states = new Set(reports.map(({ instance: { state } }) => state));
  if (states.size === 0 || states.has("not running")) return EXIT.notRunning;
  if (states.has("not answering")) return EXIT.notAnswering;
  return unasked.length === 0 && reports.every(isHealthy) ? EXIT.ok : EXIT.degraded;
}

/** An instance as JSON has it: with its tunnels. */
export function flatten(
  { instance, tunnels }: Report,
): InstanceStatus & { tunnels: readonly TunnelStatus[] } {
  return { ...instance, tunnels };
}

/** Says that there is nothing to show. */
export function describeNothing({ name }: Pick<Choice, "name">): string {
  return name === null
    ? "no instance of ipipou runs here, and none left a tunnel"
    : `${quote(name)} does not run, and left no tunnel here; ipipou status shows all that run`;
}

/** @param meant the name by the settings of the file that is called as `wanted`; null: there are none */
function isNamed({ name, config }: InstanceStatus, wanted: string, meant: string | null): boolean {
  return name === wanted || config === wanted || config === null && name === meant;
}

/** @returns null: nobody is there */
async function askInTurn(
  path: string,
  peer: string | null,
  { clock, connect }: StatusSystem,
): Promise<Report | Unasked | null> {
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
    if (first === null) throw new Error("it hangs up: too many ask at once, or it stops");
    const { instance, tunnels } = parseInstance(first);
    const found: TunnelStatus[] = [];
    while (found.length < tunnels) {
      const line = await next();
      if (line === null) throw new Error("it stopped in the middle");
      found.push(parseTunnel(line));
    }
    return { instance, tunnels: found };
  } catch (error) {
    return unaskedAt(path, error as Error);
  }
}
