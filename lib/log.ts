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
  readonly write: (line: string) => void;
  readonly now: () => Date;
}

/** A log of single lines. */
export class Log {
  #options: LogOptions;

  constructor(options: LogOptions) {
    this.#options = options;
  }

  configure(options: Pick<LogOptions, "verbosity" | "time" | "pid">): void {
    this.#options = { ...this.#options, ...options };
  }

  error(message: string): void {
    this.#line(VERBOSITY.notice, 3, `Error: ${message}`);
  }

  warning(message: string): void {
    this.#line(VERBOSITY.notice, 4, `Warning: ${message}`);
  }

  notice(message: string): void {
    this.#line(VERBOSITY.notice, 5, message);
  }

  info(message: string): void {
    this.#line(VERBOSITY.info, 6, message);
  }

  command(message: string): void {
    this.#line(VERBOSITY.command, 7, message);
  }

  debug(message: string): void {
    this.#line(VERBOSITY.debug, 7, message);
  }

  /** @param priority see syslog(3) */
  #line(level: number, priority: number, message: string): void {
    const { verbosity, time, pid, priorities, write, now } = this.#options;
    if (level > verbosity) return;
    const prefix = [...(time ? [formatTime(now())] : []), ...(pid === null ? [] : [`[${pid}]`])];
    const start = priorities ? `<${priority}>` : "";
    for (const line of message.split("\n")) write(start + [...prefix, showInvisible(line)].join(" "));
  }
}

/** Formats local time as `2026-01-31 23:59:59`. */
function formatTime(date: Date): string {
  const pad = (value: number) => String(value).padStart(2, "0");
  const day = [date.getFullYear(), pad(date.getMonth() + 1), pad(date.getDate())].join("-");
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(pad).join(":")}`;
}
