import { serversOf, type Setup, withPort } from "../daemon/client_setup.ts";
import { askPlace } from "../daemon/inquiry.ts";
import { dynamicPort, type Endpoint } from "../packet.ts";
import { authWay } from "./gather_reach.ts";
import type { MappingFacts } from "./mapping.ts";
import { type ReachFacts, whyUnasked } from "./reach.ts";
import { type InstanceSystem, resolveInTime, type Sight } from "./sight.ts";

/** UDP ports that are asked from beside the client's own. */
const MORE_PORTS = 2;
/** Ports that are tried for one that nobody has. */
const MOST_TRIES = 16;

/**
 * Asks a client's server where it sees the client, by the client's UDP port and others. A question moves nobody at the
 * server, so a tunnel that stands stays as it is. From other ports only a server that has answered is asked. Then one
 * that stands in for it is asked the same, if it has another address.
 *
 * @param reach whether the server accepts this client
 * @returns null: there is no way to ask
 */
export async function gatherMapping(
  sight: Sight,
  { system, host }: InstanceSystem,
  reach: ReachFacts,
): Promise<MappingFacts | null> {
  const { settings: { peers: [peer] }, outside } = sight;
  const way = "lack" in outside ? null : authWay(sight, outside);
  if (way === null) return null;
  const { setup, stands } = way;
  const own = ownEnd(setup);
  const facts = { own, server: setup.remote, seen: [], elsewhere: null };
  const isKeyed = peer!.scheme.kind === "ed25519";
  const problem = isKeyed
    ? whyUnasked(reach)
    : "a server tells where it sees a client only if that has a key";
  if (problem !== null) return { ...facts, problem };
  try {
    using held = new DisposableStack();
    // Else this host would tell the server that nobody has the port.
    if (!stands) held.use(host.holdPort(own, setup.outside.link));
    const seen: { port: number; as: Endpoint }[] = [];
    while (seen.length <= MORE_PORTS) {
      const port = seen.length === 0 ? own.port : takePort(setup, { system, host }, held);
      const as = await askPlace({ ...setup, settings: withPort(setup.settings, port) }, system);
      if (as === null) break;
      seen.push({ port, as });
    }
    const elsewhere = seen.length === 0 ? null : await askElsewhere(setup, system);
    return { ...facts, problem: null, seen, elsewhere };
  } catch (error) {
    return { ...facts, problem: (error as Error).message };
  }
}

/** Asks the first other server that has another address. @returns null: there is none, or it does not answer */
async function askElsewhere(
  setup: Setup,
  system: InstanceSystem["system"],
): Promise<MappingFacts["elsewhere"]> {
  for (const { host, port } of serversOf(setup.settings)) {
    const ip = await resolveInTime(host!, system);
    if (ip === null || ip === setup.remote.ip) continue;
    const server = { ip, port: port! };
    const as = await askPlace({ ...setup, remote: server }, system);
    return as === null ? null : { server, as };
  }
  return null;
}

function ownEnd({ settings: { local: { ports } }, outside }: Setup): Endpoint {
  return { ip: outside.ip, port: ports[0] };
}

/** Takes a UDP port that nobody has. @throws {SysError} */
function takePort(
  { outside: { ip, link } }: Setup,
  { system: { random }, host }: InstanceSystem,
  held: DisposableStack,
): number {
  for (let left = MOST_TRIES;; left--) {
    const port = dynamicPort(random.fraction());
    try {
      held.use(host.holdPort({ ip, port }, link));
      return port;
    } catch (error) {
      if (left === 1) throw error;
    }
  }
}
