import { EXIT, IpipouError } from "../errors.ts";
import type { Clock } from "../ports.ts";
import { carryOut } from "./carry_out.ts";
import type { Executor } from "./executor.ts";
import type { Identity } from "./identity.ts";
import type { Refusals } from "./kept_out.ts";
import type { IpRoute, Listing } from "./listing.ts";
import { sortOut, withListeners } from "./observe.ts";
import { Owners } from "./owners.ts";
import { planTransition, type Transition } from "./plan.ts";
import { isEmptyTable, readRoutes } from "./read_listing.ts";
import { MissingProgramError, parseIpLists, type Runner } from "./runner.ts";
import { EMPTY_STATE, type KernelState, type Observed, ROUTE_PROTOCOL } from "./state.ts";

/** What Instance needs from the system. */
export interface InstanceContext {
  readonly runner: Runner;
  readonly executor: Executor;
  /**
   * Takes the lock under which the instances of a network namespace look at the kernel and change it. Programs that
   * outlive a killed instance hold it until they end.
   */
  readonly lock: () => Promise<Disposable>;
  readonly clock: Pick<Clock, "now">;
}

/** What to look at, and what may be missing on the host. */
export interface LookOptions {
  /** Whether to list the nftables table; "if-usable": there is none, and `hasNft` is false, when that fails. */
  readonly nft: "needed" | "if-installed" | "if-usable" | "none";
  /** Whether to list routes: there may be many. */
  readonly routes: boolean;
  /** Whether a kernel without FOU is an error, or just has no FOU ports. */
  readonly needsFou: boolean;
}

/** Looks at, changes and removes what one instance has in the kernel. Looking changes nothing. */
export class Instance {
  readonly #identity: Identity;
  readonly #options: LookOptions;
  readonly #context: InstanceContext;

  constructor(identity: Identity, options: LookOptions, context: InstanceContext) {
    this.#identity = identity;
    this.#options = options;
    this.#context = context;
  }

  /** Looks at everything. @throws {IpipouError} when `ip` or `nft` fails */
  async look(): Promise<Observed> {
    const { lock, clock } = this.#context;
    using _lock = await lock();
    const lists = this.#lists();
    const table = this.#table();
    // When one program fails, the other is still waited for.
    await Promise.allSettled([lists, table]);
    return sortOut({ ...await lists, nft: await table }, this.#identity, clock.now());
  }

  /** Looks at the FOU ports only; the rest is as known. @throws {IpipouError} when `ip` fails */
  async lookAtListeners(known: Observed): Promise<Observed> {
    using _lock = await this.#context.lock();
    const [fou = []] = await this.#list(["fou show"]);
    return withListeners(known, fou, this.#identity);
  }

  /**
   * Carries out a plan.
   *
   * @param from the state that it starts from
   * @param to the state that it leads to
   * @param onMade called after `ip`, if nothing was refused
   * @returns what the kernel refused of single devices
   * @throws {IpipouError} naming the command that failed, if that was for all
   */
  async carryOut(
    plan: Transition,
    from: KernelState,
    to: KernelState,
    onMade: () => void = () => {},
  ): Promise<Refusals> {
    if (Object.values(plan).every(({ length }) => length === 0)) return new Map();
    const { executor, lock } = this.#context;
    using _lock = await lock();
    return await carryOut(plan, new Owners(from, to, plan), executor, onMade);
  }

  /** Removes everything of the instance. @returns what that was @throws {IpipouError} exit code 200 */
  async remove(): Promise<KernelState> {
    try {
      const observed = await this.look();
      const plan = planTransition(observed, EMPTY_STATE, this.#context.clock.now());
      const [refusal] = (await this.carryOut(plan, observed.own, EMPTY_STATE)).values();
      if (refusal !== undefined) throw refusal;
      if (observed.own.gate !== null) await this.#deleteEmptyTable();
      return observed.own;
    } catch (error) {
      if (!(error instanceof IpipouError)) throw error;
      throw new IpipouError(`Cannot clean up: ${error.message}`, EXIT.cleanup, { cause: error });
    }
  }

  async #lists(): Promise<Omit<Listing, "nft">> {
    const routing = this.#options.routes ? ["route show", `route show proto ${ROUTE_PROTOCOL}`] : [];
    try {
      const lists = await this.#list(["address show", "fou show", ...routing]);
      const [devices = [], fou = [], ...routes] = lists;
      return { devices, fou, routes: withProtocols(routes) };
    } catch (error) {
      const isWithoutFou = error instanceof IpipouError && error.exitCode === EXIT.modprobe;
      if (this.#options.needsFou || !isWithoutFou) throw error;
      const [devices = [], ...routes] = await this.#list(["address show", ...routing]);
      return { devices, fou: [], routes: withProtocols(routes) };
    }
  }

  /** @returns what each command listed */
  async #list(commands: readonly string[]): Promise<(readonly unknown[])[]> {
    return parseIpLists(await this.#context.runner.ip(commands, ["-json", "-details"]), commands.length);
  }

  async #table(): Promise<readonly unknown[] | null> {
    const { nft } = this.#options;
    if (nft === "none") return null;
    try {
      return await this.#context.runner.nftTable(this.#identity.table);
    } catch (error) {
      const isOptional = nft === "if-usable" && error instanceof IpipouError ||
        nft === "if-installed" && error instanceof MissingProgramError;
      if (!isOptional) throw error;
      return null;
    }
  }

  /** Deletes the table when no other instance uses it. The lock keeps others from adding to it meanwhile. */
  async #deleteEmptyTable(): Promise<void> {
    const { table } = this.#identity;
    const { runner, lock } = this.#context;
    using _lock = await lock();
    if (isEmptyTable(await runner.nftTable(table))) await runner.nft([`delete table ip ${table}`]);
  }
}

/** Gives our protocol its number again, for which somebody may have given `ip` a name. */
function withProtocols(lists: readonly (readonly unknown[])[]): IpRoute[] {
  const [routes = [], ours = []] = lists.map(readRoutes);
  const keyOf = ({ dst, dev, metric, tos }: IpRoute) => [dst, dev, metric, tos].join(" ");
  const keys = new Set(ours.map(keyOf));
  return routes.map((route) => keys.has(keyOf(route)) ? { ...route, protocol: `${ROUTE_PROTOCOL}` } : route);
}
