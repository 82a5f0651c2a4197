import { isDeepStrictEqual } from "node:util";
import { isLive, isSamePlace } from "../admission.ts";
import { refuseBoundElsewhere } from "../kernel/leftovers.ts";
import { Hints } from "../kernel/hints.ts";
import type { Outside } from "../kernel/member.ts";
import type { Observed } from "../kernel/state.ts";
import { formatEndpoint, parseUdpPacket } from "../packet.ts";
import { earlier } from "../registrar/lifetime.ts";
import { type Admitted, isUnchanged, type Left, type Outcome, type Refused } from "../registrar/outcome.ts";
import { explainWrongSignature } from "../registrar/wrong_signature.ts";
import type { Settings } from "../settings/settings.ts";
import { findAdmissions } from "./adoption.ts";
import { Alarm } from "./alarm.ts";
import { Announcer } from "./announcer.ts";
import type { Daemon, DaemonContext } from "./context.ts";
import { FirstData } from "./first_data.ts";
import { describeHosts, findHosts, HostSearch, hostsOf } from "./hosts.ts";
import { awaitOutside, describeMove, findOutside } from "./outside.ts";
import { PeerFaults } from "./peer_faults.ts";
import { PeerLog } from "./peer_log.ts";
import { Liveness } from "./liveness.ts";
import { Reconciler } from "./reconciler.ts";
import { ReplayRecord } from "./replay_record.ts";
import { keepRepaired } from "./repair.ts";
import {
  makeSetup,
  missingOf,
  placesOf,
  refuseShared,
  release,
  type ServerSetup,
  tellOfStart,
  withHosts,
  withOutside,
} from "./server_setup.ts";
import { Sequence } from "./sequence.ts";
import type { ServerStatus } from "./status.ts";
import { Turns } from "./turns.ts";
import type { ServerView } from "./view.ts";
import { unlessStopped } from "./wait.ts";
import { WallClock } from "./wall_clock.ts";
import { Whereabouts } from "./whereabouts.ts";

/** The server: reads auth packets from the gate's queue, and makes the kernel follow the admissions. */
export class Server implements Daemon {
  readonly #context: DaemonContext;
  readonly #reconciler: Reconciler;
  readonly #searches: Turns;
  readonly #hosts: HostSearch;
  readonly #whereabouts: Whereabouts;
  readonly #wallClock: WallClock;
  readonly #faults: PeerFaults;
  readonly #peerLog: PeerLog;
  readonly #record: ReplayRecord;
  readonly #announcer: Announcer;
  readonly #liveness: Liveness;
  readonly #firstData: FirstData;
  readonly #hints: Hints;
  /** Rings when a peer has waited long enough for a place of another one, a lifetime may be over, or counters or hints are due. */
  readonly #alarm: Alarm;
  #setup: ServerSetup;
  /** Of the setup. */
  readonly #changes = new Sequence();

