import type { IpipouError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Clock, KernelNews } from "../ports.ts";
import type { Settings } from "../settings/settings.ts";
import { desiredState, type Wanted } from "./desired.ts";
import { type Access as InstanceAccess, Instance } from "./instance.ts";
import { Picture } from "./picture.ts";
import { planTransition } from "./plan.ts";
import type { Observed } from "./state.ts";

/** What Kernel needs from the system. */
export interface Access extends InstanceAccess {
  readonly clock: Clock;
  readonly news: KernelNews;
  readonly log: Log;
}

/** Why some peers have no tunnel, by peer name: others' things are in their way. */
export type Faults = ReadonlyMap<string, IpipouError>;

/**
 * The kernel's side of one instance. Every change goes one way: what is wanted is compared with what was observed, or
 * is known from the last change, and the difference is applied. What is known, and how far it can be relied on, is
 * the picture's to say.
 */
export class Kernel {
  readonly #access: Access;
  readonly #nft: "needed" | "none";
  readonly #picture: Picture;

  constructor(settings: Settings, access: Access) {
    this.#access = access;
    this.#nft = settings.mode === "server" ? "needed" : "none";
    this.#picture = new Picture(settings);
  }

  /** Has the next change begin with a look, at least at what the kernel tells no news of. */
  distrust(): void {
    this.#picture.distrust("listeners");
  }

  /** Looks at all that is in the kernel, also if it is known. @throws {IpipouError} when `ip` or `nft` cannot tell */
  async look(): Promise<Observed> {
    return await this.#instance().look();
  }

  /** Looks at what is in the kernel, as far as it is not known. @throws {IpipouError} when `ip` or `nft` cannot tell */
  async observe(): Promise<Observed> {
    const picture = this.#picture;
    this.#takeNews();
    const { need, observed } = picture;
    if (need === "nothing") return observed!;
    picture.beginLook(this.#access.clock.now());
    try {
      if (need === "all") picture.handleLook(await this.#instance().look());
      else picture.handleListeners(await this.#instance().lookAtListeners(observed!));
    } catch (error) {
      picture.handleFailure();
      throw error;
    }
    return picture.observed!;
  }

  /**
   * Brings the kernel to what is wanted. When a step fails the rest is left, and the next call begins with a look at
   * what there is.
   *
   * @param wanted a snapshot: what changes while this runs takes another call
   * @returns why some of the tunnels cannot be made; all else is done
   * @throws {IpipouError} naming the command that failed
   */
  async apply(wanted: Wanted): Promise<Faults> {
    const { clock, news, log } = this.#access;
    const picture = this.#picture;
    picture.handleSettings(wanted.settings);
    const observed = await this.observe();
    const now = clock.now();
    const { state, faults } = desiredState(wanted, observed, now);
    for (const loss of picture.lossesOf(state)) log.warning(loss);
    const plan = planTransition(observed, state, now);
    const { confirm, withdraw, ip } = plan;
    news.makeRoom(confirm.length + withdraw.length + ip.length);
    this.#takeNews();
    picture.beginChange(plan);
    try {
      await this.#instance().carryOut(plan);
      this.#takeNews();
    } catch (error) {
      picture.handleFailure();
      throw error;
    }
    picture.handleChange(state, faults.size > 0);
    news.makeRoom(0);
    return faults;
  }

  /** Resolves when others did something that calls for a repair, once a second at most, or when `stop` is aborted. */
  async repairDue(stop: AbortSignal): Promise<void> {
    const { news, clock } = this.#access;
    while (!stop.aborted) {
      this.#takeNews();
      const due = this.#picture.repairDue;
      if (due === null) await news.wait(stop);
      else if (due <= clock.now()) return;
      else await clock.waitUntil(due, stop);
    }
  }

  /** Resolves when anything changed here that `observe()` tells of, or when `stop` is aborted. */
  async changed(stop: AbortSignal): Promise<void> {
    await this.#access.news.wait(stop);
  }

  /** Removes everything of this instance that is there now. @throws {IpipouError} with exit code 200 */
  async remove(): Promise<void> {
    this.#picture.handleRemoval();
    await this.#instance().remove();
  }

  #takeNews(): void {
    this.#picture.handleNews(this.#access.news.changes());
  }

  #instance(): Instance {
    const { identity, hasRoutes } = this.#picture;
    return new Instance(identity, { nft: this.#nft, routes: hasRoutes, needsFou: true }, this.#access);
  }
}
