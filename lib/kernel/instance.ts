import { EXIT, IpipouError } from "../errors.ts";
import type { Clock } from "../ports.ts";
import type { Identity } from "./identity.ts";
import type { IpFou, Listing, NftObject } from "./listing.ts";
import { sortOut, withListeners } from "./observe.ts";
import { planTransition, type Transition } from "./plan.ts";
import { MissingProgramError, parseJson, type Runner } from "./runner.ts";
import { EMPTY_STATE, type KernelState, type Observed } from "./state.ts";

/** What the kernel answers when a FOU port is there that is to be made. */
const IN_USE = "Address already in use";

/** What one instance needs to look at the kernel and to change it. */
export interface Access {
  readonly runner: Runner;
  /**
   * Waits for, and takes, what all instances of a network namespace share: the right to have programs look at the
   * kernel and change it. Programs that outlive a killed instance keep it until they end.
   */
  readonly lock: () => Promise<Disposable>;
  readonly clock: Pick<Clock, "now">;
}

/** What may be missing on this host. */
export interface Surroundings {
  /** `needed`: a gate may be there, or is to be made; `if-installed`: there is none without nft; `none`: never. */
  readonly nft: "needed" | "if-installed" | "none";
  /** Whether routes are of interest: there may be many. */
  readonly routes: boolean;
  /** Whether a kernel without FOU is an error, or just has no FOU ports. */
  readonly needsFou: boolean;
}

/** What one instance has in the kernel: looks at it, changes it, removes it. Looking changes nothing. */
export class Instance {
  readonly #identity: Identity;
  readonly #surroundings: Surroundings;
  readonly #access: Access;

  constructor(identity: Identity, surroundings: Surroundings, access: Access) {
    this.#identity = identity;
    this.#surroundings = surroundings;
    this.#access = access;
  }

  /** Looks at what is there now. @throws {IpipouError} when `ip` or `nft` cannot tell */
  async look(): Promise<Observed> {
    const { lock, clock } = this.#access;
    using _lock = await lock();
    const lists = this.#lists();
    const table = this.#table();
    // Neither program is left running when the other fails.
    await Promise.allSettled([lists, table]);
    return sortOut({ ...await lists, nft: await table }, this.#identity, clock.now());
  }

  /** Looks at the FOU ports alone; the rest is as known. @throws {IpipouError} when `ip` cannot tell */
  async lookAtListeners(known: Observed): Promise<Observed> {
    using _lock = await this.#access.lock();
    const [fou] = await this.#list(["fou show"]);
    return withListeners(known, fou as IpFou[], this.#identity.made);
  }

  /** Carries out a plan. @throws {IpipouError} naming the command that failed */
  async carryOut({ confirm, withdraw, close, ip, open }: Transition): Promise<void> {
    if ([...confirm, ...withdraw, ...close, ...ip, ...open].length === 0) return;
    const { runner, lock } = this.#access;
    using _lock = await lock();
    if (confirm.length > 0) await runner.ipEach(confirm, IN_USE);
    if (withdraw.length > 0) await runner.ip(withdraw);
    if (close.length > 0) await runner.nft(close);
    if (ip.length > 0) await runner.ip(ip);
    if (open.length > 0) await runner.nft(open);
  }

  /** Removes everything that is there now. @returns what that was @throws {IpipouError} with exit code 200 */
  async remove(): Promise<KernelState> {
    try {
      const observed = await this.look();
      const nothing = { ...EMPTY_STATE, gate: null };
      await this.carryOut(planTransition(observed, nothing, this.#access.clock.now()));
      if (observed.own.gate !== null) await this.#deleteEmptyTable();
      return observed.own;
    } catch (error) {
      if (!(error instanceof IpipouError)) throw error;
      throw new IpipouError(`Cannot clean up: ${error.message}`, EXIT.cleanup, { cause: error });
    }
  }

  async #lists(): Promise<Omit<Listing, "nft">> {
    const routing = this.#surroundings.routes ? ["route show"] : [];
    try {
      const [devices, fou, routes = []] = await this.#list(["address show", "fou show", ...routing]);
      return { devices, fou, routes } as Omit<Listing, "nft">;
    } catch (error) {
      const isWithoutFou = error instanceof IpipouError && error.exitCode === EXIT.modprobe;
      if (this.#surroundings.needsFou || !isWithoutFou) throw error;
      const [devices, routes = []] = await this.#list(["address show", ...routing]);
      return { devices, fou: [], routes } as Omit<Listing, "nft">;
    }
  }

  async #list(commands: readonly string[]): Promise<unknown[]> {
    const lists = await this.#access.runner.ip(commands, ["-json", "-details"]);
    return lists.trimEnd().split("\n").map((line) => parseJson("ip", line));
  }

  async #table(): Promise<NftObject[]> {
    if (this.#surroundings.nft === "none") return [];
    try {
      return await this.#access.runner.nftTable(this.#identity.table) as NftObject[];
    } catch (error) {
      if (this.#surroundings.nft === "needed" || !(error instanceof MissingProgramError)) throw error;
      return [];
    }
  }

  /** The last one out turns off the light; the lock keeps others from coming in meanwhile. */
  async #deleteEmptyTable(): Promise<void> {
    const { table } = this.#identity;
    const { runner, lock } = this.#access;
    using _lock = await lock();
    const objects = await runner.nftTable(table) as NftObject[];
    const isInUse = objects.some(({ chain, rule, set, map }) => chain ?? rule ?? set ?? map);
    if (objects.length > 0 && !isInUse) await runner.nft([`delete table ip ${table}`]);
  }
}
