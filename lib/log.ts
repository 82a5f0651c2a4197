/** How much the log says, by `-v`: each level has all of the ones before. */
export const VERBOSITY = {
  /** Errors, warnings, and what became of tunnels. */
  notice: 0,
  /** What became of single auth packets, and what was taken over or left. */
  info: 1,
  /** Every command that was run. */
  command: 2,
  /** Single packets, without their payload. */
  debug: 3,
} as const;

/** Where a log's lines go and how they begin. */
export interface LogOptions {
  /** One of `VERBOSITY`; higher is the same as the highest. */
  readonly verbosity: number;
  readonly time: boolean;
  /** Process id to begin lines with; null: none. */
  readonly pid: number | null;
  readonly write: (line: string) => void;
  /** Local time. */
  readonly now: () => Date;
}

/** A log of single lines. */
export class Log {
  #options: LogOptions;

  constructor(options: LogOptions) {
    this.#options = options;
  }

  /** Changes what it says and how its lines begin. */
  configure(options: Pick<LogOptions, "verbosity" | "time" | "pid">): void {
    this.#options = { ...this.#options, ...options };
  }

  error(message: string): void {
    this.#line(VERBOSITY.notice, `Error: ${message}`);
  }

  warning(message: string): void {
    this.#line(VERBOSITY.notice, `Warning: ${message}`);
  }

  notice(message: string): void {
    this.#line(VERBOSITY.notice, message);
  }

  info(message: string): void {
    this.#line(VERBOSITY.info, message);
  }

  command(message: string): void {
    this.#line(VERBOSITY.command, message);
  }

  debug(message: string): void {
    this.#line(VERBOSITY.debug, message);
  }

  #line(level: number, message: string): void {
    const { verbosity, time, pid, write, now } = this.#options;
    if (level > verbosity) return;
    const prefix = [...(time ? [formatTime(now())] : []), ...(pid === null ? [] : [`[${pid}]`])];
    for (const line of message.split("\n")) write([...prefix, line].join(" "));
  }
}

/** Local time as `2026-01-31 23:59:59`. */
function formatTime(date: Date): string {
  const pad = (value: number) => String(value).padStart(2, "0");
  const day = [date.getFullYear(), pad(date.getMonth() + 1), pad(date.getDate())].join("-");
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(pad).join(":")}`;
}
