import { REPLY_MILLISECONDS } from "../client.ts";
import { EXIT, IpipouError } from "../errors.ts";
import { formatEndpoint } from "../packet.ts";
import { use } from "../use.ts";
import { AuthSender, explainSilence } from "./authentication.ts";
import { serversOf, withPort } from "./client_setup.ts";
import type { DaemonContext } from "./context.ts";
import { resolveHost } from "./hosts.ts";
import { findOutside, preferredSource } from "./outside.ts";
import { Replies } from "./replies.ts";
import { describeSendFault } from "./send_fault.ts";

/**
 * Sends one auth packet and changes nothing. Where a tunnel of ours stands it goes by its way, which may be to another
 * server or from another port than the first in the settings. Where replies are expected it waits for one.
 *
 * @throws {IpipouError} exit code 120 when it cannot be sent, or is not answered
 */
export async function reauthenticate({ system, settings, kernel, log, stop }: DaemonContext): Promise<void> {
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
  const server = formatEndpoint(remote);
  const answered = new AbortController();
  const [peer] = setup.settings.peers;
  const path = { remote, port: setup.settings.local.ports[0] };
  const hooks = { system, log, onAccepted: () => answered.abort(), onNews: () => {}, onDatagram: () => {} };
  using replies = peer!.reply ? new Replies(peer!, path, hooks) : null;
  try {
    use(new AuthSender(setup, system), (sender) => sender.send((payload) => replies?.expect(payload)));
  } catch (cause) {
    const why = describeSendFault(cause as Error, outside, remote.ip);
    throw new IpipouError(why, EXIT.send, { cause });
  }
  const names = { peer: peer!.name, remote: server };
  log.notice(`sent auth packet to ${server}`, { event: "sent", ...names });
  if (replies === null) return;
  await system.clock.waitUntil(system.clock.now() + REPLY_MILLISECONDS, answered.signal, stop);
  if (!answered.signal.aborted) {
    throw new IpipouError(`No reply from ${server}: ${explainSilence(false)}`, EXIT.send);
  }
  log.notice(`accepted by ${server}`, { event: "accepted", ...names });
}
