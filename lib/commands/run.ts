import { KernelNews } from "../../ffi/kernel_news.ts";
import { lockNamespace } from "../../ffi/file_lock.ts";
import { ClientDaemon, reauthenticate } from "../daemon/client.ts";
import type { Daemon, DaemonContext } from "../daemon/context.ts";
import { Reloader } from "../daemon/reload.ts";
import { Server } from "../daemon/server.ts";
import { openService } from "../daemon/service.ts";
import type { Signals } from "../daemon/signals.ts";
import { Kernel } from "../kernel/kernel.ts";
import { Runner } from "../kernel/runner.ts";
import type { KernelState } from "../kernel/state.ts";
import type { Log } from "../log.ts";
import type { Resolved } from "../settings/resolve.ts";
import type { Settings } from "../settings/settings.ts";

/** Kernel modules that either side needs. */
const MODULES = ["fou", "ipip"];

/**
 * Runs a server or a client until SIGTERM or SIGINT, then removes everything it made. A failure to start leaves
 * the kernel as it was; a later failure leaves the tunnels as they are, for the next start to take over.
 *
 * @param load reads the settings again, at SIGHUP
 * @throws {IpipouError} when it cannot start, or cannot go on
 */
export async function run(
  settings: Settings,
  log: Log,
  load: () => Resolved,
  signals: Signals,
): Promise<void> {
  const runner = new Runner(log);
  using news = KernelNews.open(settings.mode === "server");
  const kernel = new Kernel(settings, { runner, lock: lockNamespace, news, log });
  using service = openService(log);
  const context: DaemonContext = { settings, kernel, log, service, stop: signals.stop };
  if (settings.reauthOnly) return await reauthenticate(context);
  await loadModules(runner, log);
  using daemon = await startOrUndo(context);
  if (daemon === null) return;
  service.ready(() => daemon.status);
  const reloader = new Reloader(daemon, load, context);
  signals.onAuthRequest = () => daemon.authenticate();
  signals.onReload = () => reloader.request();
  await daemon.serve();
  service.stopping();
  log.notice(`${signals.stop.reason}: stopping`);
  await kernel.remove();
}

async function startOrUndo(context: DaemonContext): Promise<Daemon | null> {
  const { settings, kernel, log, stop } = context;
  const before = (await kernel.observe()).own;
  try {
    return await (settings.mode === "server" ? Server.start(context) : ClientDaemon.start(context));
  } catch (error) {
    if (isEmpty(before)) await kernel.remove().catch((leftover) => log.error(leftover.message));
    if (error === stop.reason) return null;
    throw error;
  }
}

function isEmpty({ tunnels, listeners, gate }: KernelState): boolean {
  return tunnels.size + listeners.size === 0 && gate === null;
}

/** A kernel may have them built in, or a container's host loaded: what is really missing shows later, by name. */
async function loadModules(runner: Runner, log: Log): Promise<void> {
  try {
    await runner.modprobe(MODULES);
  } catch (error) {
    log.info(`${(error as Error).message.trim()}; going on, they may be there`);
  }
}
