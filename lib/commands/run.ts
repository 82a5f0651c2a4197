import { pid } from "node:process";
import { claimInstance } from "../daemon/claim.ts";
import type { Daemon, DaemonContext } from "../daemon/context.ts";
import { Reloader } from "../daemon/reload.ts";
import { Service } from "../daemon/service.ts";
import { describeStatus } from "../daemon/status.ts";
import { StatusService } from "../daemon/status_service.ts";
import { Executor } from "../kernel/executor.ts";
import { EXIT, reasonOf } from "../errors.ts";
import { Kernel } from "../kernel/kernel.ts";
import { Runner } from "../kernel/runner.ts";
import type { KernelState } from "../kernel/state.ts";
import type { Log } from "../log.ts";
import type { KernelNews } from "../kernel_ports.ts";
import type { System } from "../ports.ts";
import type { Resolved } from "../settings/resolve.ts";
import type { Settings } from "../settings/settings.ts";
import { explainLeft, remedyFor } from "./left.ts";

const MODULES = ["fou", "ipip"];

/** What signals ask of a run. */
export interface Orders {
  /** Aborted when it is to stop; the reason is the signal's name. */
  readonly stop: AbortSignal;
  /** Called when it is told to stop again. */
  onImpatience: () => void;
  /** Called when it is to send an auth packet. */
  onAuthRequest: () => void;
  /** Called when it is to reload its settings; at once if that was requested before. */
  onReload: () => void;
}

interface RunContext {
  readonly system: System;
  readonly settings: Settings;
  readonly log: Log;
  readonly load: () => Resolved;
  readonly orders: Orders;
  readonly identity: RunIdentity;
}

/** What its status says of a run. */
export interface RunIdentity {
  /** NAME of /etc/ipipou/NAME.toml; null: it runs by other settings. */
  readonly config: string | null;
  readonly release: string;
  readonly pid: number;
}

/**
 * Runs a server or client until told to stop, then removes everything it made or took over. A failed start leaves the
 * kernel as it was. A later failure leaves the tunnels, for the next start to take over.
 *
 * @throws {IpipouError} when it cannot start or continue, or another process runs the instance
 */
export async function run({ system, settings, log, load, orders, identity }: RunContext): Promise<void> {
  const { clock, locks, openServiceManager } = system;
  const { stop } = orders;
  // Files that were copied have one number.
  const elsewise = ", or give this one another --number";
  const claim = () => claimInstance(settings.name, locks, "run", elsewise, EXIT.failure);
  using _claim = settings.reauthOnly ? null : claim();
  using resources = new DisposableStack();
  const { kernel, loadModules } = openKernel({ system, settings, log }, resources);
  using service = new Service(openServiceManager(), clock, log);
  const context: DaemonContext = { system, settings, kernel, log, service, stop };
  if (settings.reauthOnly) {
    const { reauthenticate } = await import("../daemon/reauthenticate.ts");
    return await reauthenticate(context);
  }
  using status = await offerStatus(context, identity);
  let inUse = () => settings;
  orders.onImpatience = () =>
    log.notice(`still stopping; if that hangs: kill -9 ${pid}, then ${remedyFor(inUse())}`, null);
  await loadModules();
  using daemon = await startOrUndo(context);
  if (daemon === null) return tellStop(context);
  const reloader = new Reloader(daemon, load, context);
  inUse = () => reloader.settings;
  if (status !== null) status.running = { daemon, reloader };
  service.ready(() => describeStatus(daemon.status));
  orders.onAuthRequest = () => daemon.authenticate();
  orders.onReload = () => reloader.request();
  await daemon.serve();
  tellStop(context);
  daemon.sayGoodbye();
  await removeAll(kernel, inUse());
}

async function removeAll(kernel: Kernel, settings: Settings): Promise<void> {
  await kernel.removeEverywhere().catch(async (error) => {
    throw await explainLeft(error, kernel, settings);
  });
}

