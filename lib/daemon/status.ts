import type { ReplyState } from "../client.ts";
import { type Endpoint, formatEndpoint } from "../packet.ts";

export interface ServerStatus {
  readonly role: "server";
  readonly places: readonly Endpoint[];
  /** Number of peers in its settings, and of those let in now. */
  readonly peers: number;
  readonly admitted: number;
  /** Hosts that identify peers and are not found. */
  readonly missingHosts: readonly string[];
  /** What keeps it from working; null: nothing that is known. */
  readonly problem: string | null;
}

export interface ClientStatus {
  readonly role: "client";
  readonly remote: Endpoint;
  readonly replyState: ReplyState;
  /** What keeps it from working; null: nothing that is known. */
  readonly problem: string | null;
}

export type Status = ServerStatus | ClientStatus;

/** Describes a status in one line. */
export function describeStatus(status: Status): string {
  const line = status.role === "server" ? describeServer(status) : describeClient(status);
  return status.problem === null ? line : `${status.problem}; ${line}`;
}

function describeServer({ places, peers, admitted, missingHosts: [first, ...more] }: ServerStatus): string {
  const where = places.map(formatEndpoint).join(", ");
  const others = more.length === 0 ? "" : ` and ${more.length} more`;
  const shortage = first === undefined ? "" : `; cannot find ${first}${others}`;
  return `waiting for clients at ${where}; ${admitted} of ${peers} peers admitted${shortage}`;
}

function describeClient({ remote, replyState }: ClientStatus): string {
  const server = formatEndpoint(remote);
  switch (replyState) {
    case "unknown":
      return `tunnel to ${server} set up`;
    case "accepted":
      return `accepted by ${server}`;
    case "no reply":
      return `no reply from ${server}`;
  }
}
