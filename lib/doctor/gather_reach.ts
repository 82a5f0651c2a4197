import { publicKeyOf } from "../auth/keys.ts";
import type { Scheme } from "../auth/scheme.ts";
import { AuthSender } from "../daemon/authentication.ts";
import { type Setup, withPort } from "../daemon/client_setup.ts";
import { Probe } from "../daemon/probe.ts";
import { cureOfSendFault } from "../daemon/send_fault.ts";
import type { Outside } from "../kernel/member.ts";
import type { IpDevice } from "../listing.ts";
import { Log, VERBOSITY } from "../log.ts";
import { type Endpoint, formatEndpoint } from "../packet.ts";
import { use } from "../use.ts";
import type { Pinger } from "./pinger.ts";
import type { Reach, ReachFacts } from "./reach.ts";
import type { InstanceSystem, Sight } from "./sight.ts";

/** Milliseconds for the answer to each auth packet, before another one is sent and at last the answer is missed. */
const PATIENCE = [1_000, 2_000, 4_000];
/** Bytes of a ping that asks whether a host is there, and milliseconds for its answer. */
const SHORT_PING = 84;
const PING_PATIENCE = 2_000;

/** Where a client's auth packets go: by the tunnel that stands, if one does. */
interface Way {
  readonly setup: Setup;
  readonly stands: boolean;
  /** Whether a tunnel is there that needs the place at the server, or a process that will put one back. */
  readonly isNeeded: boolean;
}

/** Asks a client's server to let it in, as a run does. @param pinger null: nothing can be sent */
export async function gatherReach(
  sight: Sight,
  { system }: InstanceSystem,
  pinger: Pinger | null,
): Promise<ReachFacts> {
  const { settings, outside } = sight;
  const [peer] = settings.peers;
  const { host, port } = peer!.remote;
  const way = "lack" in outside ? null : authWay(sight, outside);
  const facts = {
    expectsReplies: peer!.reply,
    server: way === null ? `${host}:${port}` : formatEndpoint(way.setup.remote),
  };
  if (way === null) {
    const lack = "lack" in outside ? outside.lack : null;
    return {
      ...facts,
      reach: sight.server === null || lack === null
        ? { kind: "unresolved" }
        : { kind: "unsent", why: lack, cure: null },
    };
  }
  return { ...facts, reach: pinger === null ? null : await authenticate(way, system, pinger) };
}

/** Finds where auth packets go. @returns null: the server's address is not known */
export function authWay({ settings, isRun, observed, devices, server }: Sight, outside: Outside): Way | null {
  const [peer] = settings.peers;
  const tunnel = observed.own.tunnels.get(peer!.tunnel.device);
  const place: Endpoint | null = server === null ? null : { ip: server, port: peer!.remote.port! };
  const remote = tunnel?.remote ?? place;
  if (remote === null) return null;
  const port = tunnel?.local.port ?? settings.local.ports[0];
  // That of an exported script or of other hands is as good as ours.
  const stands = tunnel !== undefined || devices.some((device) => leadsTo(remote, port, device));
  return {
    setup: { settings: withPort(settings, port), outside, remote, server: 0 },
    stands,
    isNeeded: stands || isRun,
  };
}

function leadsTo({ ip, port }: Endpoint, sourcePort: number, { linkinfo }: IpDevice): boolean {
  const { remote, encap } = linkinfo?.info_data ?? {};
  return remote === ip && encap?.dport === port && encap.sport === sourcePort;
}

async function authenticate(
  { setup, isNeeded }: Way,
  system: InstanceSystem["system"],
  pinger: Pinger,
): Promise<Reach> {
  const { clock } = system;
  const said: string[] = [];
  const write = (line: string) => said.push(line);
  const log = new Log({ verbosity: VERBOSITY.info, time: false, pid: null, write, now: () => new Date() });
  const accepted = new AbortController();
  const began = clock.now();
  try {
    using probe = new Probe(setup, { system, log }, () => accepted.abort());
    for (const patience of PATIENCE) {
      if (accepted.signal.aborted) break;
      probe.send();
      await clock.waitUntil(clock.now() + patience, accepted.signal);
    }
  } catch (error) {
    const cure = cureOfSendFault(error as Error, setup.outside, setup.remote.ip);
    return { kind: "unsent", why: (error as Error).message, cure };
  }
  if (accepted.signal.aborted) {
    const after = clock.now() - began;
    // Nobody here needs the place that this host has at the server now.
    if (!isNeeded) use(new AuthSender(setup, system), (sender) => sender.sayGoodbye());
    return { kind: "accepted", after };
  }
  if (said.length > 0) return { kind: "unproven" };
  const [peer] = setup.settings.peers;
  return explainSilence(setup, pinger) ??
    { kind: "silent", echoes: await isThere(setup, pinger), publicKey: showPublicKey(peer!.scheme) };
}

function showPublicKey(scheme: Scheme): string | null {
  if (scheme.kind !== "ed25519" || scheme.privateKey === null) return null;
  return publicKeyOf(scheme.privateKey).toBase64();
}

function explainSilence({ settings: { local }, remote }: Setup, pinger: Pinger): Reach | null {
  const error = pinger.errors.find(({ destination, ports }) =>
    destination === remote.ip && ports?.destination === remote.port && ports.source === local.ports[0]
  );
  return error === undefined ? null : { kind: "refused", from: error.from, why: error.why };
}

async function isThere({ settings, outside, remote }: Setup, pinger: Pinger): Promise<boolean> {
  const way = { source: outside.ip, device: outside.link, mark: settings.fouMark };
  const answer = await pinger.ping(way, remote.ip, SHORT_PING, PING_PATIENCE).catch(() => null);
  return answer?.kind === "answered";
}
