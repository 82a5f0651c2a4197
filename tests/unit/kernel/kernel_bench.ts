import type { Admission } from "../../../lib/admission.ts";
import type { Wanted } from "../../../lib/kernel/desired.ts";
import { Executor } from "../../../lib/kernel/executor.ts";
import { Kernel } from "../../../lib/kernel/kernel.ts";
import { Runner } from "../../../lib/kernel/runner.ts";
import { Log } from "../../../lib/log.ts";
import type { Settings } from "../../../lib/settings/settings.ts";
import { VirtualClock } from "../fake/clock.ts";
import { FakeHost } from "../fake/host.ts";
import { samplePeer, sampleSettings } from "../samples.ts";

const OUTSIDE = { ip: "192.0.2.1", device: "eth0", link: "eth0", isRuled: false, isMarkRuled: false };
/** More FOU ports than the kernel lists in one message. */
export const MANY = 100;

export const PEERS = Array.from({ length: MANY }, (_, index) =>
  samplePeer({
    name: `p${index}`,
    tunnel: { device: `p${index}`, ip: `172.28.1.${2 * index % 256}`, peerIp: `172.28.2.${index}` },
    altIp: null,
  }));
export const HUB = sampleSettings({ name: "hub", peers: PEERS });

/** All peers behind one address. */
export const ALL_ADMITTED: Wanted = {
  settings: HUB,
  outside: OUTSIDE,
  admissions: new Map(PEERS.map(({ name }, index): [string, Admission] => [
    name,
    { remote: { ip: "198.51.100.2", port: 40_000 + index }, port: 10_000, expiresAt: null },
  ])),
};

/** The kernel's side of an instance, in a newly started process of a host. @param lines gets what it logs */
export function startKernel(host: FakeHost, settings: Settings, lines: string[]): Kernel {
  const { system } = host.start();
  const { clock, locks, isPortFree, hasProgram, surroundings } = system;
  const write = (line: string) => lines.push(line);
  const log = new Log({ verbosity: 1, time: false, pid: null, write, now: () => new Date() });
  const runner = new Runner(system, log);
  return new Kernel(settings, {
    reader: system.openReader(),
    hasProgram,
    surroundings,
    runner,
    executor: new Executor(runner, system.openWriter(), log),
    lock: () => locks.namespace(),
    clock,
    news: system.openNews(settings.nft.table),
    routes: system.openRoutes(),
    isPortFree,
    log,
  });
}

/** A host, and the kernel's side of a server on it. */
export class Bench {
  readonly clock = new VirtualClock();
  readonly host = new FakeHost(this.clock, {
    address: "192.0.2.1/24",
    gateway: "192.0.2.254",
    fouPortsPerMessage: 40,
  });
  readonly lines: string[] = [];

  /** A `Kernel` of a newly started process. */
  newKernel(): Kernel {
    return startKernel(this.host, HUB, this.lines);
  }

  /** The command lines that run during `work`. */
  async runsDuring(work: () => Promise<unknown>): Promise<string[]> {
    const { length } = this.host.programs.runs;
    await work();
    return this.host.programs.runs.slice(length);
  }
}
