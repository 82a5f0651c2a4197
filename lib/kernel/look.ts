import { EXIT, type ExitCode, IpipouError } from "../errors.ts";
import type { IpFou, NftTable } from "../listing.ts";
import type { Log } from "../log.ts";
import type { KernelReader } from "../kernel_ports.ts";
import type { Surroundings, System } from "../ports.ts";
import { lacksNftablesCure, modulesCure, unreadableCure } from "./cures.ts";
import { GATE_SETS, gateNames } from "./gate_names.ts";
import type { Listing } from "./observe.ts";
import { missingProgram } from "./runner.ts";

/** What looking needs from the system. */
export interface LookContext {
  readonly reader: KernelReader;
  readonly hasProgram: System["hasProgram"];
  readonly surroundings: Surroundings;
  readonly log: Log;
}

/** What to look at, and what may be missing on the host. */
export interface LookOptions {
  /**
   * Whether to list the nftables table. "if-installed": there is none without `nft`, or on a kernel without nftables;
   * "if-usable": nor where listing fails.
   */
  readonly nft: "needed" | "if-installed" | "if-usable" | "none";
  /** Whether to list routes: there may be many. */
  readonly routes: boolean;
  /** Whether a kernel without FOU is an error, or just has no FOU ports. */
  readonly needsFou: boolean;
}

/** Sets that the packet path fills, with up to an entry for each address there is. */
const REMEMBERED: ReadonlySet<string> = new Set(["hinted", "limits", "places"]);

/** Lists what an instance may have in the kernel. @throws {IpipouError} */
export function listKernel(
  { name, table }: { readonly name: string; readonly table: string },
  options: LookOptions,
  context: LookContext,
): Listing {
  const { reader, log } = context;
  const what = [
    "devices",
    "FOU ports",
    ...options.routes ? ["routes"] : [],
    ...options.nft === "none" ? [] : [`table ip ${table}`],
  ];
  log.command(() => `reading the kernel's ${what.join(", ")}`);
  const lists = attempt(context, EXIT.ipAddress, () => reader.lists({ routes: options.routes }));
  const fou = readFouPorts(context);
  if (fou === null && options.needsFou) throw withoutFou(context);
  return { ...lists, fou: fou ?? [], nft: readGateTable(name, table, options, context) };
}

/** Lists the FOU ports. @throws {IpipouError} */
export function listFouPorts(context: LookContext): readonly IpFou[] {
  context.log.command(() => "reading the kernel's FOU ports");
  const fou = readFouPorts(context);
  if (fou === null) throw withoutFou(context);
  return fou;
}

/** Lists a table, without the elements of its sets. @throws {IpipouError} */
export function listTable(table: string, context: LookContext): NftTable | null {
  return attempt(context, EXIT.nft, () => context.reader.table(table, () => false));
}

function readFouPorts(context: LookContext): readonly IpFou[] | null {
  return attempt(context, EXIT.ipFou, () => context.reader.fouPorts());
}

function readGateTable(
  name: string,
  table: string,
  { nft }: LookOptions,
  context: LookContext,
): NftTable | null {
  const { reader, hasProgram } = context;
  if (nft === "none") return null;
  if (!hasProgram("nft")) {
    if (nft === "needed") throw missingProgram("nft");
    return null;
  }
  const names = gateNames(name);
  const sets = new Set(GATE_SETS.filter((set) => !REMEMBERED.has(set)).map((set) => names[set]));
  try {
    const found = attempt(context, EXIT.nft, () => reader.table(table, (set) => sets.has(set)));
    if (found === null && nft === "needed") throw withoutNftables(context);
    return found;
  } catch (error) {
    if (nft === "if-usable" && error instanceof IpipouError) return null;
    throw error;
  }
}

/** Does what asks the kernel. @throws {IpipouError} when it answers with an error */
function attempt<T>({ surroundings }: LookContext, exitCode: ExitCode, ask: () => T): T {
  try {
    return ask();
  } catch (cause) {
    const cure = unreadableCure(cause as { readonly code?: string }, exitCode === EXIT.ipFou, surroundings);
    const { message } = cause as Error;
    throw new IpipouError(cure === "" ? message : `${message}; ${cure}`, exitCode, { cause });
  }
}

function withoutFou({ surroundings }: LookContext): IpipouError {
  const cure = modulesCure(surroundings);
  return new IpipouError(`Cannot use FOU: this kernel has none; ${cure}`, EXIT.modprobe);
}

function withoutNftables({ surroundings }: LookContext): IpipouError {
  const cure = lacksNftablesCure(surroundings);
  return new IpipouError(`Cannot use nftables: this kernel has none; ${cure}`, EXIT.nft);
}
