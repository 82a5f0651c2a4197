import { lookup } from "node:dns/promises";
import { Backoff } from "../backoff.ts";
import { monotonicTime } from "../clock.ts";
import { EXIT, IpipouError } from "../errors.ts";
import type { Outside } from "../kernel/member.ts";
import type { Observed } from "../kernel/state.ts";
import type { Log } from "../log.ts";
import type { Settings } from "../settings/settings.ts";
import { waitUntil } from "./wait.ts";

/**
 * Finds the outer address to work on: the given one, or the first of the given device.
 *
 * @throws {IpipouError} exit code 2 when there is no such device or address
 */
export function findOutside({ local }: Settings, { hostAddresses, own }: Observed): Outside {
  if (local.device !== null && !hostAddresses.has(local.device)) {
    const present = [...hostAddresses.keys()].filter((device) => device !== "lo").join(", ");
    throw unusable(`network device ${local.device}`, `there is no such device; there are: ${present}`);
  }
  if (local.ip === null) {
    const device = local.device!;
    const ip = hostAddresses.get(device)?.find((address) => !own.altAddresses.has(address));
    if (ip === undefined) throw unusable(`network device ${device}`, "it has no IPv4 address");
    return { ip, device };
  }
  const device = [...hostAddresses].find(([, addresses]) => addresses.includes(local.ip!))?.[0];
  if (device === undefined) throw unusable(`local address ${local.ip}`, "no network device here has it");
  return { ip: local.ip, device };
}

function unusable(what: string, why: string): IpipouError {
  return new IpipouError(`Cannot use the ${what} (--fou-local): ${why}`, EXIT.usage);
}

/**
 * Finds the IPv4 address of a host as the system does: /etc/hosts, DNS, or whatever nsswitch.conf says.
 *
 * @throws {IpipouError} when it has none
 */
export async function resolveHost(host: string): Promise<string> {
  try {
    return (await lookup(host, { family: 4 })).address;
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
    throw new IpipouError(`Cannot find the IPv4 address of ${host}: ${code}`, EXIT.failure, { cause });
  }
}

/** Like {@linkcode resolveHost}, but waits for as long as it takes: at boot, names may come later than we do. */
export async function awaitHost(host: string, log: Log, stop: AbortSignal): Promise<string> {
  const backoff = new Backoff();
  while (true) {
    try {
      return await resolveHost(host);
    } catch (error) {
      if (!(error instanceof IpipouError)) throw error;
      const delay = backoff.next();
      log.warning(`${error.message}; trying again in ${delay / 1000} s`);
      await waitUntil(monotonicTime() + delay, stop);
      stop.throwIfAborted();
    }
  }
}
