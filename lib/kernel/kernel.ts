import type { Admission } from "../gate.ts";
import { monotonicTime } from "../clock.ts";
import type { IpipouError } from "../errors.ts";
import type { Settings } from "../settings/settings.ts";
import type { Log } from "../log.ts";
import { desiredState } from "./desired.ts";
import { recallExpiry } from "./expiry.ts";
import { Instance } from "./instance.ts";
import { describeLeftovers } from "./leftovers.ts";
import type { Outside } from "./member.ts";
import { type News, Vigil } from "./news.ts";
import type { Identity } from "./observe.ts";
import { planTransition } from "./plan.ts";
import type { Runner } from "./runner.ts";
import type { KernelState, Observed } from "./state.ts";

/** Least milliseconds between two looks at whether what was in the way of a tunnel is gone. */
const LOOK_INTERVAL_MILLISECONDS = 10_000;

/** By what one instance deals with the kernel. */
interface Access {
  readonly runner: Runner;
  /** As an {@linkcode Instance} takes it. */
  readonly lock: () => Promise<Disposable>;
  readonly news: News;
  readonly log: Log;
}

/**
 * The kernel's side of one instance. Every change goes one way: what should be is derived from the settings and
 * from who is admitted, what is was observed or is known from the last change, and the difference is applied.
 */
export class Kernel {
  readonly #runner: Runner;
  readonly #lock: () => Promise<Disposable>;
  readonly #log: Log;
  #settings: Settings;
  #identity: Identity;
  #instance: Instance;
  /** Null when it must be looked at anew: before the first change, and after one that failed. */
  #observed: Observed | null = null;
  #observedAt = -Infinity;
  /** What the last change that succeeded led to. */
  #known: KernelState | null = null;
  /** Whether something is in the way of a tunnel. */
  #isHindered = false;
  /** Whether it has, or had, routes. */
  #hasRoutes: boolean;
  /** What of what was observed may be the case no more; `changes`: what others are known to have changed. */
  #stale: "nothing" | "changes" | "all" = "nothing";
  readonly #vigil: Vigil;

  constructor(settings: Settings, { runner, lock, news, log }: Access) {
    this.#settings = settings;
    this.#runner = runner;
    this.#lock = lock;
    this.#log = log;
    this.#vigil = new Vigil(news, settings.mode === "server");
    this.#identity = identityOf(settings);
    this.#hasRoutes = hasRoutes(settings);
    this.#instance = this.#newInstance();
  }

  /**
   * From here on, what should be follows from these settings; mode, name and table must be the same. The next change
   * begins with a look.
   */
  configure(settings: Settings): void {
    this.#stale = this.#stale === "all" || this.#saysMore(settings) ? "all" : "changes";
    this.#settings = settings;
    const { devices, ports, ...identity } = identityOf(settings);
    // What was ours before stays recognizable, for as long as it is not removed.
    this.#identity = {
      ...identity,
      devices: devices.union(this.#identity.devices),
      ports: ports.union(this.#identity.ports),
    };
    this.#hasRoutes ||= hasRoutes(settings);
    this.#instance = this.#newInstance();
  }

  /** What is in the kernel may have changed behind our back: whoever needs it next looks at all of it. */
  forget(): void {
    this.#stale = "all";
  }

  /** Looks at what is in the kernel, also if it is known. @throws {IpipouError} when `ip` or `nft` cannot tell */
  async look(): Promise<Observed> {
    return await this.#instance.look();
  }

  /** Looks at what is in the kernel, unless it is known. @throws {IpipouError} when `ip` or `nft` cannot tell */
  async observe(): Promise<Observed> {
    const known = this.#observed;
    const stale = this.#stale;
    if (known !== null && stale === "nothing") return known;
    this.#stale = "nothing";
    this.#observed = null;
    this.#observedAt = monotonicTime();
    if (known !== null && stale === "changes" && this.#vigil.isUndisturbed()) {
      return this.#observed = await this.#instance.lookAtFou(known);
    }
    this.#vigil.begin();
    const found = await this.#instance.look();
    return this.#observed = { ...found, own: recallExpiry(found.own, this.#known) };
  }

  /** Tells of what was there before the first change and is left: a line each. @throws {IpipouError} as `observe()` */
  async leftovers(outside: Outside): Promise<string[]> {
    const { mode, nft, local, firstAltIp, peers } = this.#settings;
    const alts = mode === "server" ? [firstAltIp, ...peers.flatMap(({ altIp }) => altIp ?? [])] : [];
    const use = { table: nft.table, ports: local.ports, alts: new Set(alts) };
    return describeLeftovers(await this.observe(), outside, use);
  }

  /**
   * Brings the kernel to what follows from `admissions`. When a step fails the rest is left, and the next call
   * begins with a look at what there is.
   *
   * @returns why, by peer name, some tunnels cannot be made: others' things are in their way; all else is done
   * @throws {IpipouError} naming the command that failed
   */
  async apply(
    outside: Outside,
    admissions: ReadonlyMap<string, Admission>,
  ): Promise<ReadonlyMap<string, IpipouError>> {
    const isOld = monotonicTime() - this.#observedAt > LOOK_INTERVAL_MILLISECONDS;
    if (this.#isHindered && isOld) this.forget();
    const observed = await this.observe();
    const now = monotonicTime();
    const { state, faults } = desiredState(this.#settings, outside, admissions, observed, now);
    const hadGate = this.#known !== null && this.#known.gate !== null;
    if (hadGate && observed.own.gate === null) {
      this.#log.warning("the gate is gone from nftables: putting it back");
    }
    this.#observed = null;
    const plan = planTransition(observed.own, state, observed.unusedGroup, now);
    this.#vigil.weChange(plan);
    await this.#instance.carryOut(plan);
    this.#vigil.weChanged(observed.own, state, plan);
    this.#observed = { ...observed, own: state };
    this.#known = state;
    this.#isHindered = faults.size > 0;
    return faults;
  }

  /** Removes everything of this instance that is there now. @throws {IpipouError} with exit code 200 */
  async remove(): Promise<void> {
    this.#observed = null;
    await this.#instance.remove();
  }

  /** Tells whether what was found may mean something else to these settings. */
  #saysMore(settings: Settings): boolean {
    const [known, next] = [this.#identity, identityOf(settings)];
    const isTaken = (name: string) => !known.devices.has(name) && this.#observed?.foreign.devices.has(name);
    return known.queue !== next.queue || !next.ports.isSubsetOf(known.ports) ||
      next.devices.values().some(isTaken) || hasRoutes(settings) && !this.#hasRoutes;
  }

  #newInstance(): Instance {
    const nft = this.#settings.mode === "server" ? "needed" : "none";
    const surroundings = { nft, routes: this.#hasRoutes, needsFou: true } as const;
    return new Instance(this.#identity, surroundings, this.#runner, this.#lock);
  }
}

/** By what an instance of these settings knows its own. */
export function identityOf(settings: Settings): Identity {
  const { peers, nft, local, queue } = settings;
  return {
    name: settings.name,
    table: nft.table,
    devices: new Set(peers.map((peer) => peer.tunnel.device)),
    ports: new Set(local.ports),
    queue: queue.number,
  };
}

function hasRoutes({ peers }: Settings): boolean {
  return peers.some(({ routes }) => routes.length > 0);
}
