import assert from "node:assert/strict";
import "../../../lib/daemon/status_answers.ts";
import { doctor } from "../../../lib/commands/doctor.ts";
import { statusSystem } from "../../../lib/commands/status_system.ts";
import type { Host, TraceEvent, TraceRequest } from "../../../lib/doctor_ports.ts";
import type { RawSocket, System } from "../../../lib/ports.ts";
import { parseInvocation } from "../../../lib/settings/command_line.ts";
import { ACCEPTED } from "../auth/vectors.ts";
import { Mailbox } from "../fake/mailbox.ts";
import { PORT, SERVER_NAME, World } from "../pair/world.ts";
import { filesInMemory } from "../settings/memory_files.ts";
import { turn } from "../turn.ts";

/** The file of its settings. */
export const OFFICE = `number = 1
reply-on-auth-ok = true
[fou]
local = "@eth0"
local-port = ${PORT}
remote = "${SERVER_NAME}:${PORT}"
[tunl]
ip = "172.28.0.1"
peer-ip = "172.28.0.0"
[auth]
key-b64 = "${ACCEPTED[0]!.privateKey.toBase64()}"
secret = "s"
`;
/** What is in /proc, as far as it is read. */
export const PROC: Readonly<Record<string, string>> = {
  "/proc/self/status": "Uid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n",
  "/proc/7/status": "Name:\tipipou\nUid:\t0\t0\t0\t0\nCapEff:\t0000000000003000\n",
  "/proc/sys/net/ipv4/conf/all/rp_filter": "0\n",
  "/proc/sys/net/ipv4/conf/eth0/rp_filter": "2\n",
  "/proc/sys/net/ipv4/conf/default/forwarding": "0\n",
};
const VERSIONS = {
  ip: "ip utility, iproute2-6.1.0",
  nft: "nftables v1.0.6",
  modprobe: "kmod version 30",
  ss: "",
};
/** All can be loaded. */
const MODULES = {
  "/lib/modules/6.1.0-13-amd64/modules.dep": [
    "fou",
    "nf_tables",
    "nft_fib_ipv4",
    "nft_ct",
    "nft_limit",
    "nft_queue",
    "nfnetlink_queue",
  ]
    .map((name) => `kernel/net/${name}.ko.xz: kernel/net/other.ko.xz\n`).join(""),
};
const ICMP = 1;

/** A client of a hub, and what its fake programs were asked. */
export class Patient {
  readonly world = new World();
  readonly node = this.world.clients[0]!;
  readonly host = this.node.host;
  proc = PROC;
  families: ReadonlySet<string> = new Set(["fou", "ethtool"]);
  modules = ["ipip"];
  /** What `nft` lists. */
  rules = "";
  /** Bytes of the longest packet that gets anywhere. */
  longest = 1_500;
  settings: Readonly<Record<string, string>> = { "/etc/ipipou/office.toml": OFFICE };
  readonly runs: string[] = [];
  /** What its kernel was asked to trace, and what it tells then. */
  readonly traces: TraceRequest[] = [];
  readonly events = new Mailbox<TraceEvent>(100);
  /** Whether the instance that answers is in another network namespace. */
  isElsewhere = false;
  /** Sockets that this user may not ask at. */
  readonly closed = new Set<string>();
  /** Files that cannot be read. */
  readonly unread = new Set<string>();
  /** Why it traces nothing. */
  traceError: Error | null = null;

  static async begin(): Promise<Patient> {
    const patient = new Patient();
    await patient.world.begin();
    patient.world.sendData(0);
    patient.world.sendBack(0);
    return patient;
  }

  async examine(argv: readonly string[] = [], files: Readonly<Record<string, string>> = {}) {
    const invocation = parseInvocation(["doctor", ...argv]);
    assert.ok(invocation.kind === "doctor");
    const { system } = this.host.start();
    const icmp = new Mailbox<Uint8Array>(16);
    using reader = system.openReader();
    using routes = system.openRoutes();
    const sockets = {
      list: () => [...new Set([...this.host.statusSockets.keys(), ...this.closed])],
      connect: (label: string) =>
        this.closed.has(label)
          ? Promise.reject(new Deno.errors.PermissionDenied("Permission denied"))
          : Promise.resolve(this.host.statusSockets.get(label)!.connect()),
    };
    const memory = filesInMemory({ ...this.settings, ...MODULES, ...files });
    const denied = { ok: false, missing: false, reason: "Permission denied" } as const;
    let isOver = false;
    const examining = doctor(invocation, {
      system: { ...system, ...this.#replace(system, icmp) },
      host: this.#makeHost(icmp),
      files: { ...memory, read: (path) => this.unread.has(path) ? denied : memory.read(path) },
      status: statusSystem(system.clock, reader, routes, sockets, {
        holderOf: (name) => name === "ipipou1" && this.node.isRunning && !this.isElsewhere ? 7 : null,
        instanceOf: () => null,
      }),
    }).finally(() => isOver = true);
    while (!isOver) {
      await this.world.clock.advance(50);
      // What a running instance loads when it is asked takes real time.
      await turn();
    }
    return await examining;
  }

  #replace(system: System, icmp: Mailbox<Uint8Array>): Pick<System, "runProgram" | "openRawSocket"> {
    return {
      runProgram: (program, args) => {
        this.runs.push([program, ...args].join(" "));
        const stdout = args.includes("list") ? this.rules : VERSIONS[program];
        return Promise.resolve({ code: 0, stdout, stderr: "", isLate: false });
      },
      openRawSocket: (way) => this.#answerPings(system.openRawSocket(way), icmp),
    };
  }

  /** The far end answers pings, unless they are too long for the way. */
  #answerPings(socket: RawSocket, icmp: Mailbox<Uint8Array>): RawSocket {
    return {
      defaultTtl: socket.defaultTtl,
      send: (packet, destination) => {
        if (packet[9] !== ICMP) return socket.send(packet, destination);
        const answer = packet.slice();
        answer[20] = 0;
        if (packet.length <= this.longest) icmp.put(answer);
      },
      [Symbol.dispose]: () => socket[Symbol.dispose](),
    };
  }

  #makeHost(icmp: Mailbox<Uint8Array>): Host {
    return {
      release: () => "6.1.0-13-amd64",
      read: (path) => this.proc[path] ?? null,
      exists: (path) => this.modules.some((name) => path === `/sys/module/${name}`),
      families: () => this.families,
      isClockKept: () => true,
      features: () => ({ on: new Set(["rx-gro", "tx-generic-segmentation"]), changeable: new Set() }),
      queueLibrary: () => ({ file: "libnetfilter_queue.so.1.5.0" }),
      holdPort: () => ({ [Symbol.dispose]: () => {} }),
      openTrace: (wanted) => {
        if (this.traceError !== null) throw this.traceError;
        this.traces.push(wanted);
        const { events } = this;
        const stopped = new AbortController();
        return {
          table: "ipipou-doctor-1",
          events: async function* () {
            yield* events.read(stopped.signal);
            while (events.length > 0) yield (await events.read().next()).value!;
          },
          stop: () => stopped.abort(),
          [Symbol.dispose]: () => this.events.close(),
        };
      },
      openIcmp: () => ({ packets: () => icmp.read(), [Symbol.dispose]: () => {} }),
      cLibrary: () => "glibc 2.36",
    };
  }
}
