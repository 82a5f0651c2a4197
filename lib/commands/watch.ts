import type { ExitCode } from "../errors.ts";
import type { StatusRequest } from "../settings/command_line.ts";
import { rateKey, type Rates, ratesBetween, stateOf } from "../status/format.ts";
import { Screen, type Size } from "../status/screen.ts";
import type { Report } from "../status/snapshot.ts";
import { collectReports, describeNothing, exitCodeOf, type Findings, flatten } from "./status.ts";
import type { StatusSystem } from "./status_system.ts";

const PERIOD_MILLISECONDS = 1_000;

/** Where it is shown, and who looks. */
export interface Terminal {
  /** Null: it is no terminal, and gets plain lines. */
  readonly size: () => Size | null;
  /** @returns false when nobody reads any more */
  readonly write: (text: string) => boolean;
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

/** Looks once a period. @param take is given what was found; returns whether to go on */
async function watch(
  request: StatusRequest,
  { clock, ...system }: StatusSystem,
  stop: AbortSignal,
  take: (findings: Findings, rates: Rates) => boolean,
): Promise<ExitCode> {
  let [reports, lookedAt]: [readonly Report[], number] = [[], clock.now()];
  while (true) {
    const now = clock.now();
    const findings = await collectReports(request, { clock, ...system });
    const rates = ratesBetween(reports, findings.reports, now - lookedAt);
    [reports, lookedAt] = [findings.reports, now];
    if (stop.aborted || !take(findings, rates)) return exitCodeOf(findings);
    await clock.waitUntil(now + PERIOD_MILLISECONDS, stop);
    if (stop.aborted) return exitCodeOf(findings);
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
  const screen = new Screen();
  const end = new AbortController();
  const stop = AbortSignal.any([terminal.stop, end.signal]);
  const draw = () => {
    const size = terminal.size();
    if (size === null) return false;
    // From the top left; each line is cleared to its end, and all below the last.
    const lines = screen.lines(size).map((line) => `${line}\x1b[K`).join("\n");
    return terminal.write(`\x1b[H${lines}\x1b[J`);
  };
  using _keys = terminal.onKeys((keys) => {
    screen.press(keys);
    if (screen.isOver) end.abort();
    else draw();
  });
  terminal.write(ENTER);
  try {
    return await watch(request, system, stop, ({ reports }, rates) => {
      screen.show(reports, rates);
      return draw();
    });
  } finally {
    terminal.write(LEAVE);
  }
}
