import type { ExitCode } from "../errors.ts";
import type { Clock } from "../ports.ts";
import type { StatusRequest } from "../settings/invocation.ts";
import { rateKey, type Rates, ratesBetween, stateOf } from "../status/format.ts";
import { Screen, type Size } from "../status/screen.ts";
import type { Report } from "../status/snapshot.ts";
import { collectReports, describeNothing, exitCodeOf, type Findings, flatten } from "./status.ts";
import type { StatusSystem } from "./status_system.ts";

const PERIOD_MILLISECONDS = 1_000;
/** Milliseconds that the terminal has to be as it was before. */
const LEAVE_MILLISECONDS = 1_000;

/** Where it is shown, and who looks. */
export interface Terminal {
  /** Null: it is no terminal, and gets plain lines. */
  readonly size: () => Size | null;
  /** Resolves when it is written, after all before; with false when nobody reads any more. */
  readonly write: (text: string) => Promise<boolean>;
  /** Calls `handle` with the keys that are pressed. @returns what ends that */
  readonly onKeys: (handle: (keys: string) => void) => Disposable;
  /** Aborted when the program is told to end. */
  readonly stop: AbortSignal;
  /** Wall clock, for plain lines. */
  readonly now: () => Date;
}

/** The other screen of the terminal, without a cursor; and back. */
const ENTER = "\x1b[?1049h\x1b[?25l";
const LEAVE = "\x1b[?25h\x1b[?1049l";

/** Shows how instances are, again and again, until told to end. @returns how it was at the end */
export async function watchStatus(
  request: StatusRequest,
  system: StatusSystem,
  terminal: Terminal,
): Promise<ExitCode> {
  return terminal.size() === null || request.json
    ? await watchLines(request, system, terminal)
    : await watchScreen(request, system, terminal);
}

/** Looks once a period. @param take is given what was found; says whether to go on */
async function watch(
  request: StatusRequest,
  { clock, ...system }: StatusSystem,
  stop: AbortSignal,
  take: (findings: Findings, rates: Rates) => Promise<boolean>,
): Promise<ExitCode> {
  let [reports, lookedAt]: [readonly Report[], number] = [[], clock.now()];
  while (true) {
    const now = clock.now();
    const findings = await collectReports(request, { clock, ...system });
    const rates = ratesBetween(reports, findings.reports, now - lookedAt);
    [reports, lookedAt] = [findings.reports, now];
    if (stop.aborted) return exitCodeOf(findings);
    if (!await unlessStopped(take(findings, rates), clock, stop)) return exitCodeOf(findings);
    await clock.waitUntil(now + PERIOD_MILLISECONDS, stop);
    if (stop.aborted) return exitCodeOf(findings);
  }
}

/** Waits for a reader only until told to stop. */
async function unlessStopped(work: Promise<boolean>, clock: Clock, stop: AbortSignal): Promise<boolean> {
  const done = new AbortController();
  const stopped = clock.waitUntil(null, stop, done.signal).then(() => false);
  try {
    return await Promise.race([work, stopped]);
  } finally {
    done.abort();
  }
}

async function watchLines(
  request: StatusRequest,
  system: StatusSystem,
  terminal: Terminal,
): Promise<ExitCode> {
  return await watch(request, system, terminal.stop, ({ reports }, rates) => {
    if (request.json) return terminal.write(`${JSON.stringify(reports.map(flatten))}\n`);
    const time = terminal.now().toISOString().replace(/\.\d+Z$/, "Z");
    const lines = reports.flatMap((report) => linesOf(report, rates));
    const shown = lines.length === 0 ? [describeNothing(request)] : lines;
    return terminal.write(shown.map((line) => `${time} ${line}\n`).join(""));
  });
}

/** A line for each tunnel, or for an instance that has none. */
function linesOf({ instance, tunnels }: Report, rates: Rates): string[] {
  if (tunnels.length === 0) return [`${instance.name}: ${stateOf(instance)}`];
  return tunnels.map((tunnel) => {
    const rate = rates.get(rateKey(instance, tunnel));
    const speed = rate === undefined ? "" : ` rx ${rate.rx} B/s tx ${rate.tx} B/s`;
    return `${instance.name} ${tunnel.name}${speed}: ${stateOf(tunnel)}`;
  });
}

async function watchScreen(
  request: StatusRequest,
  system: StatusSystem,
  terminal: Terminal,
): Promise<ExitCode> {
  const screen = new Screen(request.peer !== null);
  const end = new AbortController();
  const stop = AbortSignal.any([terminal.stop, end.signal]);
  const frames = new Frames(screen, terminal);
  using _keys = terminal.onKeys((keys) => {
    screen.press(keys);
    if (screen.isOver) end.abort();
    // The next look meets the same error, and tells.
    else frames.draw().catch(() => {});
  });
  try {
    await unlessStopped(terminal.write(ENTER), system.clock, stop);
    return await watch(request, system, stop, ({ reports }, rates) => {
      screen.show(reports, rates);
      return frames.draw();
    });
  } finally {
    const { clock } = system;
    await Promise.race([terminal.write(LEAVE), clock.waitUntil(clock.now() + LEAVE_MILLISECONDS)]);
  }
}

/** Draws a screen, one frame at a time, and the last one as things are then. */
class Frames {
  readonly #screen: Screen;
  readonly #terminal: Terminal;
  #drawing: Promise<boolean> | null = null;
  #isDue = false;

  constructor(screen: Screen, terminal: Terminal) {
    this.#screen = screen;
    this.#terminal = terminal;
  }

  /** @returns whether to go on */
  draw(): Promise<boolean> {
    this.#isDue = true;
    return this.#drawing ??= this.#drawAll();
  }

  async #drawAll(): Promise<boolean> {
    let isRead = true;
    while (this.#isDue && isRead) {
      this.#isDue = false;
      isRead = await this.#drawOnce();
    }
    this.#drawing = null;
    return isRead;
  }

  async #drawOnce(): Promise<boolean> {
    const size = this.#terminal.size();
    if (size === null) return false;
    // From the top left; each line is cleared to its end, and all below the last.
    const lines = this.#screen.lines(size).map((line) => `${line}\x1b[K`).join("\n");
    return await this.#terminal.write(`\x1b[H${lines}\x1b[J`);
  }
}
