import type { Admission } from "../admission.ts";
import type { Knowledge, ReplyState } from "../client.ts";
import type { Faults } from "../kernel/kernel.ts";
import type { Outside } from "../kernel/member.ts";
import type { TrafficCounts } from "../kernel_ports.ts";
import type { Endpoint } from "../packet.ts";
import type { Settings } from "../settings/settings.ts";
import type { Liveness } from "./liveness.ts";
import type { PeerHistory } from "./peer_history.ts";

/** What a server knows of itself and its peers, as it is now. */
export interface ServerView {
  readonly role: "server";
  readonly settings: Settings;
  readonly outside: Outside;
  /** Addresses of the hosts that identify peers, as far as they are found. */
  readonly hosts: ReadonlyMap<string, string>;
  readonly admissions: ReadonlyMap<string, Admission>;
  readonly faults: Faults;
  readonly liveness: Pick<Liveness, "silent" | "heardAt">;
  readonly history: PeerHistory;
  /** What keeps it from working; null: nothing that is known. */
  readonly problem: string | null;
}

/** What a client knows of itself and its server, as it is now. */
export interface ClientView {
  readonly role: "client";
  /** With the UDP port in use. */
  readonly settings: Settings;
  readonly outside: Outside;
  readonly remote: Endpoint;
  readonly replyState: ReplyState;
  readonly knowledge: Knowledge;
  /** What came out of its tunnel without replies, and went into it; null: it has no device. */
  readonly data: TrafficCounts | null;
  readonly moves: number;
  readonly problem: string | null;
  /** Whether it cannot send auth packets. */
  readonly isMute: boolean;
}

export type View = ServerView | ClientView;