function tellStop({ service, log, stop }: DaemonContext): void {
  service.stopping();
  log.notice(`${stop.reason}: stopping`, { event: "stopping", signal: String(stop.reason) });
}

/** What a run does in the kernel. */
interface OpenedKernel {
  readonly kernel: Kernel;
  /** Loads the kernel modules, unless they are seen to be there. */
  readonly loadModules: () => Promise<void>;
}

/** Opens the kernel's side of an instance. @param resources closes what it opens @throws {IpipouError} */
export function openKernel(
  { system, settings, log }: Pick<RunContext, "system" | "settings" | "log">,
  resources: DisposableStack,
): OpenedKernel {
  const { clock, locks, isPortFree, openNews, hasProgram, surroundings } = system;
  const runner = new Runner(system, log);
  const { mode, nft } = settings;
  const news = resources.use(mode === "server" ? openNews(nft.table) : openClientNews(system, settings));
  const routes = resources.use(system.openRoutes());
  const reader = resources.use(system.openReader());
  const executor = new Executor(runner, resources.use(system.openWriter()), log);
  const lock = () => locks.namespace();
  const looking = { reader, hasProgram, surroundings, log };
  const context = { ...looking, runner, executor, lock, clock, news, routes, isPortFree };
  return {
    kernel: new Kernel(settings, context),
    loadModules: async () => {
      if (!reader.hasTunnels) await loadModules(runner, log);
    },
  };
}

/** A client goes without a gate, and news of it, where the kernel has no nftables. */
function openClientNews({ openNews }: System, { nft }: Settings): KernelNews {
  try {
    return openNews(nft.table);
  } catch {
    return openNews(null);
  }
}

/** An instance that cannot be asked works as well. */
async function offerStatus(
  { system: { clock, openStatusSocket }, settings, kernel, service, log }: DaemonContext,
  identity: RunIdentity,
): Promise<StatusService | null> {
  try {
    const socket = await openStatusSocket(identity.config ?? settings.name);
    return new StatusService(socket, { settings, kernel, service, clock, log, ...identity });
  } catch (error) {
    const loss = "ipipou status can only ask the kernel";
    // The path is in what the runtime adds to the reason.
    const why = error instanceof Deno.errors.NotCapable
      ? reasonOf(error)
      : (error as Error).message.replace(/ \(os error \d+\)/, "");
    log.warning(`Cannot offer a status: ${why}; ${loss}`, null);
    return null;
  }
}

async function startOrUndo(context: DaemonContext): Promise<Daemon | null> {
  const { settings, kernel, log, stop } = context;
  const before = (await kernel.observe()).own;
  try {
    return await start(context);
  } catch (error) {
    if (error === stop.reason) {
      // Also what an earlier run left: nobody is to take it over now.
      await removeAll(kernel, settings);
      return null;
    }
    if (isEmpty(before)) {
      await kernel.remove().catch(async (failure) => {
        const left = await explainLeft(failure, kernel, settings);
        log.error(left.message, { event: "fault", code: left.exitCode });
      });
    }
    throw error;
  }
}

/** Starts the server or client. The code of the other one is not read. */
async function start(context: DaemonContext): Promise<Daemon> {
  if (context.settings.mode === "server") {
    const { Server } = await import("../daemon/server.ts");
    return await Server.start(context);
  }
  const { ClientDaemon } = await import("../daemon/client.ts");
  return await ClientDaemon.start(context);
}

function isEmpty({ tunnels, listeners, gate }: KernelState): boolean {
  return tunnels.size + listeners.size === 0 && gate === null;
}

/** A failure is not fatal: the modules may be built in, or loaded by a container's host. */
async function loadModules(runner: Runner, log: Log): Promise<void> {
  try {
    await runner.modprobe(MODULES);
  } catch (error) {
    log.info(`${(error as Error).message.trim()}; continuing, as they may be built in`);
  }
}
