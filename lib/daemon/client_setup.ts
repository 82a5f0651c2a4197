import { isDeepStrictEqual } from "node:util";
import { authPayloadLength } from "../auth/scheme.ts";
import { Client } from "../client.ts";
import type { Step } from "../client/ladder.ts";
import { isHostIpv4 } from "../ipv4.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Outside } from "../kernel/member.ts";
import type { Observed } from "../kernel/state.ts";
import { type Endpoint, IP_HEADER_LENGTH } from "../packet.ts";
import type { System } from "../ports.ts";
import type { Remote, Settings } from "../settings/settings.ts";
import { describeHosts } from "./hosts.ts";
import { describeMove } from "./outside.ts";

/** Where a client's tunnel leads, and its settings. */
export interface Setup {
  /** As they were given, but for the UDP port, which is the one in use. */
  readonly settings: Settings;
  readonly outside: Outside;
  readonly remote: Endpoint;
  /** Which of `serversOf()` that is. */
  readonly server: number;
}

/** Where a client's server can be reached, or one that stands in for it, the first one in front. */
export function serversOf({ peers, fallbacks }: Settings): readonly Remote[] {
  const { host, port } = peers[0]!.remote;
  return [{ host: host!, port: port! }, ...fallbacks];
}

/** The settings with another local UDP port. */
export function withPort(settings: Settings, port: number): Settings {
  return settings.local.ports[0] === port
    ? settings
    : { ...settings, local: { ...settings.local, ports: [port] } };
}

/** What can be done about silence. */
function stepsOf(settings: Settings): Step[] {
  const servers = serversOf(settings);
  return [
    ...(servers.every(({ host }) => isHostIpv4(host)) ? [] : ["resolve"] as const),
    ...(servers.length > 1 ? ["remote"] as const : []),
    ...(settings.monitor.port ? ["port"] as const : []),
  ];
}

/** Makes the state machine of a client. */
export function makeClient(
  settings: Settings,
  { clock, random }: Pick<System, "clock" | "random">,
  before: Client | null = null,
): Client {
  const { keepalive, monitor, peers: [peer] } = settings;
  const length = authPayloadLength(peer!.scheme);
  const options = {
    keepalive,
    expectsReplies: peer!.reply,
    replyLength: length >= IP_HEADER_LENGTH ? length : 0,
    steps: stepsOf(settings),
    pings: monitor.ping,
  };
  return new Client(options, clock.now(), () => random.fraction(), before);
}

/** What is new though the settings are as before, a line each. @param isHere whether they name the same outside */
export function describeNews(before: Setup, after: Setup, isHere: boolean): string[] {
  const move = isHere ? describeMove(before.outside, after.outside) : null;
  const hosts = [before, after].map(({ settings, server, remote }) =>
    new Map([[serversOf(settings)[server]!.host, remote.ip]])
  );
  return [...move === null ? [] : [move], ...describeHosts(hosts[0]!, hosts[1]!)];
}

/** Whether both have the same place for the other end. */
export function isSameWay(a: Setup, b: Setup): boolean {
  return isDeepStrictEqual([a.remote, a.server, a.settings.local], [b.remote, b.server, b.settings.local]);
}

/** Makes the kernel as the setup says. @param locate may follow the outside by what is seen */
export async function applySetup(
  kernel: Kernel,
  { settings, outside, remote }: Setup,
  locate?: (observed: Observed) => Outside,
): Promise<void> {
  const admission = { remote, port: settings.local.ports[0], expiresAt: null };
  const admissions = new Map([[settings.peers[0]!.name, admission]]);
  const faults = await kernel.apply({ settings, outside, admissions }, locate);
  for (const fault of faults.values()) throw fault;
}
