import { isDeepStrictEqual } from "node:util";
import { isLive } from "../admission.ts";
import type { Wanted } from "../kernel/desired.ts";
import { refuseBoundElsewhere } from "../kernel/leftovers.ts";
import type { Outside } from "../kernel/member.ts";
import type { Observed } from "../kernel/state.ts";
import type { LogEvent } from "../log_events.ts";
import { formatEndpoint } from "../packet.ts";
import type { PacketQueue } from "../ports.ts";
import type { Settings } from "../settings/settings.ts";
import { findAdmissions } from "./adoption.ts";
import { Announcer } from "./announcer.ts";
import type { Daemon, DaemonContext } from "./context.ts";
import { describeHosts, findHosts, HostSearch, hostsOf } from "./hosts.ts";
import { awaitOutside, describeMove, findOutside } from "./outside.ts";
import { PeerFaults } from "./peer_faults.ts";
import { PeerLog } from "./peer_log.ts";
import { Reconciler } from "./reconciler.ts";
import { ReplayRecord } from "./replay_record.ts";
import { Reception } from "./reception.ts";
import { keepRepaired } from "./repair.ts";
import {
  makeSetup,
  missingOf,
  placesOf,
  queueOfHints,
  refuseShared,
  release,
  type ServerSetup,
  tellOfStart,
  withHosts,
  withOutside,
} from "./server_setup.ts";
import { Sequence } from "./sequence.ts";
import type { ServerStatus } from "./status.ts";
import type { ServerView } from "./view.ts";
import { unlessStopped } from "./wait.ts";
import { WallClock } from "./wall_clock.ts";
import { Whereabouts } from "./whereabouts.ts";

/** The server: reads auth packets from the gate's queue, and makes the kernel follow the admissions. */
export class Server implements Daemon {
  readonly #context: DaemonContext;
  readonly #reconciler: Reconciler;
  readonly #hosts: HostSearch;
  readonly #whereabouts: Whereabouts;
  readonly #wallClock: WallClock;
  readonly #faults: PeerFaults;
  readonly #peerLog: PeerLog;
  readonly #record: ReplayRecord;
  readonly #announcer: Announcer;
  readonly #reception: Reception;
  #setup: ServerSetup;
  /** Aborted when the setup is another one. */
  #switched = new AbortController();
  /** After which look, and for which setup, the outside was found to stay as it is. */
  #located: readonly [looks: number, setup: ServerSetup | null] = [0, null];
  /** Of the setup. */
  readonly #changes = new Sequence();

