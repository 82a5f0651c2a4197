import { basename, dirname } from "node:path";
import type { IpDevice } from "../listing.ts";
import type { TrafficCounts } from "../kernel_ports.ts";
import { LateError } from "../status/lines.ts";
import {
  type InstanceStatus,
  type Report,
  STATUS_VERSION,
  type TunnelStatus,
  type Verdict,
} from "../status/snapshot.ts";
import type { StatusSystem } from "./status_system.ts";

/** A socket where an instance should answer, and did not. */
export interface Unasked {
  readonly path: string;
  readonly why: string;
  readonly kind: "late" | "forbidden" | "other";
}

const FORBIDDEN_CURE = "ask as root, or as one of its folder's group";

/** Makes what is known of a socket from an error in asking there. */
export function unaskedAt(path: string, error: Error): Unasked {
  const kind = error instanceof LateError
    ? "late"
    : error instanceof Deno.errors.PermissionDenied
    ? "forbidden"
    : "other";
  return { path, why: error.message, kind };
}

/** Says it in one line. */
export function describeUnasked({ path, why, kind }: Unasked): string {
  return `Cannot ask ${path}: ${why}${kind === "forbidden" ? `; ${FORBIDDEN_CURE}` : ""}`;
}

/**
 * Reports instances of this network namespace that do not answer: what the kernel has of them, and whether a process
 * runs them. In another network namespace one of the same name may answer.
 *
 * @param name of the only one that is wanted, or of its file; null: all are
 */
export function reportUnanswered(
  name: string | null,
  answered: readonly Report[],
  unasked: readonly Unasked[],
  system: StatusSystem,
): Report[] {
  const { standing, holderOf } = system;
  const devices = standing();
  const answers = (instance: string) =>
    answered.some((report) =>
      report.instance.name === instance && report.instance.pid === holderOf(instance)
    );
  const wanted = name === null ? null : namesOf(name, system);
  const labels = wanted ?? unasked.flatMap(({ path }) => namesOf(labelOf(path), system));
  const running = labels.filter((each) => holderOf(each) !== null);
  const left = [...devices.keys()].filter((each) => wanted?.includes(each) ?? true);
  const unanswered = new Set([...left, ...running].filter((each) => !answers(each)));
  return Array.from(unanswered, (instance) => {
    const own = devices.get(instance) ?? [];
    const verdict = judge(instance, name, unasked, system);
    return {
      instance: instanceStatus(instance, verdict, own.length > 1),
      tunnels: own.map((device) => tunnelStatus(device, verdict, system.countsOf(device.ifname))),
    };
  });
}

/** Names that an instance may have which is called so, or whose file is. */
function namesOf(word: string, { instanceOf }: StatusSystem): string[] {
  const instance = instanceOf(word);
  return instance === null || instance === word ? [word] : [instance, word];
}

/** An instance's socket is in a folder of its file's name, or of its own. @param path of the socket */
function labelOf(path: string): string {
  return basename(dirname(path));
}

/** An instance that does not answer, and the process that runs it, if there is one. */
interface Unanswered {
  readonly pid: number | null;
  readonly verdict: Verdict;
}

function judge(
  name: string,
  asked: string | null,
  unasked: readonly Unasked[],
  system: StatusSystem,
): Unanswered {
  const pid = system.holderOf(name);
  if (pid === null) {
    const why = "no process runs it in this network namespace: this is what the kernel has";
    const cure = `start it, or remove this: ipipou cleanup ${identifierOf(name, asked, system)}`;
    return { pid, verdict: { state: "not running", ok: false, why, cure } };
  }
  const there = socketOf(name, unasked, system);
  const why = `process ${pid} runs it: ${there?.why ?? "it has no socket to be asked at"}`;
  return { pid, verdict: { state: "not answering", ok: false, why, cure: cureOf(pid, there) } };
}

/** What tells `ipipou cleanup` which instance is meant: its file, if one is known, or options. */
function identifierOf(name: string, asked: string | null, { sockets, instanceOf }: StatusSystem): string {
  const words = [...asked === null ? [] : [asked], ...sockets().map(labelOf)];
  const file = words.find((word) => instanceOf(word) === name);
  const [, number] = /^ipipou(\d+)$/.exec(name) ?? [];
  return file ?? (number === undefined ? `--tunl-dev ${name}` : `-n ${number}`);
}

/** The socket of an instance: in a folder that is called so, or in one that is called like nothing that runs. */
function socketOf(name: string, unasked: readonly Unasked[], system: StatusSystem): Unasked | undefined {
  const isStrange = (word: string) => system.holderOf(word) === null;
  return unasked.find(({ path }) => namesOf(labelOf(path), system).includes(name)) ??
    unasked.find(({ path }) => namesOf(labelOf(path), system).every(isStrange));
}

function cureOf(pid: number, there: Unasked | undefined): string | null {
  if (there?.kind === "forbidden") return FORBIDDEN_CURE;
  if (there === undefined) return "what it logged at its start says why";
  if (there.kind !== "late") return null;
  return `if it stays so: kill -9 ${pid}, and start it again, which takes over what is here`;
}

function instanceStatus(name: string, { pid, verdict }: Unanswered, hub: boolean): InstanceStatus {
  return {
    ...{ version: STATUS_VERSION, name, config: null, role: null, source: "kernel", ...verdict },
    ...{
      pid,
      release: null,
      uptime: null,
      time: null,
      local: [],
      dev: null,
      hub,
      heals: null,
      refused: null,
      "reload_failed": null,
    },
  };
}

function tunnelStatus(
  { ifname, mtu, addr_info: [inner], linkinfo }: IpDevice,
  { verdict: { state } }: Unanswered,
  counts: TrafficCounts | null,
): TunnelStatus {
  const { local, remote, encap } = linkinfo?.info_data ?? {};
  const isParked = remote?.startsWith("0.") ?? true;
  const place = (address: string | undefined, port: number | undefined) =>
    isParked || address === undefined || port === undefined ? null : { address, port };
  return {
    ...{ name: ifname, ifname, state, ok: false, why: null, cure: null },
    ...{ address: inner?.local ?? "", peer: inner?.address ?? "", mtu, private: null },
    ...{ local: place(local, encap?.sport), remote: place(remote, encap?.dport) },
    ...{ "auth_age": null, "reply_age": null, "received_age": null, "expires_in": null },
    ...{ moves: null, sharing: 0, "shares_with": [] },
    stats64: counts === null ? null : {
      rx: { bytes: counts.receivedBytes, packets: counts.received },
      tx: { bytes: counts.sentBytes, packets: counts.sent },
    },
  };
}
