import { env, pid } from "node:process";
import { ClockWatch } from "../ffi/clock_watch.ts";
import { lockFile, lockFileInherited } from "../ffi/file_lock.ts";
import { NetlinkReader } from "../ffi/kernel_reader.ts";
import { NetlinkWriter } from "../ffi/kernel_writer.ts";
import { findInstanceHolder, takeInstanceLock } from "../ffi/instance_lock.ts";
import { NetlinkNews } from "../ffi/netlink_news.ts";
import { NetlinkRoutes } from "../ffi/netlink_routes.ts";
import { NotifySocket } from "../ffi/notify_socket.ts";
import { PacketQueue } from "../ffi/packet_queue.ts";
import { isPortFree } from "../ffi/port_probe.ts";
import { signalLockHolder, takeProcessLock } from "../ffi/process_lock.ts";
import { RawSocket } from "../ffi/raw_socket.ts";
import { ReplySocket } from "../ffi/reply_socket.ts";
import { isInnerUserNamespace, releaseWithoutModules } from "../ffi/surroundings.ts";
import { CLOCK, RANDOM } from "./clock.ts";
import type { ServiceManager, System } from "./ports.ts";
import { lookUpHost } from "./resolve_host.ts";
import { hasProgram, runProgram } from "./run_program.ts";
import { readManager } from "./service_manager.ts";
import { stateFile } from "./state_file.ts";
import { openStatusSocket } from "./status_socket.ts";

/** The real system. Nothing is opened before it is asked for. */
export const SYSTEM: System = {
  clock: CLOCK,
  random: RANDOM,
  runProgram,
  surroundings: { isInnerUserNamespace, releaseWithoutModules },
  locks: {
    namespace: () => lockFileInherited("/proc/self/ns/net"),
    folder: lockFile,
    instance: (name) => takeInstanceLock(name, pid),
    holderOf: findInstanceHolder,
    process: takeProcessLock,
    signalHolder: signalLockHolder,
  },
  openNews: NetlinkNews.open,
  openRoutes: () => new NetlinkRoutes(),
  openReader: () => new NetlinkReader(),
  hasProgram,
  openWriter: () => new NetlinkWriter(),
  openPacketQueue: PacketQueue.open,
  openRawSocket: (options) => new RawSocket(options),
  openReplySocket: (options) => new ReplySocket(options),
  openClockWatch: () => new ClockWatch(),
  isPortFree,
  openState: stateFile,
  openStatusSocket,
  resolve: lookUpHost,
  openServiceManager,
};

function openServiceManager(): ServiceManager | null {
  const manager = readManager(env, pid);
  if (manager === null) return null;
  const socket = new NotifySocket(manager.socket);
  return {
    period: manager.period,
    send: (message) => socket.send(message),
    get time() {
      return socket.time;
    },
    [Symbol.dispose]: () => socket[Symbol.dispose](),
  };
}
