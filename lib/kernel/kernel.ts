import type { Admission } from "../admission.ts";
import type { IpipouError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { KernelNews, Routes, TrafficCounts } from "../kernel_ports.ts";
import type { Clock, System } from "../ports.ts";
import type { Settings } from "../settings/settings.ts";
import { Decisions } from "./decisions.ts";
import type { Wanted } from "./desired.ts";
import type { Outside } from "./member.ts";
import { Instance, type InstanceContext } from "./instance.ts";
import { KeptOut, type Refusals } from "./kept_out.ts";
import { describeInnerClashes, NetworksInUse } from "./networks_in_use.ts";
import { Losses } from "./losses.ts";
import { NewsBell } from "./news_bell.ts";
import { NftUse } from "./nft_use.ts";
import { Picture } from "./picture.ts";
import { Elsewhere } from "./elsewhere.ts";
import { FouPorts } from "./fou_ports.ts";
import { type KernelState, type Observed, pairKey } from "./state.ts";
import { command } from "./step.ts";
import { WildcardWarnings } from "./wildcards.ts";

interface KernelContext extends InstanceContext {
  readonly clock: Clock;
  readonly news: KernelNews;
  readonly routes: Routes;
  readonly isPortFree: System["isPortFree"];
  readonly log: Log;
}

/** Why some peers have no tunnel, by peer name, or by that of a device that belongs to none any more. */
export type Faults = ReadonlyMap<string, IpipouError>;

/**
 * The kernel's side of one instance. Each change compares what is wanted with the picture of the kernel and applies the
 * difference. The picture says what is known and what must be looked at again.
 */
export class Kernel {
  readonly #context: KernelContext;
  readonly #nft: NftUse;
  readonly #picture: Picture;
  readonly #keptOut = new KeptOut();
  readonly #inUse = new NetworksInUse();
  readonly #elsewhere: Elsewhere;
  readonly #losses: Losses;
  readonly #bell: NewsBell;
  /** Whether `observe()` looks just now, so that the picture may be out of date. */
  #isLooking = false;
  readonly #ports: FouPorts;
  readonly #decisions: Decisions;

  constructor(settings: Settings, context: KernelContext) {
    this.#context = context;
    this.#nft = new NftUse(settings.mode === "server", context.log);
    this.#picture = new Picture(settings);
    this.#elsewhere = new Elsewhere(context.log);
    this.#losses = new Losses(context.log);
    const { news, clock, executor, isPortFree, log } = context;
    const bell = this.#bell = new NewsBell(news, clock);
    const takeNews = () => this.#takeNews();
    const [picture, losses, nft, keptOut] = [this.#picture, this.#losses, this.#nft, this.#keptOut];
    const wildcards = new WildcardWarnings(log);
    const known = { picture, losses, nft, keptOut, inUse: this.#inUse, wildcards };
    this.#decisions = new Decisions({ ...known, routes: context.routes });
    this.#ports = new FouPorts({ picture, losses, bell, clock, executor, isPortFree, log, takeNews });
  }

  /** Makes the next change look first, at least at the FOU ports, of which the kernel sends no news. */
  distrust(): void {
    this.#nft.retry();
    this.#picture.distrust(this.#picture.observed?.hasNft === false ? "all" : "listeners");
  }

  /**
   * Tells what is known of devices and addresses, or looks. Unlike `observe()` it may be called while a change runs.
   *
   * @throws {IpipouError} when the kernel cannot be read
   */
  async glance(): Promise<Observed> {
    this.#takeNews();
    const { need, observed } = this.#picture;
    const isKnown = need !== "all" && observed !== null && !this.#isLooking;
    return isKnown ? observed : await this.#instance().look();
  }

  /** Looks at what is not known. @throws {IpipouError} when the kernel cannot be read */
  async observe(): Promise<Observed> {
    this.#takeNews();
    return await this.#observe();
  }

  async #observe(): Promise<Observed> {
    const picture = this.#picture;
    const { need, observed } = picture;
    if (need === "nothing") return observed!;
    picture.beginLook(this.#context.clock.now());
    this.#isLooking = true;
    try {
      if (need === "all") picture.handleLook(await this.#instance().look(), this.#context.clock.now());
      else picture.handleListeners(await this.#instance().lookAtListeners(observed!));
    } catch (error) {
      if (picture.closeDue !== null) await this.#ports.close();
      picture.handleFailure();
      throw error;
    } finally {
      this.#isLooking = false;
    }
    return picture.observed!;
  }

  /**
   * Brings the kernel to what is wanted. When a step fails, the rest is skipped, and the next call looks first. What the
   * kernel refuses of a single peer keeps out that peer alone; it is tried again when something changes.
   *
   * @param given a snapshot: what changes while this runs takes another call
   * @param locate says what the outside is now, by what was seen
   * @returns why some tunnels cannot be made; everything else is done
   * @throws {IpipouError} naming the command that failed
   */
  async apply(
    given: Wanted,
    locate: (observed: Observed) => Outside = () => given.outside,
  ): Promise<Faults> {
    const { settings, admissions } = given;
    const picture = this.#picture;
    const keptOut = this.#keptOut;
    picture.handleSettings(settings);
    this.#takeNews();
    if (picture.need === "all") this.#inUse.forget();
    const isDue = (keptOut.retryAt ?? Infinity) <= this.#context.clock.now();
    if (picture.need !== "nothing" || isDue) keptOut.retry();
    keptOut.follow(placesIn(settings, admissions));
    while (true) {
      const wanted = { ...given, outside: locate(await this.#observe()) };
      const faults = await this.#attempt(wanted);
      if (faults !== null) return faults;
      this.#takeNews();
    }
  }

  /** Changes the kernel. @returns null: meanwhile it told something that changes what is wanted */
  async #attempt(wanted: Wanted): Promise<Faults | null> {
    const { clock, news, runner } = this.#context;
    const { settings, admissions } = wanted;
    const picture = this.#picture;
    picture.handleOutside(wanted.outside);
    const decision = this.#decisions.decide(wanted, clock.now());
    if (decision === null) return null;
    const { state, faults, plan } = decision;
    const { confirm, withdraw, ip } = plan;
    news.makeRoom(confirm.length + withdraw.length + ip.length);
    this.#takeNews();
    const observed = picture.observed!;
    try {
      // The kernel wakes a dormant table only in a transaction of its own.
      if (picture.gate.isTableSuspect && observed.own.gate !== null && state.gate !== null) {
        const wake = command(`add table ip ${state.gate.table}`);
        picture.beginChange({ confirm: [], withdraw: [], close: [wake], ip: [], open: [] });
        using _lock = await this.#context.lock();
        await runner.nft([wake.line]);
        this.#takeNews();
      }
      picture.beginChange(plan);
      const onMade = () => picture.handleMade(state);
      const refusals = await this.#instance().carryOut(plan, observed.own, state, onMade);
      if (refusals.size > 0) return this.#takeRefusals(refusals);
      this.#takeNews();
    } catch (error) {
      if (picture.gate.isAway && settings.mode === "server") await this.#ports.close();
      picture.handleFailure();
      this.#losses.handleFailure();
      return await this.#nft.goOnWithout(error, () => this.apply(wanted));
    }
    const { isClosed } = picture.gate;
    const now = clock.now();
    picture.handleChange(state, faults.size > 0 || !isThere(wanted, observed), now);
    if (isClosed && !picture.gate.isClosed) {
      this.#losses.tellOpen("the gate is back, and so are the FOU ports behind it");
    }
    this.#losses.handleChange();
    this.#inUse.hid();
    this.#keptOut.settle(placesIn(settings, admissions), faults.size === 0, now);
    if (state.gate !== null) this.#nft.need();
    news.makeRoom(0);
    this.#decisions.handleChange(decision);
    return faults;
  }

  #takeRefusals(refusals: Refusals): null {
    this.#losses.handleFailure();
    const keptOut = this.#keptOut;
    const [refusal] = refusals.values();
    const isNew = !refusals.keys().every((device) => keptOut.isKnown(device));
    this.#picture.handleFailure();
    if (!keptOut.add(refusals)) throw refusal;
    this.#elsewhere.note(keptOut.elsewhere);
    if (isNew) this.#context.log.info(`${refusal!.message}; looking at the kernel again`);
    return null;
  }

  /** What went through one of our devices; null: it is gone, or the kernel does not say. */
  countsOf(device: string): TrafficCounts | null {
    try {
      return this.#context.routes.findCounts(device);
    } catch {
      return null;
    }
  }

  /**
   * Resolves when someone else's change calls for a repair, at most once a second on average, when what was refused is to
   * be tried again, or when `stop` is aborted.
   */
  async repairDue(stop: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    while (!stop.aborted) {
      this.#takeNews();
      const [due, retryAt] = [this.#picture.repairDue, this.#keptOut.retryAt];
      if (Math.min(due ?? Infinity, retryAt ?? Infinity) <= clock.now()) return;
      if (due !== null) await clock.waitUntil(due, stop);
      else if (retryAt === null) await this.#bell.wait(stop);
      else await this.#bell.waitUntil(retryAt, stop);
    }
  }

  /** Our tunnels as the last change left them, by device name. */
  get tunnels(): KernelState["tunnels"] {
    return this.#picture.written?.tunnels ?? new Map();
  }

  /** How often something that others had changed was put back. */
  get heals(): number {
    return this.#losses.restored;
  }

  /** Our FOU ports: closes them while their gate is away, and notices when others deleted one. */
  get ports(): FouPorts {
    return this.#ports;
  }

  /** How often everything was looked at; see `Picture.looks`. */
  get looks(): number {
    return this.#picture.looks;
  }

  /** Whether there is a route to a far end, as far as is known. */
  isRouted(ip: string): boolean {
    return this.#picture.isRouted(ip);
  }

  /** Whether the way to the far ends may be another one than at the last call. */
  takeWayNews(): boolean {
    return this.#picture.takeWayNews();
  }

  /** Describes which tunnel addresses clash with networks that are in use here, a line each, as far as that is known. */
  describeClashes(settings: Settings, observed: Observed): string[] {
    try {
      return describeInnerClashes(settings, observed, this.#context.routes);
    } catch {
      return [];
    }
  }

  /** Resolves when something changed that `observe()` would show, or when `stop` is aborted. */
  async changed(stop: AbortSignal): Promise<void> {
    await this.#bell.wait(stop);
  }

  /** Removes everything of this instance that is in this network namespace. @throws {IpipouError} exit code 200 */
  async remove(): Promise<void> {
    await this.#remove();
  }

  /**
   * Removes everything of this instance; of what was moved to other network namespaces, what it can.
   *
   * @throws {IpipouError} exit code 200
   */
  async removeEverywhere(): Promise<void> {
    const { tunnels: made = new Map() } = this.#picture.written ?? {};
    const { tunnels } = await this.#remove();
    const lost = [...made.values()].filter(({ name }) => !tunnels.has(name))
      .map(({ local, remote }) => pairKey(local.ip, remote.ip));
    await this.#elsewhere.remove(this.#picture.identity.name, new Set(lost), this.#context.runner);
  }

  async #remove(): Promise<KernelState> {
    const instance = this.#instance();
    this.#picture.handleRemoval();
    return await instance.remove();
  }

  #takeNews(): void {
    const { news, clock } = this.#context;
    const changes = news.changes();
    if (changes.length > 0) this.#picture.handleNews(changes, clock.now());
  }

  #instance(): Instance {
    const { identity, hasRoutes } = this.#picture;
    return new Instance(identity, { nft: this.#nft.mode, routes: hasRoutes, needsFou: true }, this.#context);
  }
}

/** Tells where the peer of a tunnel device is. */
function placesIn(
  { peers }: Settings,
  admissions: Wanted["admissions"],
): (device: string) => Admission | undefined {
  return (device) => {
    const peer = peers.find(({ tunnel }) => tunnel.device === device);
    return peer === undefined ? undefined : admissions.get(peer.name);
  };
}

/** Whether the outer address is there and good to use; if not, any news may bring another one. */
function isThere({ settings: { local }, outside: { ip } }: Wanted, observed: Observed): boolean {
  const isHere = observed.hostAddresses.values().some((addresses) => addresses.includes(ip));
  return isHere && (local.ip === ip || !observed.unfitAddresses.has(ip));
}
