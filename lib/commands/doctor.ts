import { judgeConfiguration } from "../doctor/configuration.ts";
import { type Examined, type Finding, unseen } from "../doctor/finding.ts";
import { examinedAsJson, exitCodeOf, formatExamined } from "../doctor/format.ts";
import { judgeFirewall, judgeLegacy, judgeUntraced } from "../doctor/firewall.ts";
import { listLegacy, traceWhile } from "../doctor/gather_firewall.ts";
import { gatherHost, type HostSystem } from "../doctor/gather_host.ts";
import { gatherInstance } from "../doctor/gather_instance.ts";
import { gatherMtus } from "../doctor/gather_mtu.ts";
import { beginOffloads } from "../doctor/gather_offloads.ts";
import { gatherMapping } from "../doctor/gather_mapping.ts";
import { gatherNat } from "../doctor/gather_nat.ts";
import { gatherReach } from "../doctor/gather_reach.ts";
import { judgeHost, judgeInstance } from "../doctor/judge.ts";
import { judgeMapping } from "../doctor/mapping.ts";
import { judgeMtu, unseenMtu } from "../doctor/mtu.ts";
import { judgeNat } from "../doctor/nat.ts";
import { judgeOffloads } from "../doctor/offloads.ts";
import { Pinger } from "../doctor/pinger.ts";
import { judgeReach, type ReachFacts } from "../doctor/reach.ts";
import { may, type RightsFacts } from "../doctor/rights.ts";
import { deferToServer, judgeRunning, type RunningFacts } from "../doctor/running.ts";
import { type InstanceSystem, type Sight, takeSight } from "../doctor/sight.ts";
import type { ExitCode } from "../errors.ts";
import { findMistakes } from "../settings/check.ts";
import type { DoctorRequest } from "../settings/invocation.ts";
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

/** How far an instance can be examined. */
interface Means {
  readonly rights: RightsFacts;
  /** Whether all of its secrets could be read. */
  readonly isWhole: boolean;
  readonly hasNftables: boolean;
  readonly measuresNat: boolean;
}

/** What to print, and how to end. */
export interface DoctorOutcome {
  readonly text: string;
  readonly exitCode: ExitCode;
}

const NO_SETTINGS = unseen(
  "settings",
  `there is no NAME.toml in ${CONFIG_FOLDER}`,
  "only the host was examined, for what a client needs",
  "name a file: ipipou doctor ./NAME.toml",
);

/** Finds what keeps tunnels from working on this host. It changes nothing here. */
export async function doctor(
  { name, nat, json }: DoctorRequest,
  sight: DoctorSystem,
): Promise<DoctorOutcome> {
  const configs = name === null ? allConfigs(sight) : [name];
  const lacksSettings = configs.length > 0 ? [] : [NO_SETTINGS];
  const parts = configs.map((config) => ({ config, ...findMistakes(config, sight.files) }));
  const hostFacts = await gatherHost(parts.map(({ settings }) => settings), sight);
  const examined: Examined[] = [{
    instance: null,
    about: "",
    findings: [...judgeHost(hostFacts), ...lacksSettings],
  }];
  const { rights, modules: { modules } } = hostFacts;
  // Asking nftables for anything would load it.
  const hasNftables = ["loaded", "unknown"].includes(modules.get("nf_tables")!);
  for (const { config, settings, ...found } of parts) {
    const path = pathOf(config, "toml");
    const instance = nameOfConfig(path) ?? config;
    const findings = judgeConfiguration({ path: showPath(path), ...found });
    const means = { rights, hasNftables, measuresNat: nat, isWhole: found.unread.length === 0 };
    const more = settings === null ? [] : await examine(settings, instance, means, sight);
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

async function examine(
  settings: Settings,
  name: string,
  { rights, isWhole, hasNftables, measuresNat }: Means,
  system: DoctorSystem,
): Promise<Finding[]> {
  const running = judgeRunning(await findRunning(settings, name, system));
  const sight = await takeSight(settings, system, system.status.holderOf(settings.name) !== null);
  const still = judgeInstance(await gatherInstance(sight, system));
  using pinger = isWhole && may(rights, "CAP_NET_RAW")
    ? new Pinger(system.system, system.host.openIcmp())
    : null;
  const offloads = beginOffloads(sight, system);
  const probe = () => probeWays(sight, system, pinger, measuresNat);
  const isTraced = hasNftables && may(rights, "CAP_NET_ADMIN");
  const { result, firewall } = isTraced
    ? await traceWhile(sight, system, probe)
    : { result: await probe(), firewall: null };
  const traced = firewall === null ? [judgeUntraced(hasNftables)] : judgeFirewall(firewall);
  return [
    ...deferToServer(running, result),
    ...still,
    ...result,
    ...traced,
    ...judgeLegacy(listLegacy(system)),
    ...offloads().flatMap(judgeOffloads),
  ];
}

/** Asks the other side. @param pinger null: nothing can be sent */
async function probeWays(
  sight: Sight,
  system: DoctorSystem,
  pinger: Pinger | null,
  measuresNat: boolean,
): Promise<Finding[]> {
  const reach = sight.settings.mode === "client" ? await gatherReach(sight, system, pinger) : null;
  const isIn = reach === null || reach.reach?.kind === "accepted";
  const mtus = pinger === null
    ? [unseenMtu()]
    : (await gatherMtus(sight, system, pinger)).map((facts) => judgeMtu(facts, isIn));
  const nat = measuresNat && reach !== null ? await probeNat(sight, system, reach) : [];
  return [
    ...reach === null ? [] : [judgeReach(reach)],
    ...mtus,
    ...nat,
  ];
}

async function probeNat(sight: Sight, system: DoctorSystem, reach: ReachFacts): Promise<Finding[]> {
  const mapping = await gatherMapping(sight, system, reach);
  const nat = await gatherNat(sight, system, reach);
  return [
    ...mapping === null ? [] : [judgeMapping(mapping)],
    ...nat === null ? [] : [judgeNat(nat)],
  ];
}

async function findRunning(
  settings: Settings,
  name: string,
  { status, host }: DoctorSystem,
): Promise<RunningFacts> {
  try {
    const { reports, unasked } = await collectReports({ name: settings.name, peer: null }, status);
    const holder = status.holderOf(settings.name);
    // In another network namespace another instance may have this name.
    const report = reports.find(({ instance: { source, pid } }) => source === "kernel" || pid === holder) ??
      null;
    const pid = report?.instance.pid ?? null;
    const processStatus = pid === null ? null : host.read(`/proc/${pid}/status`);
    const problem = unasked.find(({ kind }) =>
      report === null || kind === "forbidden" && report.instance.source === "kernel"
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
