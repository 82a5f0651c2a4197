import { isDeepStrictEqual } from "node:util";
import type { Log } from "../log.ts";
import type { LogEvent } from "../log_events.ts";
import { KEY_SETS } from "./gate_names.ts";
import type { Gate, KernelState, Tunnel } from "./state.ts";

/** Within this time the same loss is told so often at most, then only after so many milliseconds. */
const PERIOD_MILLISECONDS = 60_000;
const MOST_LINES = 3;
const PAUSE_MILLISECONDS = 30_000;

const GATE = "the gate";
const GATE_GONE = "the gate is gone from nftables";

/** What others changed of ours, in words. */
interface Loss {
  /** What is lost, such as "the gate" or "device tun1". */
  readonly what: string;
  /** The same for programs, and how many of the kind are lost. */
  readonly pairs: { readonly what: string; readonly name?: string; readonly count: number };
  /** The line for a single event. */
  readonly line: string;
}

/** Tells the log what others took from an instance: one line for each event, and few about a fight. */
export class Losses {
  readonly #log: Log;
  /** When each thing was lost lately, and when the log was last told. */
  readonly #events = new Map<string, { times: number[]; toldAt: number }>();
  /** What is lost and not restored yet. */
  readonly #open = new Set<string>();
  #restored = 0;
  #isUnsure = false;
  #isClosedTold = false;

  constructor(log: Log) {
    this.#log = log;
  }

  /** How many things were put back. */
  get restored(): number {
    return this.#restored;
  }

  /**
   * Tells what of the result of our last change is gone or no longer as it was, though it is still wanted.
   *
   * @param now milliseconds of `Clock.now()`
   */
  tell(observed: KernelState, written: KernelState | null, desired: KernelState, now: number): void {
    if (written === null || observed === written) return;
    for (const { what, pairs, line } of lossesOf(observed, written, desired)) {
      if (this.#open.has(what) || this.#isUnsure && line !== GATE_GONE) continue;
      this.#open.add(what);
      const count = this.#count(what, now);
      if (count === null) continue;
      if (count < MOST_LINES) {
        this.#log.warning(`${line}: restoring it`, { event: "restoring", ...pairs });
      } else {
        const fight = `another program removes or changes ${what} again and again`;
        const event: LogEvent = { event: "fight", ...pairs, count };
        this.#log.warning(`${fight}: ${count} times in the last minute: restoring it each time`, event);
      }
    }
  }

  /** Tells of FOU ports that were closed because the gate is away, as rarely as of losses. @param ports as `listenerKey` */
  tellClosed(reason: string, ports: readonly string[], now: number): void {
    const what = "the FOU ports";
    this.#isClosedTold = this.#count(what, now) !== null;
    if (this.#isClosedTold) {
      this.#log.warning(`${reason}: ${ports.join(", ")}`, { event: "ports-closed", local: ports.join(",") });
    }
  }

  /** Tells that they are open again, if the log was told that they were closed. */
  tellOpen(line: string): void {
    if (this.#isClosedTold) this.#log.notice(line, { event: "ports-opened" });
    this.#isClosedTold = false;
  }

  /** What is wanted was established. */
  handleChange(): void {
    this.#restored += this.#open.size;
    this.#open.clear();
    this.#isUnsure = false;
  }

  /** A change failed half way: what is missing now may have been removed by it. */
  handleFailure(): void {
    this.#isUnsure = true;
  }

  /** How often something was lost in the last minute; null: not to be told this time. */
  #count(what: string, now: number): number | null {
    const { times, toldAt } = this.#events.get(what) ?? { times: [], toldAt: -Infinity };
    const lately = [...times.filter((time) => time > now - PERIOD_MILLISECONDS), now];
    const isTold = lately.length <= MOST_LINES || now - toldAt >= PAUSE_MILLISECONDS;
    this.#events.set(what, { times: lately, toldAt: isTold ? now : toldAt });
    return isTold ? lately.length : null;
  }
}

function lossesOf(observed: KernelState, written: KernelState, desired: KernelState): Loss[] {
  const gate = gateLoss(observed.gate, written.gate);
  const kept = [...written.tunnels.values()].filter(({ name }) => desired.tunnels.has(name));
  const devices = kept.map((tunnel) => [tunnel.name, observed.tunnels.get(tunnel.name), tunnel] as const);
  const gone = devices.filter(([, found]) => found === undefined).map(([name]) => name);
  const changed = devices.filter(([name, found, tunnel]) =>
    found !== undefined && !isSame(found, tunnel) && !isSame(found, desired.tunnels.get(name)!)
  ).map(([name]) => name);
  const missing = <T>(of: (state: KernelState) => ReadonlyMap<string, T>) =>
    [...of(written).keys()].filter((key) => of(desired).has(key) && !of(observed).has(key));
  return [
    ...(gate === null || desired.gate === null
      ? []
      : [{ what: GATE, pairs: { what: "gate", count: 1 }, line: gate }]),
    ...lossOf("device", gone, ["gone", "gone"]),
    ...lossOf("device", changed, ["no longer as it was", "no longer as they were"]),
    ...lossOf("FOU port", missing(({ listeners }) => listeners), ["gone", "gone"]),
    ...lossOf("private address", missing(({ altAddresses }) => altAddresses), ["gone", "gone"]),
  ];
}

function lossOf(
  kind: string,
  [first, ...others]: readonly string[],
  [one, several]: readonly [string, string],
): Loss[] {
  if (first === undefined) return [];
  const what = `${kind} ${first}`;
  const line = others.length === 0 ? `${what} is ${one}` : `${what} and ${others.length} more are ${several}`;
  const pairs = { what: kind.toLowerCase().replace(" ", "-"), name: first, count: others.length + 1 };
  return [{ what, pairs, line }];
}

function gateLoss(observed: Gate | null, written: Gate | null): string | null {
  if (written === null) return null;
  if (observed === null) return GATE_GONE;
  // What has a timeout may be gone by itself.
  const isComplete = written.remotes.entries().every(([key, remote]) =>
    remote.expiresAt !== null || observed.remotes.has(key)
  );
  const isWhole = observed.fingerprint === written.fingerprint && observed.mark === written.mark &&
    isComplete && new Set(observed.remotes.keys()).isSubsetOf(new Set(written.remotes.keys())) &&
    KEY_SETS.every((set) => isDeepStrictEqual(observed[set], written[set]));
  return isWhole ? null : "the gate in nftables is no longer as it was";
}

/** Whether a tunnel is as it was. An MTU set by hand is not ours, nor are routes that others added. */
function isSame(found: Tunnel, tunnel: Tunnel): boolean {
  const traits = ({ remote, local, header, fwmark, link, inner, up, alias }: Tunnel) => (
    { remote, local, header, fwmark, link, inner, up, alias }
  );
  return tunnel.routes.every((route) => found.routes.includes(route)) &&
    isDeepStrictEqual(traits(found), traits(tunnel));
}
