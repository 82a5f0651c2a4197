import { judgeConfiguration } from "../doctor/configuration.ts";
import type { Examined, Finding } from "../doctor/finding.ts";
import { examinedAsJson, exitCodeOf, formatExamined } from "../doctor/format.ts";
import { gatherHost, type HostSystem } from "../doctor/gather_host.ts";
import { gatherInstance } from "../doctor/gather_instance.ts";
import { gatherMtus } from "../doctor/gather_mtu.ts";
import { gatherReach } from "../doctor/gather_reach.ts";
import { judgeHost, judgeInstance } from "../doctor/judge.ts";
import { judgeMtu } from "../doctor/mtu.ts";
import { Pinger } from "../doctor/pinger.ts";
import { judgeReach } from "../doctor/reach.ts";
import { may } from "../doctor/rights.ts";
import { judgeRunning, type RunningFacts } from "../doctor/running.ts";
import { type InstanceSystem, takeSight } from "../doctor/sight.ts";
import type { ExitCode } from "../errors.ts";
import { findMistakes } from "../settings/check.ts";
import type { DoctorRequest } from "../settings/command_line.ts";
import { showPath } from "../settings/errors.ts";
import { CONFIG_FOLDER, nameOfConfig, pathOf } from "../settings/files.ts";
import type { Settings } from "../settings/settings.ts";
import { collectReports } from "./status.ts";
import { describeUnasked } from "./unanswered.ts";
import type { StatusSystem } from "./status_system.ts";

/** What the command looks at the system by. */
export type DoctorSystem =
  & { readonly system: HostSystem["system"] & InstanceSystem["system"]; readonly status: StatusSystem }
  & Pick<HostSystem, "host" | "files">;

/** What to print, and how to end. */
export interface DoctorOutcome {
  readonly text: string;
  readonly exitCode: ExitCode;
}

/** Finds what keeps tunnels from working on this host. It changes nothing here. */
export async function doctor({ name, json }: DoctorRequest, sight: DoctorSystem): Promise<DoctorOutcome> {
  const configs = name === null ? allConfigs(sight) : [name];
  const parts = configs.map((config) => ({ config, ...findMistakes(config, sight.files) }));
  const hostFacts = await gatherHost(parts.flatMap(({ settings }) => settings ?? []), sight);
  const examined: Examined[] = [{ instance: null, about: "", findings: judgeHost(hostFacts) }];
  const maySend = may(hostFacts.rights, "CAP_NET_RAW");
  for (const { config, settings, ...found } of parts) {
    const path = pathOf(config, "toml");
    const instance = nameOfConfig(path) ?? config;
    const findings = judgeConfiguration({ path: showPath(path), ...found });
    const isWhole = maySend && found.unread.length === 0;
    const more = settings === null ? [] : await examine(settings, instance, isWhole, sight);
    examined.push({
      instance,
      about: settings === null ? "" : describe(settings),
      findings: [...findings, ...more],
    });
  }
  return {
    text: json ? examinedAsJson(examined) : formatExamined(examined),
    exitCode: exitCodeOf(examined),
  };
}

/** @param maySend whether it can authenticate as this instance */
async function examine(
  settings: Settings,
  name: string,
  maySend: boolean,
  system: DoctorSystem,
): Promise<Finding[]> {
  const running = judgeRunning(await findRunning(settings, name, system));
  const sight = await takeSight(settings, system);
  const still = [...running, ...judgeInstance(await gatherInstance(sight, system))];
  using pinger = maySend ? new Pinger(system.system, system.host.openIcmp()) : null;
  const reach = settings.mode === "client" ? [judgeReach(await gatherReach(sight, system, pinger))] : [];
  const mtus = pinger === null ? [] : await gatherMtus(sight, system, pinger);
  return [...still, ...reach, ...mtus.map(judgeMtu)];
}

async function findRunning(
  settings: Settings,
  name: string,
  { status, host }: DoctorSystem,
): Promise<RunningFacts> {
  try {
    const { reports, unasked } = await collectReports({ name: settings.name, peer: null }, status);
    // In another network namespace another instance may have this name.
    const report = reports.find(({ instance: { role } }) => role === null || role === settings.mode) ?? null;
    const pid = report?.instance.pid ?? null;
    const processStatus = pid === null ? null : host.read(`/proc/${pid}/status`);
    const isSaid = report !== null && report.instance.state !== "not running";
    const problem = unasked.find(({ kind }) =>
      !isSaid || kind === "forbidden" && report.instance.source === "kernel"
    );
    return { name, report, problem: problem === undefined ? null : describeUnasked(problem), processStatus };
  } catch (error) {
    return { name, report: null, problem: (error as Error).message, processStatus: null };
  }
}

function allConfigs({ files }: DoctorSystem): string[] {
  const found = files.list(CONFIG_FOLDER.slice(0, -1));
  const names = found.ok ? found.names.filter((name) => /^[^.].*\.toml$/s.test(name)).sort() : [];
  return names.map((name) => CONFIG_FOLDER + name);
}

function describe({ mode, name, peers, local }: Settings): string {
  const remote = peers[0]?.remote;
  const where = mode === "client"
    ? `of ${remote!.host}:${remote!.port}`
    : `at UDP port ${local.ports.join(", ")}, ${peers.length} ${peers.length === 1 ? "peer" : "peers"}`;
  return `${mode} ${where}, instance ${name}`;
}
