/** Version of what `ipipou doctor --json` prints. It grows when a field is gone or means something else, not with new ones. */
export const DOCTOR_VERSION = 1;

/**
 * How much something matters:
 *
 * - fault: it keeps a tunnel from working
 * - warning: it can lose data or a tunnel, or costs something
 * - unseen: it could not be looked at
 * - ok: it was looked at, and is as it should be
 */
export type Level = "fault" | "warning" | "unseen" | "ok";

/** What a finding is about. */
export type Topic =
  | "settings"
  | "instance"
  | "tunnel"
  | "server"
  | "mtu"
  | "firewall"
  | "offloads"
  | "nat"
  | "modules"
  | "tools"
  | "libraries"
  | "capabilities"
  | "clock"
  | "port"
  | "ipip"
  | "reverse path"
  | "forwarding";

/** Something that was looked at. */
export interface Finding {
  readonly topic: Topic;
  readonly level: Level;
  /** What is so. */
  readonly what: string;
  /** Why that matters; null: it is as it should be. */
  readonly why: string | null;
  /** What to do, a command where there is one; null: nothing. */
  readonly cure: string | null;
}

/** What is said of one part of the system: of the host, or of an instance. */
export interface Examined {
  /** NAME of /etc/ipipou/NAME.toml, or the file's path; null: the host. */
  readonly instance: string | null;
  /** What the instance is, in words; "" where that is not known. */
  readonly about: string;
  readonly findings: readonly Finding[];
}

/** It is as it should be. */
export function fine(topic: Topic, what: string): Finding {
  return { topic, level: "ok", what, why: null, cure: null };
}

/** It could not be looked at. */
export function unseen(topic: Topic, what: string, why: string, cure: string | null = null): Finding {
  return { topic, level: "unseen", what, why, cure };
}
