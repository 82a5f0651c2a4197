import { monotonicTime } from "../clock.ts";
import { EXIT, IpipouError } from "../errors.ts";
import { type Identity, type IpFou, type Listing, sortOut, withListeners } from "./observe.ts";
import type { NftObject } from "./observe_gate.ts";
import { planTransition, type Transition } from "./plan.ts";
import { listenerWords } from "./plan_devices.ts";
import { MissingProgramError, parseJson, type Runner } from "./runner.ts";
import { EMPTY_STATE, type KernelState, listenerKey, type Observed } from "./state.ts";
import { unlistedListeners } from "./unlisted.ts";

/** What the kernel says to a FOU port that is there. */
const IN_USE = "Address already in use";

/** What may be missing on this host. */
export interface Surroundings {
  /** `needed`: a gate may be there, or is to be made; `if-installed`: there is none without nft; `none`: never. */
  readonly nft: "needed" | "if-installed" | "none";
  /** Whether routes are of interest: there may be many. */
  readonly routes: boolean;
  /** Whether a kernel without FOU is an error, or just has no FOU ports. */
  readonly needsFou: boolean;
}

/** What one instance has in the kernel: looks at it, changes it, removes it. */
export class Instance {
  readonly #identity: Identity;
  readonly #surroundings: Surroundings;
  readonly #runner: Runner;
  readonly #lock: () => Promise<Disposable>;

  /**
   * @param lock waits for, and takes, what all instances of a network namespace share: the right to have programs
   * look at it and change it. Programs that outlive a killed instance keep it until they end.
   */
  constructor(
    identity: Identity,
    surroundings: Surroundings,
    runner: Runner,
    lock: () => Promise<Disposable>,
  ) {
    this.#identity = identity;
    this.#surroundings = surroundings;
    this.#runner = runner;
    this.#lock = lock;
  }

  /** Looks at what is there now. @throws {IpipouError} when `ip` or `nft` cannot tell */
  async look(): Promise<Observed> {
    using _lock = await this.#lock();
    const lists = this.#lists();
    const table = this.#table();
    // Neither program is left running when the other fails.
    await Promise.allSettled([lists, table]);
    return await this.#complete(
      sortOut({ ...await lists, nft: await table }, this.#identity, monotonicTime()),
    );
  }

  /** Looks at the FOU ports alone; the rest is as known. @throws {IpipouError} when `ip` cannot tell */
  async lookAtFou(known: Observed): Promise<Observed> {
    using _lock = await this.#lock();
    const [fou] = await this.#list(["fou show"]);
    return await this.#complete(withListeners(known, fou as IpFou[]));
  }

  /** Carries out a plan. @throws {IpipouError} naming the command that failed */
  async carryOut({ withdraw, close, ip, open }: Transition): Promise<void> {
    if ([...withdraw, ...close, ...ip, ...open].length === 0) return;
    using _lock = await this.#lock();
    if (withdraw.length > 0) await this.#runner.ip(withdraw);
    if (close.length > 0) await this.#runner.nft(close);
    if (ip.length > 0) await this.#runner.ip(ip);
    if (open.length > 0) await this.#runner.nft(open);
  }

  /** Removes everything that is there now. @returns what that was @throws {IpipouError} with exit code 200 */
  async remove(): Promise<KernelState> {
    try {
      const { own, unusedGroup } = await this.look();
      const nothing = { ...EMPTY_STATE, gate: null };
      await this.carryOut(planTransition(own, nothing, unusedGroup, monotonicTime()));
      if (own.gate !== null) await this.#deleteEmptyTable();
      return own;
    } catch (error) {
      if (!(error instanceof IpipouError)) throw error;
      throw new IpipouError(`Cannot clean up: ${error.message}`, EXIT.cleanup, { cause: error });
    }
  }

  /**
   * Of many FOU ports the kernel leaves some out when it lists them. Those of ours that are missing are made: if one is
   * there, the kernel says so, and if not, it should be.
   */
  async #complete(found: Observed): Promise<Observed> {
    const unlisted = unlistedListeners(found);
    if (unlisted.length === 0) return found;
    await this.#runner.ipEach(unlisted.map((listener) => `fou add ${listenerWords(listener)}`), IN_USE);
    const listeners = new Map(unlisted.map((listener) => [listenerKey(listener.local), listener]));
    return { ...found, own: { ...found.own, listeners: new Map([...found.own.listeners, ...listeners]) } };
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
    const lists = await this.#runner.ip(commands, ["-json", "-details"]);
    return lists.trimEnd().split("\n").map((line) => parseJson("ip", line));
  }

  async #table(): Promise<NftObject[]> {
    if (this.#surroundings.nft === "none") return [];
    try {
      return await this.#runner.nftTable(this.#identity.table) as NftObject[];
    } catch (error) {
      if (this.#surroundings.nft === "needed" || !(error instanceof MissingProgramError)) throw error;
      return [];
    }
  }

  /** The last one out turns off the light; the lock keeps others from coming in meanwhile. */
  async #deleteEmptyTable(): Promise<void> {
    const { table } = this.#identity;
    using _lock = await this.#lock();
    const objects = await this.#runner.nftTable(table) as NftObject[];
    const isInUse = objects.some(({ chain, rule, set, map }) => chain ?? rule ?? set ?? map);
    if (objects.length > 0 && !isInUse) await this.#runner.nft([`delete table ip ${table}`]);
  }
}
