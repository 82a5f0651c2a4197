import { EXIT, IpipouError } from "./errors.ts";

/** Milliseconds between signs of life that a service manager gets by default, and at least. */
const DEFAULT_PERIOD = 30_000;
const SHORTEST_PERIOD = 100;
/** Most bytes of a Unix socket's path. */
const LONGEST_PATH = 107;

/** The service manager that the environment of a process tells of. */
interface Manager {
  /** Path of its socket; a leading `@` means the abstract namespace. */
  readonly socket: string;
  /** Milliseconds within which it expects each sign of life. */
  readonly period: number;
}

/**
 * Reads the environment that a service manager sets; see sd_notify(3) and sd_watchdog_enabled(3). A watchdog's period
 * that is no number, or is meant for another process, is ignored.
 *
 * @returns null: no service manager started the process
 * @throws {IpipouError} when the socket is none that the program can use
 */
export function readManager(
  { NOTIFY_SOCKET: socket, WATCHDOG_USEC: period, WATCHDOG_PID: watched }: Readonly<
    Record<string, string | undefined>
  >,
  pid: number,
): Manager | null {
  if (!socket) return null;
  if (!/^[/@]./s.test(socket) || new TextEncoder().encode(socket).length > LONGEST_PATH) {
    throw new IpipouError(
      `Cannot use ${
        JSON.stringify(socket.slice(0, LONGEST_PATH))
      } as the service manager's socket ($NOTIFY_SOCKET): must be a path, or ` +
        "begin with @; unset it",
      EXIT.usage,
    );
  }
  const isWatched = /^[1-9]\d{0,15}$/.test(period ?? "") && (watched ?? `${pid}`) === `${pid}`;
  return {
    socket,
    period: isWatched ? Math.max(SHORTEST_PERIOD, Number(period) / 1000) : DEFAULT_PERIOD,
  };
}
