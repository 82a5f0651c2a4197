import { makeAddressMask } from "./address_mask.ts";
import { showInvisible } from "./errors.ts";

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
  /** As text, or each as a JSON object: `time` (ISO 8601), `pid`, `level`, `message`. */
  readonly format?: "text" | "json";
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

  configure(options: Omit<LogOptions, "priorities" | "write" | "now">): void {
    this.#options = { ...this.#options, ...options };
  }

  error(message: string): void {
    this.#line(VERBOSITY.notice, "error", message);
  }

  warning(message: string): void {
    this.#line(VERBOSITY.notice, "warning", message);
  }

  notice(message: string): void {
    this.#line(VERBOSITY.notice, "notice", message);
  }

  info(message: string): void {
    this.#line(VERBOSITY.info, "info", message);
  }

  command(message: string): void {
    this.#line(VERBOSITY.command, "command", message);
  }

  debug(message: string): void {
    this.#line(VERBOSITY.debug, "debug", message);
  }

  /** The line that `warning()` writes. */
  formatWarning(message: string): string {
    return this.#format("warning", message);
  }

  #line(verbosity: number, level: Level, message: string): void {
    if (verbosity <= this.#options.verbosity) this.#options.write(this.#format(level, message));
  }

  #format(level: Level, message: string): string {
    const { priorities, format, addresses } = this.#options;
    // An event is a line, whatever it is about.
    const line = showInvisible(message.trimEnd().replaceAll("\n", "; "));
    const shown = addresses === false ? this.#mask(line) : line;
    const start = priorities ? `<${PRIORITIES[level]}>` : "";
    return start + (format === "json" ? this.#asJson(level, shown) : this.#asText(level, shown));
  }

  #asText(level: Level, message: string): string {
    const { time, pid, now } = this.#options;
    const words = [...(time ? [formatTime(now())] : []), ...(pid === null ? [] : [`[${pid}]`])];
    const label = level === "error" ? "Error: " : level === "warning" ? "Warning: " : "";
    return [...words, label + message].join(" ");
  }

  #asJson(level: Level, message: string): string {
    const { time, pid, now } = this.#options;
    return JSON.stringify({
      ...(time ? { time: now().toISOString() } : {}),
      ...(pid === null ? {} : { pid }),
      level,
      message,
    });
  }
}

/** Formats local time as `2026-01-31 23:59:59`. */
function formatTime(date: Date): string {
  const pad = (value: number) => String(value).padStart(2, "0");
  const day = [date.getFullYear(), pad(date.getMonth() + 1), pad(date.getDate())].join("-");
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(pad).join(":")}`;
}
