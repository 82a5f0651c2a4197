import { makeAddressMask } from "./address_mask.ts";
import { showInvisible } from "./errors.ts";
import { formatPairs, type LogEvent, type LogPairs } from "./log_events.ts";

/** How much the log says, by the number of `-v`. Each level includes those before. */
export const VERBOSITY = {
  /** Errors, warnings, and changes of tunnels. */
  notice: 0,
  /** Single auth packets. */
  info: 1,
  /** Every command that is run. */
  command: 2,
  /** Single packets, without their payload. */
  debug: 3,
} as const;

/** Where a log's lines go, and how they begin. */
export interface LogOptions {
  /** One of `VERBOSITY`, or higher. */
  readonly verbosity: number;
  readonly time: boolean;
  /** Process id at the start of lines; null: none. */
  readonly pid: number | null;
  /** Whether lines begin with their priority for the journal: `<3>` to `<7>`. */
  readonly priorities?: boolean;
  /** As text, or each as a JSON object: `time` (ISO 8601), `pid`, `level`, `message`, and the pairs of its event. */
  readonly format?: "text" | "json";
  /** Whether lines of text end with the pairs of their event, for programs. */
  readonly pairs?: boolean;
  /** Whether IPv4 addresses are shown; if not, something stands for each of them. */
  readonly addresses?: boolean;
  /** Takes a line without its end; must not make anybody wait. */
  readonly write: (line: string) => void;
  readonly now: () => Date;
}

/** Priorities of the levels, see syslog(3). */
const PRIORITIES = { error: 3, warning: 4, notice: 5, info: 6, command: 7, debug: 7 } as const;

type Level = keyof typeof PRIORITIES;

/** A log of single lines, one for each event. */
export class Log {
  #options: LogOptions;
  readonly #mask = makeAddressMask();

  constructor(options: LogOptions) {
    this.#options = options;
  }

  configure(options: Omit<LogOptions, "pairs" | "priorities" | "write" | "now">): void {
    this.#options = { ...this.#options, ...options };
  }

  /** @param event what it tells of; null: no event, such as advice on settings, which may end with a command to paste */
  error(message: string, event: LogEvent | null): void {
    this.#line(VERBOSITY.notice, "error", message, event);
  }

  /** @param event as of `error()` */
  warning(message: string, event: LogEvent | null): void {
    this.#line(VERBOSITY.notice, "warning", message, event);
  }

  /** @param event as of `error()` */
  notice(message: string, event: LogEvent | null): void {
    this.#line(VERBOSITY.notice, "notice", message, event);
  }

  /** @param event as of `error()` */
  info(message: string, event: LogEvent | null = null): void {
    this.#line(VERBOSITY.info, "info", message, event);
  }

  /** @param tell makes the line, which may be long, if anybody reads it */
  command(tell: () => string): void {
    if (VERBOSITY.command <= this.#options.verbosity) this.#line(VERBOSITY.command, "command", tell(), null);
  }

  debug(message: string): void {
    this.#line(VERBOSITY.debug, "debug", message, null);
  }

  /** The line that `warning()` writes. */
  formatWarning(message: string, event: LogEvent | null): string {
    return this.#format("warning", message, event);
  }

  #line(verbosity: number, level: Level, message: string, event: LogEvent | null): void {
    if (verbosity <= this.#options.verbosity) this.#options.write(this.#format(level, message, event));
  }

  #format(level: Level, message: string, event: LogEvent | null): string {
    const { priorities, format, addresses } = this.#options;
    // An event is a line, whatever it is about.
    const line = showInvisible(message.trimEnd().replaceAll("\n", "; "));
    const pairs = event ?? {};
    const [shown, told] = addresses === false ? [this.#mask(line), this.#maskPairs(pairs)] : [line, pairs];
    const start = priorities ? `<${PRIORITIES[level]}>` : "";
    return start +
      (format === "json" ? this.#asJson(level, shown, told) : this.#asText(level, shown, told));
  }

  #maskPairs(pairs: LogPairs): LogPairs {
    const hide = (value: LogPairs[string]) => typeof value === "string" ? this.#mask(value) : value;
    return Object.fromEntries(Object.entries(pairs).map(([key, value]) => [key, hide(value)]));
  }

  #asText(level: Level, message: string, pairs: LogPairs): string {
    const { time, pid, now } = this.#options;
    const words = [...(time ? [formatTime(now())] : []), ...(pid === null ? [] : [`[${pid}]`])];
    const label = level === "error" ? "Error: " : level === "warning" ? "Warning: " : "";
    return [...words, label + message, ...this.#options.pairs ? formatPairs(pairs) : []].join(" ");
  }

  #asJson(level: Level, message: string, pairs: LogPairs): string {
    const { time, pid, now } = this.#options;
    return showInvisible(JSON.stringify({
      ...(time ? { time: now().toISOString() } : {}),
      ...(pid === null ? {} : { pid }),
      level,
      message,
      ...pairs,
    }));
  }
}

/** Formats local time as `2026-01-31 23:59:59`. */
function formatTime(date: Date): string {
  const pad = (value: number) => String(value).padStart(2, "0");
  const day = [date.getFullYear(), pad(date.getMonth() + 1), pad(date.getDate())].join("-");
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(pad).join(":")}`;
}
