import { findOutside, preferredSource } from "../daemon/outside.ts";
import type { Host } from "../doctor_ports.ts";
import { identityOf } from "../kernel/identity.ts";
import type { Outside } from "../kernel/member.ts";
import { sortOut } from "../kernel/observe.ts";
import type { Observed } from "../kernel/state.ts";
import type { IpDevice, IpFou } from "../listing.ts";
import type { KernelReader } from "../kernel_ports.ts";
import type { System } from "../ports.ts";
import type { Settings } from "../settings/settings.ts";
import { inTime } from "../status/lines.ts";

/** What an instance is looked at by. */
export interface InstanceSystem {
  readonly system: Pick<
    System,
    | "clock"
    | "random"
    | "hasProgram"
    | "runProgram"
    | "openRoutes"
    | "openReader"
    | "openRawSocket"
    | "openReplySocket"
    | "isPortFree"
    | "resolve"
  >;
  readonly host: Host;
}

/** An instance's settings, and what they lead to on this host. */
export interface Sight {
  readonly settings: Settings;
  /** Whether a process runs it here. */
  readonly isRun: boolean;
  readonly observed: Observed;
  readonly devices: readonly IpDevice[];
  /** Null: they cannot be listed. */
  readonly fou: readonly IpFou[] | null;
  readonly outside: Outside | { readonly lack: string };
  /** A client's server's address; null: not a client, or it is not found. */
  readonly server: string | null;
}

/** Milliseconds for a name to be resolved. */
const TIME_LIMIT = 5_000;

/** Looks where an instance stands, or would. @param isRun whether a process runs it here */
export async function takeSight(
  settings: Settings,
  { system, host }: InstanceSystem,
  isRun: boolean,
): Promise<Sight> {
  using reader = system.openReader();
  const fou = listFou(reader, host);
  const { devices, routes } = reader.lists({ routes: true });
  const listing = { devices, routes, fou: fou ?? [], nft: null };
  const observed = sortOut(listing, identityOf(settings), system.clock.now());
  const server = settings.mode === "client"
    ? await resolveInTime(settings.peers[0]!.remote.host!, system)
    : null;
  return {
    settings,
    isRun,
    observed,
    devices,
    fou,
    outside: tryOutside(system, settings, observed, server),
    server,
  };
}

/** Asking for them loads the module, so it is asked only where that is loaded. @returns null: they cannot be listed */
function listFou(reader: KernelReader, host: Host): readonly IpFou[] | null {
  const families = host.families();
  if (families?.has("fou") === false) return [];
  try {
    return reader.fouPorts() ?? [];
  } catch {
    return null;
  }
}

/** Finds a host's IPv4 address. @returns null: it has none, or that takes too long */
export async function resolveInTime(
  host: string,
  { resolve, clock }: InstanceSystem["system"],
): Promise<string | null> {
  return await inTime(resolve(host), TIME_LIMIT, clock).catch(() => null);
}

function tryOutside(
  system: InstanceSystem["system"],
  settings: Settings,
  observed: Observed,
  server: string | null,
): Sight["outside"] {
  try {
    return findOutside(system, settings, observed, preferredSource(system, settings, server));
  } catch (error) {
    return { lack: (error as Error).message };
  }
}
