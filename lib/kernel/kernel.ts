import { EXIT, IpipouError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { Clock, KernelNews, Routes } from "../ports.ts";
import type { Settings } from "../settings/settings.ts";
import { desiredState, type Wanted } from "./desired.ts";
import { CLAMP } from "./clamp_rules.ts";
import type { Outside } from "./member.ts";
import { Instance, type InstanceContext } from "./instance.ts";
import { Picture } from "./picture.ts";
import { planTransition } from "./plan.ts";
import type { Observed } from "./state.ts";

interface KernelContext extends InstanceContext {
  readonly clock: Clock;
  readonly news: KernelNews;
  readonly routes: Routes;
  readonly log: Log;
}

/** Why some peers have no tunnel, by peer name: foreign objects are in the way. */
export type Faults = ReadonlyMap<string, IpipouError>;

/**
 * The kernel's side of one instance. Each change compares what is wanted with the picture of the kernel and applies the
 * difference. The picture says what is known and what must be looked at again.
 */
export class Kernel {
  readonly #context: KernelContext;
  /** A client whose gate stood once needs it from then on. */
  #nft: "needed" | "if-usable" | "none";
  /** Whether segment sizes can be changed, as far as is known. */
  #canClamp = true;
  readonly #picture: Picture;
  /** Whether `observe()` looks just now, so that the picture may be out of date. */
  #isLooking = false;

  constructor(settings: Settings, context: KernelContext) {
    this.#context = context;
    this.#nft = settings.mode === "server" ? "needed" : "if-usable";
    this.#picture = new Picture(settings);
  }

  /** Makes the next change look first, at least at the FOU ports, of which the kernel sends no news. */
  distrust(): void {
    this.#canClamp = true;
    this.#picture.distrust(this.#picture.observed?.hasNft === false ? "all" : "listeners");
  }

  /**
   * Tells what is known of devices and addresses, or looks. Unlike `observe()` it may be called while a change runs.
   *
   * @throws {IpipouError} when `ip` or `nft` fails
   */
  async glance(): Promise<Observed> {
    this.#takeNews();
    const { need, observed } = this.#picture;
    const isKnown = need !== "all" && observed !== null && !this.#isLooking;
    return isKnown ? observed : await this.#instance().look();
  }

  /** Looks at what is not known. @throws {IpipouError} when `ip` or `nft` fails */
  async observe(): Promise<Observed> {
    const picture = this.#picture;
    this.#takeNews();
    const { need, observed } = picture;
    if (need === "nothing") return observed!;
    picture.beginLook(this.#context.clock.now());
    this.#isLooking = true;
    try {
      if (need === "all") picture.handleLook(await this.#instance().look());
      else picture.handleListeners(await this.#instance().lookAtListeners(observed!));
    } catch (error) {
      picture.handleFailure();
      throw error;
    } finally {
      this.#isLooking = false;
    }
    return picture.observed!;
  }

  /**
   * Brings the kernel to what is wanted. When a step fails, the rest is skipped, and the next call looks first.
   *
   * @param wanted a snapshot: what changes while this runs takes another call
   * @param locate says what the outside is now, by what was seen
   * @returns why some tunnels cannot be made; everything else is done
   * @throws {IpipouError} naming the command that failed
   */
  async apply(
    { settings, outside, admissions }: Wanted,
    locate: (observed: Observed) => Outside = () => outside,
  ): Promise<Faults> {
    const { clock, news, log } = this.#context;
    const picture = this.#picture;
    picture.handleSettings(settings);
    const wanted = { settings, outside: locate(await this.observe()), admissions };
    picture.handleOutside(wanted.outside);
    this.#findWays(wanted);
    const observed = picture.observed!;
    const now = clock.now();
    const { state, faults } = desiredState(this.#possible(wanted), observed, now);
    for (const loss of picture.lossesOf(state)) log.warning(loss);
    const plan = planTransition(observed, state, now);
    const { confirm, withdraw, ip } = plan;
    news.makeRoom(confirm.length + withdraw.length + ip.length);
    this.#takeNews();
    picture.beginChange(plan);
    try {
      await this.#instance().carryOut(plan, () => picture.handleMade(state));
      this.#takeNews();
    } catch (error) {
      picture.handleFailure();
      if (error instanceof IpipouError && error.exitCode === EXIT.nft && error.message.includes(CLAMP)) {
        return await this.#applyWithoutClamp(wanted, error);
      }
      if (this.#nft === "if-usable" && error instanceof IpipouError && error.exitCode === EXIT.nft) {
        log.warning(`${error.message}: going on without a gate, until the next reload or repair`);
        return await this.#applyWithoutNft(wanted);
      }
      throw error;
    }
    picture.handleChange(state, faults.size > 0 || !isThere(wanted, observed));
    if (state.gate !== null) this.#nft = "needed";
    news.makeRoom(0);
    return faults;
  }

  /** What the kernel was not seen to refuse. */
  #possible(wanted: Wanted): Wanted {
    return this.#canClamp ? wanted : { ...wanted, settings: { ...wanted.settings, mssClamp: null } };
  }

  /** A kernel that cannot change segment sizes must have its gate all the same. */
  async #applyWithoutClamp(wanted: Wanted, { message }: IpipouError): Promise<Faults> {
    this.#canClamp = false;
    this.#context.log.warning(`${message}: going on without --tunl-mss-clamp, until the next reload`);
    return await this.apply(wanted);
  }

  async #applyWithoutNft(wanted: Wanted): Promise<Faults> {
    this.#nft = "none";
    try {
      return await this.apply(wanted);
    } finally {
      this.#nft = "if-usable";
    }
  }

  /** Finds the ways to the far ends of the tunnels whose MTUs follow from them. */
  #findWays({ settings: { peers, fouMark }, outside, admissions }: Wanted): void {
    const { links } = this.#picture.observed!;
    const [index = null] = outside.link === null
      ? []
      : links.entries().find(([, { name }]) => name === outside.link) ?? [];
    const far = peers.flatMap(({ name, tunnel }) =>
      tunnel.mtu === null ? admissions.get(name)?.remote?.ip ?? [] : []
    );
    this.#picture.findWays(far, outside, (ip) => this.#context.routes.find(ip, outside.ip, index, fouMark));
  }

  /** Resolves when someone else's change calls for a repair, at most once a second, or when `stop` is aborted. */
  async repairDue(stop: AbortSignal): Promise<void> {
    const { news, clock } = this.#context;
    while (!stop.aborted) {
      this.#takeNews();
      const due = this.#picture.repairDue;
      if (due === null) await news.wait(stop);
      else if (due <= clock.now()) return;
      else await clock.waitUntil(due, stop);
    }
  }

  /** Resolves when something changed that `observe()` would show, or when `stop` is aborted. */
  async changed(stop: AbortSignal): Promise<void> {
    await this.#context.news.wait(stop);
  }

  /** Removes everything of this instance. @throws {IpipouError} exit code 200 */
  async remove(): Promise<void> {
    const instance = this.#instance();
    this.#picture.handleRemoval();
    await instance.remove();
  }

  #takeNews(): void {
    this.#picture.handleNews(this.#context.news.changes());
  }

  #instance(): Instance {
    const { identity, hasRoutes } = this.#picture;
    return new Instance(identity, { nft: this.#nft, routes: hasRoutes, needsFou: true }, this.#context);
  }
}

/** Whether the outer address is there and good to use; if not, any news may bring another one. */
function isThere({ settings: { local }, outside: { ip } }: Wanted, observed: Observed): boolean {
  const isHere = observed.hostAddresses.values().some((addresses) => addresses.includes(ip));
  return isHere && (local.ip === ip || !observed.unfitAddresses.has(ip));
}
