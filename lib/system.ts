import { env, pid } from "node:process";
import { FileLock, lockNamespace } from "../ffi/file_lock.ts";
import { NetlinkNews } from "../ffi/netlink_news.ts";
import { NotifySocket } from "../ffi/notify_socket.ts";
import { PacketQueue } from "../ffi/packet_queue.ts";
import { ProcessLock } from "../ffi/process_lock.ts";
import { RawSocket } from "../ffi/raw_socket.ts";
import { ReplySocket } from "../ffi/reply_socket.ts";
import { CLOCK, RANDOM } from "./clock.ts";
import type { ServiceManager, System } from "./ports.ts";
import { lookUpHost } from "./resolve_host.ts";
import { runProgram } from "./run_program.ts";

/** Milliseconds within which a service manager hears of us where it has not said what it wants. */
const DEFAULT_PERIOD = 30_000;

/** The system that this process runs on. Nothing is opened before it is asked for. */
export const SYSTEM: System = {
  clock: CLOCK,
  random: RANDOM,
  runProgram,
  locks: {
    namespace: lockNamespace,
    folder: (path) => FileLock.take(path),
    process: (path) => ProcessLock.take(path),
    signalHolder: (path, signal) => ProcessLock.signalHolder(path, signal),
  },
  openNews: (table) => NetlinkNews.open(table),
  openPacketQueue: (options) => PacketQueue.open(options),
  openRawSocket: (options) => RawSocket.open(options),
  openReplySocket: (options) => ReplySocket.open(options),
  resolve: lookUpHost,
  openServiceManager,
};

function openServiceManager(): ServiceManager | null {
  const { NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID } = env;
  if (!NOTIFY_SOCKET) return null;
  const isWatched = WATCHDOG_USEC !== undefined && (WATCHDOG_PID ?? `${pid}`) === `${pid}`;
  const socket = NotifySocket.open(NOTIFY_SOCKET);
  return {
    period: isWatched ? Number(WATCHDOG_USEC) / 1000 : DEFAULT_PERIOD,
    send: (message) => socket.send(message),
    get time() {
      return socket.time;
    },
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  };
}
