import { formatEndpoint } from "../packet.ts";
import type { Settings } from "../settings/settings.ts";
import type { Outside } from "./member.ts";
import { ANY_ADDRESS, type Listener, listenerKey, type Observed } from "./state.ts";

/**
 * Tells of things that were there before us, which we use or leave as nothing shows whose they are: version 0.1
 * leaves such things. A line for each, with the command that removes it.
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
    ports.includes(local.port) && places.has(local.ip) && !foreign.claims.has(listenerKey(local))
  );
  const addresses = [...alts].flatMap((ip) => {
    const device = foreign.addresses.get(ip);
    return device === undefined ? [] : [{ ip, device }];
  });
  const shared = claimsOf({ foreign }, outside, ports);
  return [
    ...shared.map(({ place, name }) =>
      `FOU port ${place} is ${name}'s too: if that is a server, its gate lets nothing in for others; ` +
      "then give this one another --fou-local-port"
    ),
    ...listeners.map((listener) =>
      `FOU port ${formatEndpoint(listener.local)} is another's: it is used, and left at the end; ` +
      `if version 0.1 left it, stop this and remove it: ${removal(listener)}`
    ),
    ...addresses.map(({ ip, device }) =>
      `address ${ip} of ${device} is another's, and left; if version 0.1 left it, remove it: ip address delete ${ip}/32 dev ${device}`
    ),
    ...(foreign.emptyChains.length === 0 ? [] : [
      `table ip ${table} has empty chains of version 0.1, and they are left; if that is not to run again, ` +
      `remove them: nft '${
        foreign.emptyChains.map((chain) => `delete chain ip ${table} ${chain}`).join("; ")
      }'`,
    ]),
  ];
}

/** Own FOU ports that other instances use too, and who. */
export function claimsOf(
  { foreign }: Pick<Observed, "foreign">,
  { ip }: Outside,
  ports: readonly number[],
): { readonly place: string; readonly name: string }[] {
  return ports.map((port) => listenerKey({ ip, port })).flatMap((place) => {
    const name = foreign.claims.get(place);
    return name === undefined ? [] : [{ place, name }];
  });
}

function removal({ local, device }: Listener): string {
  const localWords = local.ip === ANY_ADDRESS ? "" : ` local ${local.ip}`;
  const deviceWords = device === null ? "" : ` dev ${device}`;
  return `ip fou del port ${local.port}${localWords}${deviceWords}`;
}
