import { judgeConfiguration } from "../doctor/configuration.ts";
import type { Examined } from "../doctor/finding.ts";
import { examinedAsJson, exitCodeOf, formatExamined } from "../doctor/format.ts";
import { gatherHost, type HostSystem } from "../doctor/gather_host.ts";
import { gatherInstance, type InstanceSystem } from "../doctor/gather_instance.ts";
import { judgeHost, judgeInstance } from "../doctor/judge.ts";
import type { ExitCode } from "../errors.ts";
import { findMistakes } from "../settings/check.ts";
import type { DoctorRequest } from "../settings/command_line.ts";
import { showPath } from "../settings/errors.ts";
import { CONFIG_FOLDER, nameOfConfig, pathOf } from "../settings/files.ts";
import type { Settings } from "../settings/settings.ts";

/** What the command looks at the system by. */
export type DoctorSystem = {
  readonly system: HostSystem["system"] & InstanceSystem["system"];
} & Pick<HostSystem, "host" | "files">;

/** What to print, and how to end. */
export interface DoctorOutcome {
  readonly text: string;
  readonly exitCode: ExitCode;
}

/** Finds what keeps tunnels from working on this host. It changes nothing. */
export async function doctor({ name, json }: DoctorRequest, sight: DoctorSystem): Promise<DoctorOutcome> {
  const configs = name === null ? allConfigs(sight) : [name];
  const parts = configs.map((config) => {
    const { settings, ...found } = findMistakes(config, sight.files);
    return {
      config,
      settings,
      findings: judgeConfiguration({ path: showPath(pathOf(config, "toml")), ...found }),
    };
  });
  const known = parts.flatMap(({ settings }) => settings ?? []);
  const host: Examined = { instance: null, about: "", findings: judgeHost(await gatherHost(known, sight)) };
  const instances: Examined[] = [];
  for (const { config, settings, findings } of parts) {
    const instance = nameOfConfig(pathOf(config, "toml")) ?? config;
    const more = settings === null ? [] : judgeInstance(await gatherInstance(settings, sight));
    const about = settings === null ? "" : describe(settings);
    instances.push({ instance, about, findings: [...findings, ...more] });
  }
  const examined = [host, ...instances];
  return {
    text: json ? examinedAsJson(examined) : formatExamined(examined),
    exitCode: exitCodeOf(examined),
  };
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
