import type { Routes } from "../kernel_ports.ts";
import { type DesiredState, desiredState, type Wanted } from "./desired.ts";
import type { KeptOut, Refusals } from "./kept_out.ts";
import type { Losses } from "./losses.ts";
import type { NetworksInUse } from "./networks_in_use.ts";
import type { NftUse } from "./nft_use.ts";
import type { Picture } from "./picture.ts";
import { planTransition, type Transition } from "./plan.ts";
import { findRenewal, type Fulfilled, fulfilled } from "./renewal.ts";
import type { WildcardWarnings } from "./wildcards.ts";

/** What to change, and what that leads to. */
interface Decision {
  readonly state: DesiredState;
  /** Why some peers have no tunnel in it, by name. */
  readonly faults: Refusals;
  readonly plan: Transition;
  /** What the next change may follow from if this one succeeds; null: it must be decided anew. */
  readonly last: Fulfilled | null;
}

interface DecisionsContext {
  readonly picture: Picture;
  readonly nft: NftUse;
  readonly keptOut: KeptOut;
  readonly inUse: NetworksInUse;
  readonly losses: Losses;
  readonly wildcards: WildcardWarnings;
  readonly routes: Routes;
}

/** Decides what to change, by what is wanted and what is known of the kernel. */
export class Decisions {
  readonly #context: DecisionsContext;
  /** The last change, if it succeeded for everybody. */
  #last: Fulfilled | null = null;

  constructor(context: DecisionsContext) {
    this.#context = context;
  }

  /**
   * Decides what to change.
   *
   * @param now milliseconds of `Clock.now()`
   * @returns null: the kernel told something that changes what is wanted
   */
  decide(wanted: Wanted, now: number): Decision | null {
    const { nft, picture } = this.#context;
    const possible = nft.possible(wanted);
    const last = this.#last;
    const renewal = last === null ? null : findRenewal(last, possible, picture.observed!, now);
    if (renewal === null) return this.#decideAnew(wanted, possible, now);
    const { before, after, next } = renewal;
    const plan = planTransition({ ...next.observed, own: before }, after, now);
    return { state: next.state, faults: new Map(), plan, last: next };
  }

  /** The kernel was changed as decided. */
  handleChange({ last }: Decision): void {
    this.#last = this.#context.keptOut.retryAt === null ? last : null;
  }

  #decideAnew(wanted: Wanted, possible: Wanted, now: number): Decision | null {
    const { picture, keptOut, inUse, losses, wildcards, routes } = this.#context;
    const { settings } = wanted;
    this.#findWays(wanted);
    const observed = picture.observed!;
    const { state, faults } = desiredState(possible, observed, now, keptOut, inUse.of(settings));
    if (inUse.ask(state.altAddresses.keys(), routes)) return null;
    losses.tell(observed.own, picture.written, state, now);
    wildcards.tell(settings, observed);
    const plan = planTransition(observed, state, now, inUse.toldOf(observed.own.altAddresses));
    return { state, faults, plan, last: faults.size > 0 ? null : fulfilled(possible, observed, state) };
  }

  /** Finds the ways to the far ends of the tunnels whose MTUs follow from them, and to a client's server. */
  #findWays({ settings: { mode, peers, fouMark }, outside, admissions }: Wanted): void {
    const { picture, routes } = this.#context;
    const { links } = picture.observed!;
    const [index = null] = outside.link === null
      ? []
      : links.entries().find(([, { name }]) => name === outside.link) ?? [];
    const far = peers.flatMap(({ name, tunnel }) =>
      mode === "client" || tunnel.mtu === null ? admissions.get(name)?.remote?.ip ?? [] : []
    );
    picture.findWays(far, outside, (ips) => routes.findWays(ips, outside.ip, index, fouMark));
  }
}
