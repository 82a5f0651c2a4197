import type { Outside } from "../kernel/member.ts";
import type { Observed } from "../kernel/state.ts";
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
    if (lack !== null) log.warning(`${lack}; keeping ${outside.ip}, and waiting`);
    else if (outside.ip === previous.ip) log.notice(`${outside.ip} can be used again`);
    this.#lack = lack;
    service.update();
    return outside;
  }

  /** The instance has moved to another outside. */
  moved(from: Outside, to: Outside): void {
    const move = describeMove(from, to);
    if (move !== null) this.#context.log.notice(`${move}: following it`);
    this.#context.service.update();
  }
}
