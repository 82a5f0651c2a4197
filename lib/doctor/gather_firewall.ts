import type { PacketTrace } from "../doctor_ports.ts";
import type { Tunnel } from "../kernel/state.ts";
import type { ExplainedDrop, FirewallFacts } from "./firewall.ts";
import { openTunnels } from "./gather_mtu.ts";
import type { InstanceSystem, Sight } from "./sight.ts";
import { type Drop, type TraceSubjects, TraceSummary } from "./trace.ts";

/** Milliseconds for something that others began to come by. */
const PATIENCE = 3_000;
/** Milliseconds that `nft` has to list a chain. */
const TIME_LIMIT = 5_000;
/** Drops whose rules are listed. */
const MOST_DROPS = 8;
/** Most of a rule that is shown, in characters. */
const LONGEST_RULE = 160;

/**
 * Traces an instance's packets through nftables while something makes them.
 *
 * @returns also what `work` returns
 */
export async function traceWhile<T>(
  sight: Sight,
  system: InstanceSystem,
  work: () => Promise<T>,
): Promise<{ readonly result: T; readonly firewall: FirewallFacts }> {
  const subjects = subjectsOf(sight);
  const none = { problem: null, traced: new Map(), ended: new Map(), drops: [] };
  if (subjects.ends.length + subjects.devices.size === 0) return { result: await work(), firewall: none };
  let trace: PacketTrace;
  try {
    trace = system.host.openTrace({ ends: subjects.ends, devices: [...subjects.devices.values()] });
  } catch (error) {
    return { result: await work(), firewall: { ...none, problem: explain(error) } };
  }
  using _trace = trace;
  const summary = new TraceSummary({ ...subjects, trace: trace.table });
  // What others begin tells more than what answers us.
  const hasCome = new AbortController();
  const reading = readAll(trace, summary, hasCome);
  const result = await work();
  const { clock } = system.system;
  await clock.waitUntil(clock.now() + PATIENCE, hasCome.signal);
  trace.stop();
  const problem = await reading;
  const drops = await Promise.all(
    summary.drops.slice(0, MOST_DROPS).map((drop) => explainDrop(drop, system)),
  );
  return { result, firewall: { ...none, problem, traced: summary.traced, ended: summary.ended, drops } };
}

function subjectsOf({ settings, observed, devices, outside, server }: Sight): Omit<TraceSubjects, "trace"> {
  const tunnels = [...observed.own.tunnels.values()];
  const open = openTunnels(observed);
  const ip = "lack" in outside ? null : outside.ip;
  const ports = new Set([...settings.local.ports, ...tunnels.map(({ local }) => local.port)]);
  const remotes = tunnels.map(({ remote }: Tunnel) => remote.ip);
  const indexOf = (name: string) => devices.find(({ ifname }) => ifname === name)?.ifindex ?? 0;
  return {
    ends: ip === null ? [] : [...ports].map((port) => ({ ip, port })),
    devices: new Map(open.map(({ name }) => [indexOf(name), name])),
    remotes: new Set(server === null ? remotes : [server, ...remotes]),
    gate: settings.nft.table,
  };
}

/** @param hasCome aborted when something has come out of a tunnel @returns why it ended too early; null: it did not */
async function readAll(
  trace: PacketTrace,
  summary: TraceSummary,
  hasCome: AbortController,
): Promise<string | null> {
  try {
    for await (const event of trace.events()) {
      summary.add(event);
      if (summary.traced.has("out of tunnel")) hasCome.abort();
    }
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

async function explainDrop(drop: Drop, { system }: InstanceSystem): Promise<ExplainedDrop> {
  const { family, table, chain, handle } = drop;
  const unknown = { ...drop, rule: null, keeper: table === "firewalld" ? "firewalld" as const : null };
  if (!system.hasProgram("nft")) return unknown;
  const { stdout, stderr } = await system.runProgram(
    "nft",
    ["-a", "list", "chain", family, table, chain],
    "",
    TIME_LIMIT,
  );
  const isIptables = (stdout + stderr).includes("managed by iptables-nft");
  const line = stdout.split("\n").find((line) => line.endsWith(` # handle ${handle}`));
  const rule = line?.replace(/ # handle \d+$/, "").trim().slice(0, LONGEST_RULE) ?? null;
  return { ...unknown, rule, keeper: isIptables ? "iptables" : unknown.keeper };
}

/** Names of the tables that the older iptables has. */
export function listLegacy({ host }: Pick<InstanceSystem, "host">): string[] {
  return (host.read("/proc/net/ip_tables_names") ?? "").split("\n").filter((name) => name !== "");
}

function explain(error: unknown): string {
  const { code, message } = error as Error & { readonly code?: string };
  return code === "EOPNOTSUPP"
    ? "this kernel is older than 5.12, and might keep the trace if this program is killed"
    : message;
}
