import { EXIT, IpipouError } from "../errors.ts";
import { formatEndpoint } from "../packet.ts";
import type { Settings } from "../settings/settings.ts";
import type { Outside } from "./member.ts";
import { ANY_ADDRESS, type Listener, listenerKey, type Observed } from "./state.ts";

/**
 * Describes the unmarked objects that existed before us and that we use or leave: version 0.1 leaves such objects, and a
 * killed run whose marks others removed. A line for each, with the command that removes it.
 */
export function describeLeftovers(
  { foreign }: Observed,
  outside: Outside,
  { mode, nft: { table }, local: { ports }, firstAltIp, peers }: Settings,
): string[] {
  const alts = mode === "server"
    ? new Set([firstAltIp, ...peers.flatMap(({ altIp }) => altIp ?? [])])
    : new Set<string>();
  const places = new Set([ANY_ADDRESS, outside.ip, ...alts]);
  const listeners = [...foreign.listeners.values()].filter(({ local }) =>
    ports.includes(local.port) && places.has(local.ip) && !isUsed(foreign, local)
  );
  const addresses = [...alts].flatMap((ip) => {
    const device = foreign.addresses.get(ip);
    return device === undefined ? [] : [{ ip, device }];
  });
  const shared = usersOf({ foreign }, outside, ports);
  return [
    ...shared.map(({ place, name }) =>
      `FOU port ${place} is also used by ${name}: if ${name} is a server, its gate drops what is for others; ` +
      "then choose another --fou-local-port"
    ),
    ...listeners.map((listener) =>
      `FOU port ${formatEndpoint(listener.local)} is foreign: it is used, but not removed at the end; ` +
      `if a killed run or version 0.1 left it, stop this instance and remove it: ${removal(listener)}`
    ),
    ...addresses.map(({ ip, device }) =>
      `address ${ip} of ${device} is foreign and is not removed; ` +
      `if version 0.1 left it, remove it: ip address delete ${ip}/32 dev ${device}`
    ),
    ...(foreign.emptyChains.length === 0 ? [] : [
      `table ip ${table} has empty chains of version 0.1; unless that is to run again, remove them: nft '${
        foreign.emptyChains.map((chain) => `delete chain ip ${table} ${chain}`).join("; ")
      }'`,
    ]),
  ];
}

/**
 * Describes the FOU ports at an instance's own UDP ports of which nothing shows whose they are. The marks of ours are on
 * devices and the gate, which others may have removed. A line for each, with the command that removes it.
 */
export function describeStrayPorts({ foreign }: Observed, ports: ReadonlySet<number>): string[] {
  const stray = [...foreign.listeners.values()].filter(({ local }) =>
    ports.has(local.port) && !isUsed(foreign, local)
  );
  return stray.map((listener) =>
    `FOU port ${
      formatEndpoint(listener.local)
    } stays, as nothing shows whose it is; if a killed run left it, ` +
    `remove it: ${removal(listener)}`
  );
}

/**
 * Refuses to work at a FOU port that is foreign and bound to a device that our packets do not come by.
 *
 * @throws {IpipouError}
 */
export function refuseBoundElsewhere({ foreign }: Observed, outside: Outside, { local }: Settings): void {
  const devices = [null, outside.device, local.device];
  const useless = [...foreign.listeners.values()].find((listener) =>
    local.ports.includes(listener.local.port) && [ANY_ADDRESS, outside.ip].includes(listener.local.ip) &&
    !foreign.claims.has(listenerKey(listener.local)) && !devices.includes(listener.device)
  );
  if (useless === undefined) return;
  throw new IpipouError(
    `Cannot use FOU port ${formatEndpoint(useless.local)}: it is not ours, and bound to ${useless.device}, ` +
      `by which our packets do not come; remove it: ${removal(useless)}; or choose another --fou-local-port`,
    EXIT.ipFou,
  );
}

/** The other instances that use our FOU ports: by a tunnel, or by a gate alone, as a server whose clients are yet to come. */
export function usersOf(
  { foreign: { claims, gated } }: Pick<Observed, "foreign">,
  { ip }: Outside,
  ports: readonly number[],
): { readonly place: string; readonly name: string; readonly by: "tunnel" | "gate" }[] {
  return ports.map((port) => listenerKey({ ip, port })).flatMap((place) => {
    const name = claims.get(place) ?? gated.get(place);
    return name === undefined ? [] : [{ place, name, by: claims.has(place) ? "tunnel" : "gate" }];
  });
}

function isUsed({ claims, gated }: Observed["foreign"], local: Listener["local"]): boolean {
  const key = listenerKey(local);
  return claims.has(key) || gated.has(key);
}

function removal({ local, device }: Listener): string {
  const localWords = local.ip === ANY_ADDRESS ? "" : ` local ${local.ip}`;
  const deviceWords = device === null ? "" : ` dev ${device}`;
  return `ip fou del port ${local.port}${localWords}${deviceWords}`;
}
