import type { Kernel } from "../kernel/kernel.ts";
import type { Reconciler } from "./reconciler.ts";

/** Requests a change whenever a repair is due, until `stop` is aborted. */
export async function keepRepaired(
  kernel: Pick<Kernel, "repairDue">,
  reconciler: Pick<Reconciler, "follow" | "settled">,
  stop: AbortSignal,
): Promise<void> {
  while (true) {
    await kernel.repairDue(stop);
    if (stop.aborted) return;
    reconciler.follow();
    await reconciler.settled();
  }
}
