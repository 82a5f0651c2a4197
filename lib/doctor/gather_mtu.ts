import type { Outside } from "../kernel/member.ts";
import { OVERHEAD, USUAL_MTU } from "../kernel/mtu.ts";
import { isParked, type Observed, type Tunnel } from "../kernel/state.ts";
import type { RawSocketOptions } from "../ports.ts";
import { type MtuFacts, searchLongest } from "./mtu.ts";
import type { PingAnswer, Pinger } from "./pinger.ts";
import type { InstanceSystem, Sight } from "./sight.ts";

/** Tunnels that are probed. */
const MOST_TUNNELS = 8;
/** Pings of each length, and milliseconds for the first answer; then so many times what that one took. */
const TRIES = 3;
const PATIENCE = 1_000;
const SHORTEST_PATIENCE = 150;
const FACTOR = 4;

/** Finds the longest packets that get through an instance's tunnels; of a client without one, to its server. */
export async function gatherMtus(
  sight: Sight,
  { system }: InstanceSystem,
  pinger: Pinger,
): Promise<readonly MtuFacts[]> {
  const { settings, observed, outside, server } = sight;
  const tunnels = openTunnels(observed);
  const peerOf = ({ name }: Tunnel) => settings.peers.find(({ tunnel: { device } }) => device === name);
  if (tunnels.length > 0) {
    return await Promise.all(tunnels.map(async (tunnel) => {
      const peer = settings.isOfMany ? peerOf(tunnel)?.name ?? null : null;
      return { ...await probeTunnel(tunnel, pinger), peer };
    }));
  }
  if (settings.mode === "server" || server === null || "lack" in outside) return [];
  const path = findPathMtu(sight, outside, server, system);
  const way = { source: outside.ip, device: outside.link, mark: settings.fouMark };
  return [{
    ...{ device: null, peer: null, target: server, mtu: settings.peers[0]!.tunnel.mtu ?? path - OVERHEAD },
    longest: await searchLongest(patient(way, server, pinger), path),
  }];
}

/** Own tunnels that lead somewhere: the first few. */
export function openTunnels({ own: { tunnels } }: Observed): Tunnel[] {
  const isOpen = (tunnel: Tunnel) => tunnel.up && tunnel.inner !== null && !isParked(tunnel);
  return [...tunnels.values()].filter(isOpen).slice(0, MOST_TUNNELS);
}

async function probeTunnel({ name, mtu, inner }: Tunnel, pinger: Pinger): Promise<Omit<MtuFacts, "peer">> {
  const way = { source: inner!.ip, device: name, mark: 0 };
  const longest = await searchLongest(patient(way, inner!.peerIp, pinger), mtu);
  return { device: name, target: inner!.peerIp, mtu, longest };
}

function findPathMtu(
  { devices, settings }: Sight,
  { ip, link }: Outside,
  server: string,
  { openRoutes }: InstanceSystem["system"],
): number {
  using routes = openRoutes();
  const bound = devices.find(({ ifname }) => ifname === link)?.ifindex ?? null;
  const [way = null] = routes.findWays([server], ip, bound, settings.fouMark);
  return way?.mtu ?? devices.find(({ ifindex }) => ifindex === way?.index)?.mtu ?? USUAL_MTU;
}

/** Pings again what is lost, and waits no longer than answers take. What cannot be sent is lost, too. */
function patient(
  way: RawSocketOptions,
  target: string,
  pinger: Pinger,
): (length: number) => Promise<PingAnswer> {
  let patience = PATIENCE;
  return async (length) => {
    for (let tries = 0; tries < TRIES; tries++) {
      const answer = await pinger.ping(way, target, length, patience).catch((): PingAnswer => ({
        kind: "lost",
      }));
      if (answer.kind === "answered") {
        patience = Math.min(PATIENCE, Math.max(SHORTEST_PATIENCE, FACTOR * answer.after));
      }
      if (answer.kind !== "lost") return answer;
    }
    return { kind: "lost" };
  };
}
