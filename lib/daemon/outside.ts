import { EXIT, IpipouError } from "../errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Outside } from "../kernel/member.ts";
import type { Observed } from "../kernel/state.ts";
import type { Settings } from "../settings/settings.ts";
import type { DaemonContext } from "./context.ts";

/** The device or address in the settings is missing, or the device has no address. */
class UnusableOutsideError extends IpipouError {
  readonly missing: string;

  constructor(what: string, why: string) {
    super(`Cannot use the ${what} (--fou-local): ${why}`, EXIT.usage);
    this.missing = `${what}: ${why}`;
  }
}

/**
 * Finds the outside: the configured address, or the first address of the configured device.
 *
 * @throws {IpipouError} exit code 2 when there is no such device or address
 */
export function findOutside({ local }: Settings, { hostAddresses, own }: Observed): Outside {
  if (local.device !== null && !hostAddresses.has(local.device)) {
    const present = [...hostAddresses.keys()].filter((device) => device !== "lo").join(", ");
    const why = `there is no such device; there are: ${present}`;
    throw new UnusableOutsideError(`network device ${local.device}`, why);
  }
  if (local.ip === null) {
    const device = local.device!;
    const ip = hostAddresses.get(device)?.find((address) => !own.altAddresses.has(address));
    if (ip === undefined) {
      throw new UnusableOutsideError(`network device ${device}`, "it has no IPv4 address");
    }
    return { ip, device };
  }
  const device = [...hostAddresses].find(([, addresses]) => addresses.includes(local.ip!))?.[0];
  if (device === undefined) {
    throw new UnusableOutsideError(`local address ${local.ip}`, "no network device here has it");
  }
  return { ip: local.ip, device };
}

/**
 * Finds the outside. As a service it waits as long as it takes: at boot, devices and addresses may appear after the
 * program starts.
 *
 * @throws {IpipouError} exit code 2 when there is no such device or address, and no service manager started the program
 * @throws the reason of `stop`
 */
export async function awaitOutside(
  { settings, kernel, log, service, stop }: Pick<DaemonContext, "settings" | "log" | "service" | "stop"> & {
    readonly kernel: Pick<Kernel, "observe" | "changed">;
  },
): Promise<{ readonly observed: Observed; readonly outside: Outside }> {
  let told = "";
  while (true) {
    stop.throwIfAborted();
    const observed = await kernel.observe();
    try {
      return { observed, outside: findOutside(settings, observed) };
    } catch (error) {
      if (!(error instanceof UnusableOutsideError) || !service.isManaged) throw error;
      if (error.message !== told) log.warning(`${error.message}; waiting for it`);
      told = error.message;
      service.waitingFor(`the ${error.missing}`);
    }
    await kernel.changed(stop);
  }
}
