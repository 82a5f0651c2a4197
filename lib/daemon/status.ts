import type { Answers } from "../client.ts";
import { type Endpoint, formatEndpoint } from "../packet.ts";

/** How a server's work goes. */
export interface ServerStatus {
  readonly role: "server";
  /** Where it waits for clients. */
  readonly places: readonly Endpoint[];
  /** Peers in its settings, and those of them that are let in now. */
  readonly peers: number;
  readonly admitted: number;
  /** Hosts that peers are known by and whose address is not found. */
  readonly missingHosts: readonly string[];
}

/** How a client's work goes. */
export interface ClientStatus {
  readonly role: "client";
  readonly remote: Endpoint;
  readonly answers: Answers;
}

/** How a daemon's work goes. */
export type Status = ServerStatus | ClientStatus;

/** Words for a status, in one line. */
export function describeStatus(status: Status): string {
  return status.role === "server" ? describeServer(status) : describeClient(status);
}

function describeServer({ places, peers, admitted, missingHosts: [first, ...more] }: ServerStatus): string {
  const where = places.map(formatEndpoint).join(", ");
  const others = more.length === 0 ? "" : ` and ${more.length} more`;
  const shortage = first === undefined ? "" : `; cannot find ${first}${others}`;
  return `waiting for clients at ${where}; ${admitted} of ${peers} peers admitted${shortage}`;
}

function describeClient({ remote, answers }: ClientStatus): string {
  const server = formatEndpoint(remote);
  switch (answers) {
    case "unknown":
      return `tunnel to ${server} set up`;
    case "accepted":
      return `accepted by ${server}`;
    case "no answer":
      return `no answer from ${server}`;
  }
}
