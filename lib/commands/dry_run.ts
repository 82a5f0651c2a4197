import { ClientDaemon } from "../daemon/client.ts";
import type { DaemonContext } from "../daemon/context.ts";
import { admissionsToCome } from "../daemon/fixed_places.ts";
import { Server } from "../daemon/server.ts";
import { Service } from "../daemon/service.ts";
import { EXIT, IpipouError } from "../errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { listTable } from "../kernel/look.ts";
import type { Log } from "../log.ts";
import { formatEndpoint } from "../packet.ts";
import type { Clock, System } from "../ports.ts";
import type { Settings } from "../settings/settings.ts";
import { use } from "../use.ts";
import { drySystem } from "./dry_system.ts";
import { openKernel } from "./run.ts";
import { Script } from "./script.ts";

interface DryRunContext {
  readonly system: System;
  readonly settings: Settings;
  /** Gets what a start would log. */
  readonly log: Log;
}

/** Ends a start that would wait. */
class Impatience extends Service {
  readonly #over = new AbortController();

  constructor(clock: Clock, log: Log) {
    super(null, clock, log);
  }

  get stop(): AbortSignal {
    return this.#over.signal;
  }

  override waitingFor(what: string): void {
    this.#over.abort(
      new IpipouError(`Cannot tell what a start would do, as it would wait for ${what}`, EXIT.failure),
    );
  }
}

/**
 * Tells what a start would do in the kernel as it is now, and changes nothing.
 *
 * @returns commands for a root shell, in order, a line each, and comments
 * @throws {IpipouError} as a start would, or when it would wait
 */
export async function dryRun({ system, settings, log }: DryRunContext): Promise<string> {
  const script = new Script();
  if (settings.reauthOnly) {
    script.comment("nothing to do: --reauth-only leaves the kernel as it is");
    return script.text;
  }
  refuseBlind(system, settings, log);
  const dry = drySystem(system, script);
  using resources = new DisposableStack();
  const { kernel, loadModules } = openKernel({ system: dry, settings, log }, resources);
  const service = resources.use(new Impatience(system.clock, log));
  await loadModules();
  const context: DaemonContext = { system: dry, settings, kernel, log, service, stop: service.stop };
  const daemon = resources.use(
    await (settings.mode === "server" ? Server.start(context) : ClientDaemon.start(context)),
  );
  if (script.isEmpty) script.comment(`nothing to do: the kernel is as ${settings.name} has it`);
  if (daemon instanceof Server) await tellAdmissions(daemon, kernel, system.clock, script);
  return script.text;
}

/**
 * A client would go on without the gate where nftables cannot be read. Who may not read it may make no tunnel either.
 *
 * @throws {IpipouError} without the privilege
 */
function refuseBlind(system: System, settings: Settings, log: Log): void {
  try {
    use(system.openReader(), (reader) => listTable(settings.nft.table, { ...system, reader, log }));
  } catch (error) {
    if (((error as Error).cause as { readonly code?: string }).code === "EPERM") throw error;
  }
}

/** Adds comments on what the peers that are not admitted will get. */
async function tellAdmissions(server: Server, kernel: Kernel, clock: Clock, script: Script): Promise<void> {
  const { view, wanted } = server;
  const toCome = admissionsToCome(view, clock.now());
  const { length } = view.settings.peers.filter(({ name }) =>
    !view.admissions.has(name) && !toCome.has(name)
  );
  if (length > 0) {
    script.comment(
      `${
        length === 1 ? "a peer" : `each of ${length} peers`
      } gets, when it authenticates and so its place is ` +
        "known: a tunnel device, its inner address and routes, and an element for its place in the maps of the gate",
    );
  }
  script.commentOut();
  const admissions = new Map(wanted.admissions);
  for (const [name, admission] of toCome) {
    script.comment(`when ${name} authenticates, from ${formatEndpoint(admission.remote!)}:`);
    admissions.set(name, admission);
    const fault = (await kernel.apply({ ...wanted, admissions })).get(name);
    if (fault !== undefined) script.comment(fault.message);
  }
}
