import type { ProgramName } from "../ports.ts";
import { type Finding, fine } from "./finding.ts";
import { type Distribution, installCommand } from "./packages.ts";

/** A program in PATH. */
export interface Tool {
  /** As it says itself; null: it does not. */
  readonly version: string | null;
  readonly isBusyBox: boolean;
}

/** What was seen of programs and libraries. */
export interface ToolFacts {
  /** Null: it is not in PATH. */
  readonly tools: Readonly<Record<ProgramName, Tool | null>>;
  /** The file of libnetfilter_queue, or why it cannot be loaded; null: it is not needed. */
  readonly queueLibrary: { readonly problem: string } | { readonly file: string } | null;
  /** The C library, with its version where it tells. */
  readonly cLibrary: string;
  readonly distribution: Distribution;
  readonly hasServer: boolean;
}

/** Judges whether the programs are there that it runs. */
export function judgeTools(facts: ToolFacts): Finding[] {
  const { tools, distribution, hasServer } = facts;
  const lacks = (program: ProgramName, why: string, level: Finding["level"]): Finding => ({
    ...{ topic: "tools", level, why },
    what: `${program} is not in PATH`,
    cure: installCommand([program], distribution),
  });
  const { ip, nft, modprobe, ss } = tools;
  const there = Object.entries(tools).filter(([, tool]) => tool !== null && !tool.isBusyBox);
  return [
    ...ip === null ? [lacks("ip", "it sets tunnels up", "fault")] : ip.isBusyBox
      ? [{
        ...{ topic: "tools", level: "fault", what: "ip is that of BusyBox" } as const,
        why: "it knows no FOU ports",
        cure: installCommand(["ip"], distribution),
      }]
      : [],
    ...nft !== null
      ? []
      : hasServer
      ? [lacks("nft", "a server has no gate without it, and does not start", "fault")]
      : [lacks("nft", "without it a client has no gate: who forges its server's address gets in", "warning")],
    ...modprobe === null ? [lacks("modprobe", "modules that are not loaded cannot be", "warning")] : [],
    ...ss === null ? [lacks("ss", "it tells which program has a port", "warning")] : [],
    ...there.length === 0 ? [] : [fine(
      "tools",
      there.map(([name, tool]) => `${name} ${tool!.version ?? "of unknown version"}`).join(", "),
    )],
  ];
}

/** Judges whether the libraries are there that it loads. */
export function judgeLibraries({ queueLibrary, cLibrary, distribution }: ToolFacts): Finding[] {
  if (queueLibrary === null) return [fine("libraries", cLibrary)];
  if ("file" in queueLibrary) return [fine("libraries", `${cLibrary}, ${queueLibrary.file}`)];
  return [
    fine("libraries", cLibrary),
    {
      ...{ topic: "libraries", level: "fault", what: queueLibrary.problem },
      why: "a server reads auth packets by it",
      cure: installCommand(["queue library"], distribution),
    },
  ];
}

/** Reads what a program says of its version. */
export function parseTool(said: string): Tool {
  return {
    version: /(?:iproute2-|nftables v|kmod version )([\w.-]+)/.exec(said)?.[1] ?? null,
    isBusyBox: /BusyBox/i.test(said),
  };
}
