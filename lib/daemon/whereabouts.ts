import type { Outside } from "../kernel/member.ts";
import type { Observed } from "../kernel/state.ts";
import type { LogEvent } from "../log_events.ts";
import type { Settings } from "../settings/settings.ts";
import type { DaemonContext } from "./context.ts";
import { describeMove, followOutside } from "./outside.ts";

/** Where a running instance is. Tells the log and the service manager what becomes of that. */
export class Whereabouts {
  readonly #context: DaemonContext;
  #lack: string | null = null;

  constructor(context: DaemonContext) {
    this.#context = context;
  }

  /** What the outside lacks; null: nothing. */
  get lack(): string | null {
    return this.#lack;
  }

  /** Finds the outside as `followOutside()` does, and tells of what it lacks. */
  find(
    previous: Outside,
    settings: Settings,
    observed: Observed,
    choose: () => Outside,
    isFixed: boolean,
  ): Outside {
    const { system, log, service } = this.#context;
    const { outside, lack } = followOutside(system, previous, settings, observed, choose, isFixed);
    if (lack === this.#lack) return outside;
    const address = outside.ip;
    if (lack !== null) {
      log.warning(`${lack}; keeping ${address}, and waiting`, { event: "address-lost", address });
    } else if (address === previous.ip) {
      log.notice(`${address} can be used again`, { event: "address-found", address });
    }
    this.#lack = lack;
    service.update();
    return outside;
  }

  /** The instance has moved to another outside. */
  moved(from: Outside, to: Outside): void {
    const move = describeMove(from, to);
    const event: LogEvent = { event: "address-changed", from: from.ip, address: to.ip };
    if (move !== null) this.#context.log.notice(`${move}: following it`, event);
    this.#context.service.update();
  }
}
