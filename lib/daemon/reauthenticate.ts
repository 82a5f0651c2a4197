import { EXIT, IpipouError } from "../errors.ts";
import { formatEndpoint } from "../packet.ts";
import { use } from "../use.ts";
import { AuthSender } from "./authentication.ts";
import { serversOf, withPort } from "./client_setup.ts";
import type { DaemonContext } from "./context.ts";
import { resolveHost } from "./hosts.ts";
import { findOutside, preferredSource } from "./outside.ts";

/**
 * Sends one auth packet and changes nothing. Where a tunnel of ours stands it goes by its way, which may be to another
 * server or from another port than the first in the settings.
 *
 * @throws {IpipouError} exit code 120 when it cannot be sent
 */
export async function reauthenticate({ system, settings, kernel, log }: DaemonContext): Promise<void> {
  const observed = await kernel.observe();
  const tunnel = observed.own.tunnels.get(settings.peers[0]!.tunnel.device);
  const { host, port } = serversOf(settings)[0]!;
  const remote = tunnel?.remote ?? { ip: await resolveHost(host, system), port };
  const outside = findOutside(system, settings, observed, preferredSource(system, settings, remote.ip));
  const setup = {
    settings: withPort(settings, tunnel?.local.port ?? settings.local.ports[0]),
    outside,
    remote,
    server: 0,
  };
  try {
    use(new AuthSender(setup, system), (sender) => sender.send());
  } catch (cause) {
    throw new IpipouError((cause as Error).message, EXIT.send, { cause });
  }
  log.notice(`sent auth packet to ${formatEndpoint(remote)}`);
}
