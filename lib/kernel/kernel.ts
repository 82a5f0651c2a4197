import type { Admission } from "../gate.ts";
import { monotonicTime } from "../clock.ts";
import { EXIT, IpipouError } from "../errors.ts";
import type { Settings } from "../settings/settings.ts";
import { desiredState, instanceName, type Outside } from "./desired.ts";
import { Instance } from "./instance.ts";
import type { Identity } from "./observe.ts";
import { planTransition } from "./plan.ts";
import type { Runner } from "./runner.ts";
import type { Observed } from "./state.ts";

/**
 * The kernel's side of one instance. Every change goes one way: what should be is derived from the settings and
 * from who is admitted, what is was observed or is known from the last change, and the difference is applied.
 */
export class Kernel {
  readonly #runner: Runner;
  readonly #lock: () => Promise<Disposable>;
  #settings: Settings;
  #identity: Identity;
  #instance: Instance;
  /** Null when it must be looked at anew: before the first change, and after one that failed. */
  #observed: Observed | null = null;
  /** Whether what was observed may be the case no more. */
  #isStale = false;

  /** @param lock waits for, and takes, what all instances of a network namespace share: the right to its table */
  constructor(settings: Settings, runner: Runner, lock: () => Promise<Disposable>) {
    this.#settings = settings;
    this.#runner = runner;
    this.#lock = lock;
    this.#identity = identityOf(settings);
    this.#instance = this.#newInstance();
  }

  /**
   * From here on, what should be follows from these settings; mode, name and table must be the same. The next change
   * begins with a look.
   */
  configure(settings: Settings): void {
    this.forget();
    this.#settings = settings;
    const { devices, alts, ...identity } = identityOf(settings);
    // What was ours before stays recognizable, for as long as it is not removed.
    this.#identity = {
      ...identity,
      devices: devices.union(this.#identity.devices),
      alts: alts.union(this.#identity.alts),
    };
    this.#instance = this.#newInstance();
  }

  /** What is in the kernel may have changed behind our back: whoever needs it next looks. */
  forget(): void {
    this.#isStale = true;
  }

  /** Looks at what is in the kernel, also if it is known. @throws {IpipouError} when `ip` or `nft` cannot tell */
  async look(): Promise<Observed> {
    return await this.#instance.look();
  }

  /** Looks at what is in the kernel, unless it is known. @throws {IpipouError} when `ip` or `nft` cannot tell */
  async observe(): Promise<Observed> {
    if (this.#isStale) this.#observed = null;
    this.#isStale = false;
    this.#observed ??= await this.#instance.look();
    return this.#observed;
  }

  /**
   * Brings the kernel to what follows from `admissions`. When a step fails the rest is left, and the next call
   * begins with a look at what there is.
   *
   * @throws {IpipouError} naming the command that failed
   */
  async apply(outside: Outside, admissions: ReadonlyMap<string, Admission>): Promise<void> {
    const observed = await this.observe();
    const now = monotonicTime();
    const desired = desiredState(this.#settings, outside, admissions, observed, now);
    for (const name of desired.tunnels.keys()) this.#refuseForeignDevice(name, observed);
    this.#observed = null;
    await this.#instance.carryOut(planTransition(observed.own, desired, now));
    this.#observed = { ...observed, own: desired };
  }

  /** Removes everything of this instance that is there now. @throws {IpipouError} with exit code 200 */
  async remove(): Promise<void> {
    this.#observed = null;
    await this.#instance.remove();
  }

  #refuseForeignDevice(name: string, { foreign }: Observed): void {
    const kind = foreign.devices.get(name);
    if (kind === undefined) return;
    throw new IpipouError(
      `Cannot make the tunnel device ${name}: there is a device of this name that is not ours (${kind}); ` +
        `remove it or choose another name with --tunl-dev`,
      EXIT.ipLink,
    );
  }

  #newInstance(): Instance {
    const nft = this.#settings.mode === "server" ? "needed" : "none";
    return new Instance(this.#identity, { nft, needsFou: true }, this.#runner, this.#lock);
  }
}

/** By what an instance of these settings knows its own. */
export function identityOf(settings: Settings): Identity {
  const { peers, nft, local, queue } = settings;
  return {
    name: instanceName(settings),
    table: nft.table,
    devices: new Set(peers.map((peer) => peer.tunnel.device)),
    port: local.port,
    queue: queue.number,
    alts: new Set(peers.map((peer) => peer.altIp)),
  };
}
