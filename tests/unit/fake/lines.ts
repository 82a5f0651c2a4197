import type { Transition } from "../../../lib/kernel/plan.ts";
import type { Step } from "../../../lib/kernel/step.ts";

/** A plan as an administrator would type it. */
export type Lines = { readonly [part in keyof Transition]: readonly string[] };

/** What an administrator would type. */
export function linesOf(steps: readonly Step[]): string[] {
  return steps.map(({ line }) => line);
}

/** What an administrator would type for each part of a plan. */
export function asLines({ confirm, withdraw, close, ip, open }: Transition): Lines {
  return {
    confirm: linesOf(confirm),
    withdraw: linesOf(withdraw),
    close: linesOf(close),
    ip: linesOf(ip),
    open: linesOf(open),
  };
}
