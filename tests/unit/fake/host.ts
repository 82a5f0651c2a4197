import assert from "node:assert/strict";
import type { Surroundings } from "../../../lib/ports.ts";
import type { VirtualClock } from "./clock.ts";
import { DataPath, type Fate, type Sending } from "./data_path.ts";
import { FakeKernel, type KernelOptions } from "./kernel.ts";
import { FakeLock } from "./lock.ts";
import type { FakePacketQueue } from "./packet_queue.ts";
import { FakeProcess } from "./process.ts";
import { FakePrograms, type Latency } from "./programs.ts";
import type { RawSocketHost } from "./raw_socket.ts";
import type { FakeReplySocket } from "./reply_socket.ts";
import type { FakeStatusSocket } from "./status_socket.ts";
import { FakeResolver, type FakeServiceManager, SeededRandom } from "./surroundings.ts";
import type { ErrorCode } from "./sys_error.ts";

/** How a host is set up. */
export interface HostOptions extends Partial<Omit<KernelOptions, "now">> {
  /** IP/LENGTH of eth0. */
  readonly address: string;
  /** The gateway of its default route. */
  readonly gateway: string;
  readonly latency?: Latency | null;
  readonly seed?: number;
  /** Called with each packet that leaves the host. */
  readonly onSent?: (packet: Uint8Array) => void;
}

/** A fake host: kernel, programs, sockets, and the processes that use them. */
export class FakeHost implements RawSocketHost {
  readonly clock: VirtualClock;
  readonly kernel: FakeKernel;
  readonly path: DataPath;
  readonly lock = new FakeLock();
  /** The process that runs each instance, by name. */
  readonly instances = new Map<string, FakeProcess>();
  nextPid = 1_000;
  readonly programs: FakePrograms;
  readonly random: SeededRandom;
  readonly resolver: FakeResolver;
  readonly queues = new Map<number, FakePacketQueue>();
  /** Files that instances keep between runs, by path. */
  readonly files = new Map<string, string>();
  /** Paths of the files that were written, each time. */
  readonly writes: string[] = [];
  /** Why files cannot be written; null: they can. */
  failWrites: string | null = null;
  /** What its surroundings say. */
  surroundings: Surroundings = { isInnerUserNamespace: () => false, releaseWithoutModules: () => null };
  readonly replySockets = new Set<FakeReplySocket>();
  /** Where its instances can be asked, by label. */
  readonly statusSockets = new Map<string, FakeStatusSocket>();
  /** Why they cannot be opened; null: they can. */
  failSockets: string | null = null;
  /** How many raw sockets cannot be opened from now on. */
  failRawSockets = 0;
  readonly onSent: (packet: Uint8Array) => void;
  /** Whether the kernel has nftables, as far as news of it go. */
  hasNftables = true;
  sendError: ErrorCode | null = null;
  /** What was read of the kernel: "devices", "FOU ports" or "table", each time. */
  readonly reads: string[] = [];
  /** Why the next attempts to read it fail; null: one does not. */
  readonly failReading: (Error | null)[] = [];

  constructor(clock: VirtualClock, options: HostOptions) {
    const { address, gateway, latency = null, seed = 1, onSent = () => {}, ...kernelOptions } = options;
    this.clock = clock;
    this.kernel = new FakeKernel({ ...kernelOptions, now: () => clock.now() });
    this.path = new DataPath(this.kernel, (packet) => {
      for (const socket of this.replySockets) socket.put(packet);
    });
    this.programs = new FakePrograms(this.kernel, clock, this.lock, latency);
    this.random = new SeededRandom(seed);
    this.resolver = new FakeResolver(clock);
    this.onSent = onSent;
    this.kernel.addDevice("lo", { kind: "", addresses: ["127.0.0.1/8"] });
    this.kernel.addDevice("eth0", { kind: "veth", addresses: [address] });
    this.kernel.loadModules();
    this.kernel.ip(`route add default dev eth0 via ${gateway}`);
  }

  /** Starts a process. The program under test gets its `system`. @param serviceManager what started it, if any */
  start(serviceManager: FakeServiceManager | null = null): FakeProcess {
    return new FakeProcess(this, serviceManager);
  }

  /**
   * Receives an IPv4 packet on eth0. A packet for a netfilter queue is put there if a process reads the queue and there
   * is room, and dropped otherwise.
   */
  receive(packet: Uint8Array, device = "eth0"): Fate {
    const fate = this.path.receive(packet, device);
    if (fate.kind !== "queue") return fate;
    const isIn = this.queues.get(fate.number)?.put(fate.packet) ?? false;
    return isIn ? fate : { kind: "dropped", why: `queue ${fate.number}` };
  }

  /** Sends an IPv4 packet into a tunnel device. Packets that leave the host also go to `onSent`. */
  send(device: string, inner: Uint8Array): Sending {
    const sending = this.path.send(device, inner);
    if (sending.kind === "sent") this.onSent(sending.packet);
    return sending;
  }

  /** Throws if a program was asked for something that it does not know. */
  assertNoMistakes(): void {
    for (const mistake of this.programs.mistakes) assert.fail(mistake as Error);
  }
}