  private constructor(context: DaemonContext, setup: ServerSetup, record: ReplayRecord) {
    const { system: { clock }, kernel, log, stop } = context;
    const news = (stop: AbortSignal) => kernel.repairDue(stop);
    this.#context = context;
    this.#setup = setup;
    this.#reconciler = new Reconciler(() => this.#apply(), { log, clock, stop, news });
    this.#searches = new Turns(() => this.#search(), () => this.#reconciler.isRunning, clock, stop);
    this.#hosts = new HostSearch(() => this.#changes.run(() => this.#useFoundHosts()), context);
    this.#whereabouts = new Whereabouts(context);
    const verifies = setup.settings.peers.some(({ scheme }) => scheme.kind === "ed25519");
    this.#wallClock = new WallClock(context, verifies, "signed auth packets may be refused");
    this.#faults = new PeerFaults(log);
    this.#peerLog = new PeerLog(log, clock);
    this.#record = record;
    this.#announcer = new Announcer(() => this.#setup, context);
    const watched = {
      ...{ clock, log },
      wanted: () => ({ settings: this.#setup.settings, admissions: this.#setup.registrar.admissions }),
      countsOf: (device: string) => context.kernel.countsOf(device),
    };
    this.#liveness = new Liveness({
      ...watched,
      sendKeepalive: (remote, port) => this.#announcer.keepAlive(remote, port),
    });
    this.#firstData = new FirstData(watched);
    this.#hints = new Hints(clock);
    const due = () => {
      const moments = [this.#setup.registrar, this.#liveness, this.#firstData, this.#peerLog, this.#hints];
      return moments.map((each) => each.due).reduce(earlier);
    };
    this.#alarm = new Alarm(due, () => this.#ring(), clock);
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
    const setup = makeSetup(system, { settings, outside, hosts, replays });
    const server = resources.use(new Server(context, setup, record));
    const { registrar } = server.#setup;
    const left = findAdmissions(settings.peers, observed.own, outside.ip);
    for (const [name, admission] of left) registrar.adopt(name, admission, system.clock.now());
    server.#tookOver();
    tellOfStart(settings, outside, observed, log);
    const clashes = kernel.describeClashes(settings, observed);
    await server.#apply();
    for (const clash of clashes) log.warning(clash);
    server.#hosts.lookFor(missingOf(server.#setup));
    log.notice(`waiting for clients at ${server.status.places.map(formatEndpoint).join(", ")}`);
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
    return {
      role: "server",
      places: placesOf(this.#setup),
      peers: peers.length,
      admitted:
        admissions.entries().filter(([name, admission]) => isLive(admission, now) && !this.#faults.has(name))
          .toArray().length,
      missingHosts: this.#hosts.missing,
      faults: this.#faults.current,
      silent: this.#liveness.silent,
      problem: this.#context.kernel.ports.lack ?? this.#whereabouts.lack ?? this.#wallClock.lack,
    };
  }

  get view(): ServerView {
    const { settings, outside, hosts, registrar: { admissions } } = this.#setup;
    return {
      ...{ role: "server", settings, outside, hosts, admissions },
      ...{ faults: this.#faults.current, liveness: this.#liveness, history: this.#peerLog.history },
      problem: this.status.problem,
    };
  }

  /** Handles auth packets until told to stop. @throws {IpipouError} exit code 20 when the queue fails */
  async serve(): Promise<void> {
    const { kernel, stop } = this.#context;
    await Promise.all([
      this.#readQueue(),
      keepRepaired(kernel, this.#reconciler, stop),
      kernel.ports.keepClosed(stop),
      this.#record.keep(stop),
      this.#announcer.keep(),
      this.#alarm.keep(stop),
      // Nothing else of a server depends on when its clock is set.
      ...this.#wallClock.lack === null ? [] : [this.#wallClock.follow(stop, () => {})],
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
        makeSetup(this.#context.system, { ...previous, settings, outside, hosts }, previous),
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
    this.#setup.sender[Symbol.dispose]();
  }

  async #readQueue(): Promise<void> {
    const { stop } = this.#context;
    // When a queue's packets end, the queue was closed and replaced.
    while (!stop.aborted) {
      for await (const packet of this.#setup.queue.packets(stop)) this.#handle(packet);
    }
  }

  #useFoundHosts(): void {
    const found = this.#hosts.take();
    if (found.size === 0) return;
    const previous = this.#setup;
    this.#setup = withHosts(this.#context.system, previous, found);
    this.#alarm.update();
    this.#reconciler.follow();
    for (const [host, ip] of found) this.#context.log.notice(`found the IPv4 address of ${host}: ${ip}`);
    this.#peerLog.reloaded(previous.registrar.admissions, this.#setup.registrar.admissions);
    this.#context.service.update();
  }

  /** Applies the setup and the admissions to the kernel. */
  async #apply(): Promise<void> {
    const { settings, outside, registrar } = this.#setup;
    const admissions = new Map(registrar.admissions);
    const hints = this.#hints.of(settings.peers);
    const locate = (observed: Observed) =>
      this.#setup.settings === settings ? this.#followAddress(observed) : outside;
    try {
      const faults = await this.#context.kernel.apply({ settings, outside, admissions, hints }, locate);
      this.#faults.update(faults, admissions);
      this.#liveness.update();
      this.#firstData.update();
      this.#alarm.update();
    } finally {
      this.#context.service.update();
    }
  }

  /** Follows the own address if it has changed. */
  #followAddress(observed: Observed): Outside {
    const previous = this.#setup;
    const outside = this.#locate(previous.settings, observed);
    if (outside === previous.outside) return outside;
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
    this.#setup = setup;
    this.#alarm.update();
    this.#context.kernel.distrust();
  }

  #handle(packet: Uint8Array): void {
    const datagram = parseUdpPacket(packet);
    if (datagram === null) return;
    const { registrar } = this.#setup;
    const { clock } = this.#context.system;
    this.#context.kernel.ports.check();
    this.#renewHints();
    this.#follow(registrar.handle(datagram, clock.now(), clock.unixTime()));
    for (const outcome of registrar.ended()) this.#follow(outcome);
    if (registrar.isSearching) this.#searches.start();
  }

  /** Runs one turn of pending key searches. @returns whether any is left */
  #search(): boolean {
    const { registrar } = this.#setup;
    for (const outcome of registrar.search(this.#context.system.clock.now())) this.#follow(outcome);
    if (!registrar.isSearching) {
      this.#context.log.debug(`${registrar.verifications} signatures verified so far`);
    }
    return registrar.isSearching;
  }

  #ring(): void {
    const now = this.#context.system.clock.now();
    for (const outcome of this.#setup.registrar.settle(now)) this.#follow(outcome);
    this.#peerLog.sumUp();
    if ((this.#firstData.due ?? Infinity) <= now) this.#firstData.look();
    this.#renewHints();
    if (this.#liveness.due === null || this.#liveness.due > now) return;
    this.#liveness.look();
    this.#context.service.update();
  }

  /** The gate gets the hints of now. */
  #renewHints(): void {
    if (!this.#hints.check()) return;
    this.#hints.of(this.#setup.settings.peers);
    this.#reconciler.follow();
  }

  #follow(outcome: Outcome): void {
    this.#record.update();
    this.#alarm.update();
    if (outcome.kind === "refused") return this.#refused(outcome);
    if (outcome.kind === "searching") return;
    if (outcome.kind === "left") return this.#shutOut(outcome);
    const { peer: { name }, displaced } = outcome;
    if (displaced !== null) {
      this.#peerLog.displaced(displaced, outcome);
      this.#announcer.forget(displaced);
    }
    const isDone = isUnchanged(outcome) && !this.#reconciler.isPending(name) && !this.#faults.has(name);
    if (isDone) this.#complete(outcome);
    else this.#reconciler.request(name, () => this.#complete(outcome));
  }

  #refused(outcome: Refused): void {
    this.#peerLog.refused(outcome, () => this.#explain(outcome.datagram.payload));
    this.#alarm.update();
  }

  #explain(payload: Uint8Array): string {
    const { settings: { peers }, registrar: { admissions } } = this.#setup;
    const { clock } = this.#context.system;
    return explainWrongSignature(payload, peers, admissions, clock);
  }

  #shutOut({ peer: { name }, why }: Left): void {
    this.#peerLog.left(name, why);
    if (why === "good-bye") this.#announcer.forget(name);
    this.#reconciler.request(name, () => {});
  }

  /** The kernel has followed an admission: logs it, and replies to the client if the settings say so. */
  #complete(outcome: Admitted): void {
    const { peer, admission, datagram } = outcome;
    const current = this.#setup.registrar.admissions.get(peer.name);
    if (current === undefined || !isSamePlace(current, admission)) return; // it has lost its place meanwhile
    if (this.#faults.has(peer.name)) return; // the log has been told why
    this.#peerLog.admitted(outcome);
    this.#liveness.note(peer.name);
    this.#firstData.note(peer);
    this.#context.service.update();
    this.#announcer.note(peer, admission);
    this.#announcer.reply(peer, datagram);
  }
}
