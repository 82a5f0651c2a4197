import { EXIT, IpipouError } from "../errors.ts";
import type { Clock } from "../ports.ts";
import { carryOut } from "./carry_out.ts";
import type { Executor } from "./executor.ts";
import type { Identity } from "./identity.ts";
import type { Refusals } from "./kept_out.ts";
import { listFouPorts, listKernel, listTable, type LookContext, type LookOptions } from "./look.ts";
import { sortOut, withListeners } from "./observe.ts";
import { Owners } from "./owners.ts";
import { planTransition, type Transition } from "./plan.ts";
import type { Runner } from "./runner.ts";
import { EMPTY_STATE, type KernelState, type Observed } from "./state.ts";

/** What Instance needs from the system. */
export interface InstanceContext extends LookContext {
  readonly runner: Runner;
  readonly executor: Executor;
  /**
   * Takes the lock under which the instances of a network namespace look at the kernel and change it. Programs that
   * outlive a killed instance hold it until they end.
   */
  readonly lock: () => Promise<Disposable>;
  readonly clock: Pick<Clock, "now">;
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

  /** Looks at everything. @throws {IpipouError} when the kernel cannot be read */
  async look(): Promise<Observed> {
    const { lock, clock } = this.#context;
    using _lock = await lock();
    return sortOut(listKernel(this.#identity, this.#options, this.#context), this.#identity, clock.now());
  }

  /** Looks at the FOU ports only; the rest is as known. @throws {IpipouError} when the kernel cannot be read */
  async lookAtListeners(known: Observed): Promise<Observed> {
    using _lock = await this.#context.lock();
    return withListeners(known, listFouPorts(this.#context), this.#identity);
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

  /** Deletes the table when no other instance uses it. The lock keeps others from adding to it meanwhile. */
  async #deleteEmptyTable(): Promise<void> {
    const { table } = this.#identity;
    const { runner, lock } = this.#context;
    using _lock = await lock();
    if (listTable(table, this.#context)?.isEmpty) await runner.nft([`delete table ip ${table}`]);
  }
}
