import { resolveHost } from "../daemon/hosts.ts";
import { fixedPart, hostsToFind } from "../export/fixed.ts";
import { networkdScript } from "../export/networkd.ts";
import { openwrtScript } from "../export/openwrt.ts";
import { shellScript } from "../export/shell.ts";
import type { System } from "../ports.ts";
import type { ExportRequest } from "../settings/invocation.ts";
import type { Settings } from "../settings/settings.ts";

const WRITERS = { sh: shellScript, networkd: networkdScript, openwrt: openwrtScript } as const;

/**
 * Makes the text by which another system has an instance's tunnels.
 *
 * @throws {SettingsError} when nothing of them can do without a process
 * @throws {IpipouError} when a host is not found
 */
export async function exportInstance(
  { format, name }: ExportRequest,
  settings: Settings,
  system: Pick<System, "resolve">,
): Promise<string> {
  const found = Array.from(
    hostsToFind(settings),
    async (host) => [host, await resolveHost(host, system)] as const,
  );
  const instance = fixedPart(settings, new Map(await Promise.all(found)));
  return WRITERS[format](instance, name).map((line) => `${line}\n`).join("");
}
