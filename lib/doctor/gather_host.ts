import type { ProgramName, System } from "../ports.ts";
import type { Files } from "../settings/files.ts";
import type { Settings } from "../settings/settings.ts";
import type { ClockFacts } from "./clock.ts";
import type { Host } from "../doctor_ports.ts";
import {
  GATE_MODULES,
  type ModuleFacts,
  type ModuleName,
  type ModuleState,
  TUNNEL_MODULES,
} from "./modules.ts";
import { parseDistribution } from "./packages.ts";
import { parseRights, type RightsFacts } from "./rights.ts";
import { parseTool, type Tool, type ToolFacts } from "./tools.ts";

/** What was seen of the host, whatever its instances are. */
export interface HostFacts {
  readonly modules: ModuleFacts;
  readonly tools: ToolFacts;
  readonly rights: RightsFacts;
  readonly clock: ClockFacts;
}

/** What it is seen by. */
export interface HostSystem {
  readonly system: Pick<System, "clock" | "hasProgram" | "runProgram" | "surroundings">;
  readonly host: Host;
  readonly files: Files;
}

const PROGRAMS = { ip: ["-V"], nft: ["--version"], modprobe: ["--version"], ss: ["-V"] } as const;
/** Milliseconds that a program has to say its version. */
const TIME_LIMIT = 5_000;

/** Looks at the host. @param instances their settings; null: they have mistakes */
export async function gatherHost(
  instances: readonly (Settings | null)[],
  { system, host, files }: HostSystem,
): Promise<HostFacts> {
  const release = host.release();
  const osRelease = files.read("/etc/os-release");
  const distribution = parseDistribution(osRelease.ok ? osRelease.text : null, release);
  const isContainer = system.surroundings.isInnerUserNamespace();
  const settings = instances.filter((each) => each !== null);
  const isKnown = instances.length > 0 && settings.length === instances.length;
  const hasServer = settings.some(({ mode }) => mode === "server");
  const peers = settings.flatMap(({ peers }) => peers);
  return {
    modules: {
      modules: findModules(release, host, files),
      releaseWithoutModules: system.surroundings.releaseWithoutModules(),
      ...{ isContainer, distribution, hasServer },
    },
    tools: {
      tools: await findTools(system),
      queueLibrary: hasServer ? host.queueLibrary() : null,
      cLibrary: host.cLibrary(),
      ...{ distribution, hasServer },
    },
    rights: { ...parseRights(host.read("/proc/self/status")), isContainer },
    clock: {
      time: system.clock.unixTime(),
      isKept: host.isClockKept(),
      signs: peers.some(({ scheme }) => scheme.kind === "ed25519") || (isKnown ? false : null),
    },
  };
}

function findModules(release: string, host: Host, files: Files): Map<ModuleName, ModuleState> {
  const listOf = (file: string) => {
    const read = files.read(`/lib/modules/${release}/${file}`);
    return read.ok ? namesIn(read.text) : null;
  };
  const [builtIn, loadable] = [listOf("modules.builtin"), listOf("modules.dep")];
  const families = host.families();
  const stateOf = (name: ModuleName): ModuleState => {
    const isThere = host.exists(`/sys/module/${name}`) || families?.has(name) || builtIn?.has(name);
    if (isThere) return "loaded";
    return loadable === null ? "unknown" : loadable.has(name) ? "loadable" : "missing";
  };
  return new Map([...TUNNEL_MODULES, ...GATE_MODULES].map((name) => [name, stateOf(name)]));
}

/** The modules that modules.dep or modules.builtin has: the beginning of each line is a module's file. */
function namesIn(text: string): Set<string> {
  return new Set(Array.from(text.matchAll(/^(?:[^:\s]*\/)?([^/:\s]+)\.ko\b/gm), ([, name]) => name!));
}

async function findTools({ hasProgram, runProgram }: HostSystem["system"]): Promise<ToolFacts["tools"]> {
  const find = async (program: ProgramName): Promise<Tool | null> => {
    if (!hasProgram(program)) return null;
    const { stdout, stderr } = await runProgram(program, PROGRAMS[program], "", TIME_LIMIT);
    return parseTool(stdout + stderr);
  };
  const [ip, nft, modprobe, ss] = await Promise.all(
    (["ip", "nft", "modprobe", "ss"] as const).map(find),
  ) as [Tool | null, Tool | null, Tool | null, Tool | null];
  return { ip, nft, modprobe, ss };
}
