import type { Knowledge, ReplyState } from "../client.ts";
import type { Faults } from "../kernel/kernel.ts";
import { type Endpoint, formatEndpoint } from "../packet.ts";

export interface ServerStatus {
  readonly role: "server";
  readonly places: readonly Endpoint[];
  /** Number of peers in its settings, and of those let in now. */
  readonly peers: number;
  readonly admitted: number;
  /** Hosts that identify peers and are not found. */
  readonly missingHosts: readonly string[];
  /** Why some peers are kept out, by name. */
  readonly faults: Faults;
  /** Peers that are let in, and from which nothing came for as long as the settings say. */
  readonly silent: readonly string[];
  /** What keeps it from working; null: nothing that is known. */
  readonly problem: string | null;
}

export interface ClientStatus {
  readonly role: "client";
  readonly remote: Endpoint;
  readonly replyState: ReplyState;
  readonly expectsReplies: boolean;
  readonly knowledge: Knowledge;
  /** What keeps it from working; null: nothing that is known. */
  readonly problem: string | null;
}

export type Status = ServerStatus | ClientStatus;

/** Describes a status in one line. */
export function describeStatus(status: Status): string {
  const line = status.role === "server" ? describeServer(status) : describeClient(status);
  return status.problem === null ? line : `${status.problem}; ${line}`;
}

function describeServer({ places, peers, admitted, missingHosts, faults, silent }: ServerStatus): string {
  const where = places.map(formatEndpoint).join(", ");
  const shortage = missingHosts.length === 0 ? "" : `; cannot find ${firstOf(missingHosts)}`;
  const [fault] = faults.values();
  const trouble = fault === undefined ? "" : `; kept out: ${firstOf([...faults.keys()])}: ${fault.message}`;
  const silence = silent.length === 0 ? "" : `; nothing comes from ${firstOf(silent)}`;
  return `waiting for clients at ${where}; ${admitted} of ${peers} peers admitted${shortage}${trouble}${silence}`;
}

function firstOf([first, ...more]: readonly string[]): string {
  return more.length === 0 ? first! : `${first} and ${more.length} more`;
}

function describeClient({ remote, replyState, expectsReplies }: ClientStatus): string {
  const server = formatEndpoint(remote);
  switch (replyState) {
    case "unknown":
      return `tunnel to ${server} set up${expectsReplies ? ", not yet accepted" : ""}`;
    case "accepted":
      return `accepted by ${server}`;
    case "no reply":
      return `no reply from ${server}`;
  }
}