  private constructor(context: DaemonContext, setup: ServerSetup, record: ReplayRecord) {
    const { system: { clock }, kernel, log, stop } = context;
    const news = (stop: AbortSignal) => kernel.repairDue(stop);
    this.#context = context;
    this.#setup = setup;
    this.#reconciler = new Reconciler(() => this.#apply(), { log, clock, stop, news });
    this.#hosts = new HostSearch(() => this.#changes.run(() => this.#useFoundHosts()), context);
    this.#whereabouts = new Whereabouts(context);
    const verifies = setup.settings.peers.some(({ scheme }) => scheme.kind === "ed25519");
    this.#wallClock = new WallClock(context, verifies, "signed auth packets may be refused");
    this.#faults = new PeerFaults(log);
    this.#peerLog = new PeerLog(log, clock);
    this.#record = record;
    this.#announcer = new Announcer(() => this.#setup, this.#peerLog, context);
    const parts = {
      ...{ reconciler: this.#reconciler, faults: this.#faults, peerLog: this.#peerLog },
      ...{ record, announcer: this.#announcer },
    };
    this.#reception = new Reception({ ...context, ...parts, setup: () => this.#setup });
  }

  /** Sets up the gate, and takes over what an earlier run left. @throws {IpipouError} when it cannot */
  static async start(context: DaemonContext): Promise<Server> {
    const { system, settings, kernel, log, stop } = context;
    const { observed, outside } = await awaitOutside(context);
    refuseShared(settings, outside, observed);
    refuseBoundElsewhere(observed, outside, settings);
    const hosts = await unlessStopped(findHosts(hostsOf(settings.peers), new Map(), context), stop);
    const record = await ReplayRecord.open(system.openState(`${settings.name}.replays.json`), context);
    const { replays } = record;
    using resources = new DisposableStack();
    const setup = makeSetup(context, { settings, outside, hosts, replays });
    const server = resources.use(new Server(context, setup, record));
    const { registrar } = server.#setup;
    const left = findAdmissions(settings.peers, observed.own, outside.ip);
    for (const [name, admission] of left) registrar.adopt(name, admission, system.clock.now());
    server.#tookOver();
    tellOfStart(settings, outside, observed, log);
    const clashes = kernel.describeClashes(settings, observed);
    await server.#apply();
    for (const clash of clashes) log.warning(clash, null);
    server.#hosts.lookFor(missingOf(server.#setup));
    const places = server.status.places.map(formatEndpoint);
    log.notice(`waiting for clients at ${places.join(", ")}`, {
      event: "listening",
      local: places.join(","),
    });
    resources.move();
    return server;
  }

  #tookOver(): void {
    const { settings: { peers }, registrar: { admissions } } = this.#setup;
    this.#peerLog.tookOver(admissions);
    this.#announcer.update();
    for (const peer of peers) {
      const admission = admissions.get(peer.name);
      if (admission !== undefined) this.#announcer.note(peer, admission);
    }
  }

  get status(): ServerStatus {
    const { settings: { peers }, registrar: { admissions } } = this.#setup;
    const now = this.#context.system.clock.now();
    let admitted = 0;
    for (const [name, admission] of admissions) {
      if (isLive(admission, now) && !this.#faults.has(name)) admitted++;
    }
    return {
      role: "server",
      places: placesOf(this.#setup),
      peers: peers.length,
      admitted,
      missingHosts: this.#hosts.missing,
      faults: this.#faults.current,
      silent: this.#reception.liveness.silent,
      problem: this.#context.kernel.ports.lack ?? this.#whereabouts.lack ?? this.#wallClock.lack ??
        this.#reconciler.fault,
    };
  }

  get view(): ServerView {
    const { settings, outside, hosts, registrar: { admissions } } = this.#setup;
    return {
      ...{ role: "server", settings, outside, hosts, admissions },
      ...{ faults: this.#faults.current, liveness: this.#reception.liveness, history: this.#peerLog.history },
      problem: this.status.problem,
    };
  }

  /** What the kernel is to be like. */
  get wanted(): Wanted {
    const { settings, outside, registrar: { admissions } } = this.#setup;
    const hints = { keys: this.#reception.hints, queue: queueOfHints(this.#setup) };
    return { settings, outside, admissions: new Map(admissions), hints };
  }

  /** Handles auth packets until told to stop. @throws {IpipouError} exit code 20 when the queue fails */
  async serve(): Promise<void> {
    const { kernel, stop } = this.#context;
    await Promise.all([
      this.#readQueue(({ hintQueue }) => hintQueue),
      this.#readQueue(({ queue }) => queue),
      keepRepaired(kernel, this.#reconciler, stop),
      kernel.ports.keepClosed(stop),
      this.#record.keep(stop),
      this.#announcer.keep(),
      this.#reception.keep(stop),
      this.#wallClock.follow(stop, (step) => this.#record.handleStep(step)),
    ]);
    await this.#reconciler.settled();
    await this.#record.close();
  }

  sayGoodbye(): void {
    this.#announcer.sayGoodbye();
  }

  reload(settings: Settings): Promise<string[]> {
    return this.#changes.run(async () => {
      const hosts = await findHosts(hostsOf(settings.peers), this.#setup.hosts, this.#context);
      const observed = await this.#context.kernel.glance();
      // A repair may have replaced it meanwhile.
      const previous = this.#setup;
      const isHere = isDeepStrictEqual(settings.local, previous.settings.local);
      const outside = isHere ? this.#locate(settings, observed) : this.#chooseOutside(settings, observed);
      await this.#replace(
        makeSetup(this.#context, { ...previous, settings, outside, hosts }, previous),
      );
      const move = isHere ? describeMove(previous.outside, outside) : null;
      return [...move === null ? [] : [move], ...describeHosts(previous.hosts, hosts)];
    });
  }

  async #replace(next: ServerSetup): Promise<void> {
    const previous = this.#setup;
    try {
      this.#switchTo(next);
      this.#faults.beginTrial(previous.settings, next.settings);
      await this.#reconciler.attempt(() => {
        release(this.#setup, previous);
        previous.registrar.resume(next.registrar, this.#context.system.clock.now());
        this.#switchTo(previous);
        this.#faults.endTrial();
      });
    } catch (error) {
      release(next, previous);
      throw error;
    } finally {
      this.#faults.endTrial();
    }
    release(previous, this.#setup);
    this.#peerLog.reloaded(previous.registrar.admissions, next.registrar.admissions);
    this.#announcer.update(previous);
    this.#hosts.lookFor(missingOf(next));
  }

  /** Does nothing: only clients authenticate. */
  authenticate(): void {}

  [Symbol.dispose](): void {
    this.#hosts.lookFor(new Set());
    this.#setup.queue[Symbol.dispose]();
    this.#setup.hintQueue?.[Symbol.dispose]();
    this.#setup.sender[Symbol.dispose]();
  }

  /** @param choose null: there is none in that setup */
  async #readQueue(choose: (setup: ServerSetup) => PacketQueue | null): Promise<void> {
    const { stop, system: { clock } } = this.#context;
    // When a queue's packets end, the queue was closed and replaced.
    while (!stop.aborted) {
      const queue = choose(this.#setup);
      if (queue === null) await clock.waitUntil(null, stop, this.#switched.signal);
      else for await (const packet of queue.packets(stop)) this.#reception.handle(packet);
    }
  }

  #useFoundHosts(): void {
    const found = this.#hosts.take();
    if (found.size === 0) return;
    const previous = this.#setup;
    this.#setup = withHosts(this.#context.system, previous, found);
    this.#reception.update();
    this.#reconciler.follow();
    for (const [host, address] of found) {
      const event: LogEvent = { event: "resolved", host, address };
      this.#context.log.notice(`found the IPv4 address of ${host}: ${address}`, event);
    }
    this.#peerLog.reloaded(previous.registrar.admissions, this.#setup.registrar.admissions);
    this.#context.service.update();
  }

  /** Applies the setup and the admissions to the kernel. */
  async #apply(): Promise<void> {
    const { wanted } = this;
    const { settings, outside } = wanted;
    const locate = (observed: Observed) =>
      this.#setup.settings === settings ? this.#followAddress(observed) : outside;
    try {
      const faults = await this.#context.kernel.apply(wanted, locate);
      this.#faults.update(faults, wanted.admissions);
      this.#reception.handleApplied();
    } finally {
      this.#context.service.update();
    }
  }

  /** Follows the own address if it has changed. Each move of a peer asks, but the kernel is asked only after a look. */
  #followAddress(observed: Observed): Outside {
    const previous = this.#setup;
    const { looks } = this.#context.kernel;
    const [located, setup] = this.#located;
    if (located === looks && setup === previous) return previous.outside;
    const outside = this.#locate(previous.settings, observed);
    if (outside === previous.outside) {
      this.#located = [looks, previous];
      return outside;
    }
    this.#setup = withOutside(this.#context.system, previous, outside);
    release(previous, this.#setup);
    this.#whereabouts.moved(previous.outside, outside);
    return outside;
  }

  /** A server stays at its address while it has that. */
  #locate(settings: Settings, observed: Observed): Outside {
    const choose = () => this.#chooseOutside(settings, observed);
    return this.#whereabouts.find(this.#setup.outside, settings, observed, choose, true);
  }

  #chooseOutside(settings: Settings, observed: Observed): Outside {
    const outside = findOutside(this.#context.system, settings, observed);
    refuseShared(settings, outside, observed);
    return outside;
  }

  #switchTo(setup: ServerSetup): void {
    setup.queue.resize(setup.settings.queue.maxLength);
    setup.hintQueue?.resize(setup.settings.queue.maxLength);
    this.#setup = setup;
    this.#switched.abort();
    this.#switched = new AbortController();
    this.#reception.update();
    this.#context.kernel.distrust();
  }
}
