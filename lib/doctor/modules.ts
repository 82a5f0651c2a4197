import { type Finding, fine, unseen } from "./finding.ts";
import { type Distribution, installCommand, type Part } from "./packages.ts";

/** Whether the kernel has a module: now, when it is asked for, not at all; "unknown": it may be built in. */
export type ModuleState = "loaded" | "loadable" | "missing" | "unknown";

/** What a client needs of the kernel, and a server beyond that. */
export const TUNNEL_MODULES = ["fou", "ipip"] as const;
export const GATE_MODULES = [
  "nf_tables",
  "nft_fib_ipv4",
  "nft_ct",
  "nft_limit",
  "nft_queue",
  "nfnetlink_queue",
] as const;

/** A module's name. */
export type ModuleName = typeof TUNNEL_MODULES[number] | typeof GATE_MODULES[number];

/** What was seen of the kernel's modules. */
export interface ModuleFacts {
  readonly modules: ReadonlyMap<ModuleName, ModuleState>;
  /** The running kernel's release, if its modules are gone; null: not so, as far as seen. */
  readonly releaseWithoutModules: string | null;
  /** Whether only the host may load modules. */
  readonly isContainer: boolean;
  readonly distribution: Distribution;
  readonly hasServer: boolean;
}

/** Judges whether the kernel has what a tunnel needs, and a server's gate. */
export function judgeModules(facts: ModuleFacts): Finding[] {
  return [
    ...judgeGroup("tunnel modules", TUNNEL_MODULES, "there is no tunnel without them", facts),
    ...facts.hasServer ? judgeGroup("gate modules", GATE_MODULES, "a server's gate needs them", facts) : [],
  ];
}

function judgeGroup(part: Part, names: readonly ModuleName[], why: string, facts: ModuleFacts): Finding[] {
  const { modules, releaseWithoutModules, isContainer, distribution } = facts;
  const inState = (...states: ModuleState[]) => names.filter((name) => states.includes(modules.get(name)!));
  const [missing, loadable, unknown] = [inState("missing"), inState("loadable"), inState("unknown")];
  const fault = (lacking: readonly string[], what: string, cure: string): Finding => ({
    ...{ topic: "modules", level: "fault", why, cure },
    what: `${listOf(lacking)} ${what}`,
  });
  const absent = [...missing, ...loadable, ...unknown];
  if (releaseWithoutModules !== null && absent.length > 0) {
    const what =
      `cannot be loaded: there is no /lib/modules/${releaseWithoutModules}, as after an upgrade of the kernel`;
    return [fault(absent, what, "reboot")];
  }
  const load = `modprobe -a ${absent.join(" ")}`;
  if (isContainer && missing.length + loadable.length > 0) {
    return [fault(absent, "are not loaded, and a container may not load them", `on the host: ${load}`)];
  }
  return [
    ...missing.length === 0
      ? []
      : [fault(missing, "are not in this kernel's modules", installCommand([part], distribution))],
    ...unknown.length === 0 ? [] : [unseen(
      "modules",
      `${listOf(unknown)}: whether this kernel has them built in cannot be seen`,
      `they are not loaded, and there is no list of this kernel's modules`,
      load,
    )],
    ...missing.length + unknown.length > 0 ? [] : [fine("modules", describeThere(names, loadable))],
  ];
}

function describeThere(names: readonly string[], loadable: readonly string[]): string {
  if (loadable.length === 0) return `${listOf(names)} are loaded`;
  const loaded = names.filter((name) => !loadable.includes(name));
  const rest = loaded.length === 0 ? "" : `${listOf(loaded)} loaded, `;
  return `${rest}${listOf(loadable)} will be at a start`;
}

/** "fou, ipip and nft_ct" */
export function listOf(names: readonly string[]): string {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
}
