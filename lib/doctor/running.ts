import type { Refusal } from "../refusals.ts";
import { showDuration, showPlace } from "../status/format.ts";
import type { InstanceStatus, Report, State, TunnelStatus } from "../status/snapshot.ts";
import { CURES } from "../status/verdict.ts";
import { type Finding, fine, unseen } from "./finding.ts";
import { may, parseRights } from "./rights.ts";

/** What was seen of the running instance. */
export interface RunningFacts {
  readonly name: string;
  /** Null: none runs, and none left anything. */
  readonly report: Report | null;
  /** Why it could not be asked; null: it could. */
  readonly problem: string | null;
  /** /proc/PID/status of its process; null: unseen. */
  readonly processStatus: string | null;
}

/** States of a server's peer that just does not come. */
const AWAY: readonly State[] = ["waiting", "parked"];
/** Most tunnels that are named one by one. */
const MOST_NAMED = 8;

/** Seconds in which a client that is refused has come again, also after its longest pause. */
const FRESH = 600;

/** Judges what the running instance says of itself. */
export function judgeRunning({ name, report, problem, processStatus }: RunningFacts): Finding[] {
  if (problem !== null) return [unseen("instance", `${name} cannot be asked`, problem)];
  if (report?.instance.state === "not answering") return [judgeUnanswered(name, report)];
  if (report === null || report.instance.source === "kernel") {
    const what = report === null
      ? "it does not run"
      : "it does not run, and what it left stands in the kernel";
    return [{
      ...{ topic: "instance", level: "fault", what, why: "nobody authenticates, or looks after the tunnel" },
      cure: `start it: ${byUnit(name, "systemctl start")}ipipou --config ${name}`,
    }];
  }
  const { instance, tunnels } = report;
  const state = instance.why === null ? instance.state : `${instance.state}: ${instance.why}`;
  return [
    instance.ok ? fine("instance", `it runs as process ${instance.pid}`) : {
      ...{ topic: "instance", level: "fault", what: state, why: consequenceFor(tunnels) },
      cure: instance.cure ?? (isOfUnit(name) ? `see its log: journalctl -u ipipou@${name}` : "see its log"),
    },
    ...judgeReload(name, instance),
    ...judgeProcess(processStatus),
    ...judgeRefused(instance, tunnels),
    ...judgeTunnels(tunnels),
  ];
}

/** What an instance's trouble means: what stands in the kernel needs no process. */
function consequenceFor(tunnels: readonly TunnelStatus[]): string {
  return tunnels.some(({ state }) => state === "up")
    ? "tunnels that stand may go on, and nobody looks after them until then"
    : "no tunnel works until then";
}

/** The unit runs NAME of /etc/ipipou/NAME.toml; any other file is known by its path. */
function isOfUnit(name: string): boolean {
  return !name.includes("/");
}

function byUnit(name: string, command: string): string {
  return isOfUnit(name) ? `${command} ipipou@${name}, or ` : "";
}

function judgeReload(name: string, { pid, reload_failed: failed }: InstanceStatus): Finding[] {
  if (failed === null) return [];
  return [{
    ...{ topic: "instance", level: "warning" } as const,
    what: `the last reload failed, ${showDuration(failed.age)} ago: ${failed.why}`,
    why: "the settings from before it are in use",
    cure: `mend that, and reload: ${byUnit(name, "systemctl reload")}kill -HUP ${pid}`,
  }];
}

/** Leaves the cure of a client's tunnel to what was found of its server: the tunnel only shows what that brings about. */
export function deferToServer(running: readonly Finding[], others: readonly Finding[]): Finding[] {
  if (!others.some(({ topic, level }) => topic === "server" && level === "fault")) return [...running];
  return running.map((finding) =>
    finding.topic === "tunnel" && finding.level === "fault"
      ? { ...finding, cure: "see server, below" }
      : finding
  );
}

/** Whose proof is wrong cannot be told, so it is said of the instance, and only while some peer may be the one. */
function judgeRefused({ refused }: InstanceStatus, tunnels: readonly TunnelStatus[]): Finding[] {
  const last = refused?.last ?? null;
  if (last === null || last.age > FRESH || !tunnels.some(({ state }) => AWAY.includes(state))) return [];
  return [{
    ...{ topic: "tunnel", level: "warning" } as const,
    what: `auth packets are refused, the last ${showDuration(last.age)} ago from ${
      showPlace(last)
    }: ${last.why}`,
    why: "if that is a client of this server, it does not get in",
    cure: CURES[last.why as Refusal] ?? "see the log, which says more",
  }];
}

/** A process that hangs is told from one that just cannot be asked by the cure. */
function judgeUnanswered(name: string, { instance: { state, why, cure } }: Report): Finding {
  if (cure === null) return unseen("instance", `${name} cannot be asked`, why!);
  return {
    ...{ topic: "instance", level: "fault", what: `${state}: ${why}` },
    ...{ why: "perhaps nobody authenticates, or looks after the tunnel", cure },
  };
}

function judgeProcess(status: string | null): Finding[] {
  // It may be in a container, and another process have its number here.
  if (status === null || !/^Name:\s+ipipou$/m.test(status)) return [];
  const rights = parseRights(status);
  const lacking = (["CAP_NET_ADMIN", "CAP_NET_RAW"] as const).filter((name) => !may(rights, name));
  if (lacking.length === 0) return [];
  return [{
    ...{ topic: "capabilities", level: "fault", what: `the running process has no ${lacking.join(" and ")}` },
    why: "it cannot change tunnels, or send auth packets",
    cure: "run it as root, or give its service both",
  }];
}

function judgeTunnels(tunnels: readonly TunnelStatus[]): Finding[] {
  const off = tunnels.filter(({ ok }) => !ok);
  const quiet = tunnels.filter(({ ok, state }) => ok && state !== "up").length;
  const up = tunnels.length - off.length - quiet;
  const { away = [], wrong = [] } = Object.groupBy(
    off,
    ({ state }) => AWAY.includes(state) ? "away" : "wrong",
  );
  const names = away.slice(0, MOST_NAMED).map(({ name, state }) => `${name} (${state})`);
  const whose = tunnels.length === 1 ? "the only peer" : `${away.length} of ${tunnels.length} peers`;
  return [
    ...up === 0 ? [] : [fine("tunnel", up === 1 ? "1 is up" : `${up} are up`)],
    ...quiet === 0
      ? []
      : [fine("tunnel", `${quiet} ${quiet === 1 ? "is" : "are"} let in, and no data has come yet`)],
    ...wrong.slice(0, MOST_NAMED).map(judgeTunnel),
    ...wrong.length <= MOST_NAMED ? [] : [{
      ...{ topic: "tunnel", level: "fault", what: `${wrong.length - MOST_NAMED} more are not up` } as const,
      ...{ why: "no data gets through", cure: "ipipou status shows all" },
    }],
    ...away.length === 0 ? [] : [{
      ...{ topic: "tunnel", level: "warning" } as const,
      what: `not here: ${whose}: ${names.join(", ")}${away.length > names.length ? " …" : ""}`,
      why: "the client does not run, cannot reach this host, or is refused",
      cure: "start the client; if it runs, ipipou doctor there",
    }],
  ];
}

function judgeTunnel({ name, state, why, cure }: TunnelStatus): Finding {
  return {
    topic: "tunnel",
    level: state === "authenticating" ? "warning" : "fault",
    what: `${name}: ${state}`,
    why: why ?? "no data gets through",
    cure: cure ??
      (state === "faulty" ? "mend that; the log here says when it is over" : "see the log of both sides"),
  };
}
