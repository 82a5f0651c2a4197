import { isInNetwork, parseNetwork } from "../ipv4.ts";
import { type Endpoint, formatEndpoint } from "../packet.ts";
import { type Finding, fine, unseen } from "./finding.ts";

/** Addresses that are not those of hosts on the Internet. */
const PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"].map((text) =>
  parseNetwork(text)!
);

/** What a client's server said of where it sees the client. */
export interface MappingFacts {
  /** Own outer address and UDP port. */
  readonly own: Endpoint;
  readonly server: Endpoint;
  /** Why the server was not asked; null: it was. */
  readonly problem: string | null;
  /** Of each port that the server answered to, the client's own first, as what it is seen. */
  readonly seen: readonly { readonly port: number; readonly as: Endpoint }[];
  /** As what another server, at another address, sees the client's port; null: there is none, or it does not tell. */
  readonly elsewhere: { readonly server: Endpoint; readonly as: Endpoint } | null;
}

/** Judges what kind of NAT is on a client's way, in the terms of RFC 4787. */
export function judgeMapping({ own, server, problem, seen, elsewhere }: MappingFacts): Finding {
  const [first] = seen;
  if (problem !== null) return unseen("nat", guess(own.ip, server.ip), problem);
  if (first === undefined) {
    return unseen(
      "nat",
      guess(own.ip, server.ip),
      "the server does not tell where it sees this client: its version is an earlier one, or auth.replay is off there",
    );
  }
  const where = formatEndpoint(server);
  const others = elsewhere === null ? "" : `; ${describeElsewhere(elsewhere, first.as)}`;
  if (seen.every(({ port, as }) => as.ip === own.ip && as.port === port)) {
    const what = `no NAT: ${where} sees this client by its own address and port, ${formatEndpoint(own)}`;
    return fine("nat", what + others);
  }
  const as = `${where} sees ${formatEndpoint(own)} as ${formatEndpoint(first.as)}`;
  return fine("nat", `a NAT: ${as}; it ${describePorts(seen)}, ${describeAddresses(seen)}${others}`);
}

function guess(ip: string, server: string): string {
  return isPrivate(ip) && !isPrivate(server)
    ? `${ip} is private, so there is a NAT on the way to ${server}`
    : `no NAT can be seen by the addresses ${ip} and ${server}`;
}

function isPrivate(ip: string): boolean {
  return PRIVATE.some((network) => isInNetwork(ip, network));
}

function describePorts(seen: MappingFacts["seen"]): string {
  const kept = seen.filter(({ port, as }) => as.port === port).length;
  const ports = seen.length === 1 ? "the port" : `${seen.length} ports`;
  if (kept === 0) return `changed ${ports} (no port preservation)`;
  // By chance one of 65,535 would be the same.
  const which = kept === seen.length ? ports : `${kept} of ${ports}`;
  return `kept ${which} (port preservation)`;
}

function describeAddresses(seen: MappingFacts["seen"]): string {
  const addresses = new Set(seen.map(({ as: { ip } }) => ip));
  return addresses.size === 1
    ? "at one address"
    : `at ${addresses.size} addresses of a pool (arbitrary address pooling): ${[...addresses].join(", ")}`;
}

function describeElsewhere(
  { server, as }: NonNullable<MappingFacts["elsewhere"]>,
  first: Endpoint,
): string {
  const [there, here] = [as, first].map(formatEndpoint);
  const where = formatEndpoint(server);
  return there === here
    ? `${where} sees it as the same (endpoint-independent mapping)`
    : `${where} sees it as ${there} (endpoint-dependent mapping)`;
}
