import { isSamePlace } from "../admission.ts";
import { Hints } from "../kernel/hints.ts";
import type { Log } from "../log.ts";
import { parseUdpPacket } from "../packet.ts";
import type { Clock } from "../ports.ts";
import { earlier } from "../registrar/lifetime.ts";
import { type Admitted, isUnchanged, type Left, type Outcome, type Refused } from "../registrar/outcome.ts";
import { explainWrongLength } from "../registrar/wrong_length.ts";
import { explainWrongSignature } from "../registrar/wrong_signature.ts";
import { Alarm } from "./alarm.ts";
import type { Announcer } from "./announcer.ts";
import type { DaemonContext } from "./context.ts";
import { FirstData } from "./first_data.ts";
import { Liveness } from "./liveness.ts";
import { Patience } from "./patience.ts";
import type { PeerFaults } from "./peer_faults.ts";
import type { PeerLog } from "./peer_log.ts";
import type { Reconciler } from "./reconciler.ts";
import type { ReplayRecord } from "./replay_record.ts";
import type { ServerSetup } from "./server_setup.ts";
import { Turns } from "./turns.ts";

interface ReceptionContext extends Pick<DaemonContext, "system" | "kernel" | "log" | "service" | "stop"> {
  /** Of now. */
  readonly setup: () => ServerSetup;
  readonly reconciler: Reconciler;
  readonly faults: PeerFaults;
  readonly peerLog: PeerLog;
  readonly record: ReplayRecord;
  readonly announcer: Announcer;
}

/** When something happens. The clocks are read once for what happens together, as in a crowd they are read for each. */
interface Moment {
  /** Milliseconds of `Clock.now()`. */
  readonly now: number;
  /** Seconds of `Clock.unixTime()`. */
  readonly unixTime: number;
}

/** Takes a server's auth packets in: what the registrar makes of each, and of time, is logged, applied and answered. */
export class Reception {
  readonly #context: ReceptionContext;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #searches: Turns;
  readonly #patience = new Patience();
  readonly #hints: Hints;
  /** Rings when a peer has waited long enough for a place of another one, a lifetime may be over, or counters or hints are due. */
  readonly #alarm: Alarm;
  /** The latest admission of each peer that is kept out. */
  #hindered = new Map<string, Admitted>();
  readonly liveness: Liveness;
  readonly #firstData: FirstData;
  /** When the kernel followed the last change. */
  #applied: Moment;

  constructor(context: ReceptionContext) {
    const { system: { clock }, kernel, log, setup, reconciler, announcer, peerLog, stop } = context;
    this.#context = context;
    this.#clock = clock;
    this.#log = log;
    const pauses = () => this.#patience.pauses(reconciler.isRunning);
    this.#searches = new Turns(() => this.#search(), pauses, clock, stop);
    const watched = {
      ...{ clock, log },
      wanted: () => ({ settings: setup().settings, admissions: setup().registrar.admissions }),
      countsOf: (device: string) => kernel.countsOf(device),
    };
    this.liveness = new Liveness({
      ...watched,
      onCounts: (name, counts) => peerLog.history.see(name, counts),
      sendKeepalive: (remote, port) => announcer.keepAlive(remote, port),
    });
    this.#firstData = new FirstData(watched);
    this.#applied = { now: clock.now(), unixTime: clock.unixTime() };
    this.#hints = new Hints(clock);
    this.#alarm = new Alarm(() => this.#due, () => this.#ring(), clock);
  }

  /** What clients may hint at now. */
  get hints(): ReadonlySet<string> {
    return this.#hints.of(this.#context.setup().settings.peers);
  }

  /** Looks after what is due by time alone, until `stop` is aborted. */
  async keep(stop: AbortSignal): Promise<void> {
    await this.#alarm.keep(stop);
  }

  /** Setup or admissions may have changed. */
  update(): void {
    this.#alarm.update();
  }

  /** The kernel follows the admissions. */
  handleApplied(): void {
    this.#applied = this.#moment;
    const hindered = this.#hindered;
    this.#hindered = new Map();
    for (const outcome of hindered.values()) this.#complete(outcome, this.#applied);
    this.liveness.update();
    this.#firstData.update();
    this.#alarm.update();
  }

  /** An IPv4 packet came out of the gate's queue. */
  handle(packet: Uint8Array): void {
    const datagram = parseUdpPacket(packet);
    if (datagram === null) return;
    const { registrar } = this.#context.setup();
    const moment = this.#moment;
    const { now, unixTime } = moment;
    this.#context.kernel.ports.check(now);
    this.#renewHints(moment);
    this.#follow(registrar.handle(datagram, now, unixTime), moment);
    for (const outcome of registrar.ended()) this.#follow(outcome, moment);
    if (registrar.isSearching) this.#searches.start();
  }

  get #moment(): Moment {
    return { now: this.#clock.now(), unixTime: this.#clock.unixTime() };
  }

  get #due(): number | null {
    const { setup, peerLog } = this.#context;
    const moments = [setup().registrar, this.liveness, this.#firstData, peerLog, this.#hints];
    return moments.map((each) => each.due).reduce(earlier);
  }

  /** Runs one turn of pending key searches. @returns whether any is left */
  #search(): boolean {
    const { registrar } = this.#context.setup();
    const moment = this.#moment;
    const ended = registrar.search(moment.now);
    this.#patience.note(ended);
    for (const outcome of ended) this.#follow(outcome, moment);
    if (!registrar.isSearching) this.#log.debug(`${registrar.verifications} signatures verified so far`);
    return registrar.isSearching;
  }

  #ring(): void {
    const { setup, peerLog, service } = this.#context;
    const moment = this.#moment;
    const { now } = moment;
    for (const outcome of setup().registrar.settle(now)) this.#follow(outcome, moment);
    peerLog.sumUp();
    if ((this.#firstData.due ?? Infinity) <= now) this.#firstData.look();
    this.#renewHints(moment);
    if (this.liveness.due === null || this.liveness.due > now) return;
    this.liveness.look();
    service.update();
  }

  /** The gate gets the hints of now. */
  #renewHints({ now, unixTime }: Moment): void {
    if (!this.#hints.check(now, unixTime)) return;
    this.#hints.of(this.#context.setup().settings.peers);
    this.#context.reconciler.follow();
  }

  #follow(outcome: Outcome, moment: Moment): void {
    const { record, peerLog, announcer, reconciler, faults } = this.#context;
    record.update();
    this.#alarm.update();
    if (outcome.kind === "refused") return this.#refused(outcome);
    if (outcome.kind === "searching") return;
    if (outcome.kind === "asked") return announcer.answer(outcome);
    if (outcome.kind === "left") return this.#shutOut(outcome);
    const { peer: { name }, displaced } = outcome;
    if (displaced !== null) {
      peerLog.displaced(displaced, outcome);
      announcer.forget(displaced);
    }
    const isDone = isUnchanged(outcome) && !reconciler.isPending(name) && !faults.has(name);
    if (isDone) this.#complete(outcome, moment);
    else reconciler.request(name, () => this.#complete(outcome, this.#applied));
  }

  #refused(outcome: Refused): void {
    this.#context.peerLog.refused(outcome, () => this.#explain(outcome));
    this.#alarm.update();
  }

  #explain({ refusal, datagram: { payload } }: Refused): string | null {
    const { settings: { peers }, registrar: { admissions } } = this.#context.setup();
    if (refusal === "wrong signature") return explainWrongSignature(payload, peers, admissions, this.#clock);
    const isLengthWrong = refusal === "wrong length" || refusal === "not an extension of a known form";
    return isLengthWrong ? explainWrongLength(payload.length, peers) : null;
  }

  #shutOut({ peer: { name }, why }: Left): void {
    const { peerLog, announcer, reconciler } = this.#context;
    peerLog.left(name, why);
    if (why === "good-bye") announcer.forget(name);
    reconciler.request(name, () => {});
  }

  /** The kernel has followed an admission: logs it, and replies to the client if the settings say so. */
  #complete(outcome: Admitted, { now, unixTime }: Moment): void {
    const { setup, faults, peerLog, service, announcer } = this.#context;
    const { peer, admission, datagram } = outcome;
    const current = setup().registrar.admissions.get(peer.name);
    if (current === undefined || !isSamePlace(current, admission)) return; // it has lost its place meanwhile
    // The log has been told why. What is in its way may go without another packet.
    if (faults.has(peer.name)) return void this.#hindered.set(peer.name, outcome);
    peerLog.admitted(outcome, now);
    if (this.liveness.note(peer.name)) service.update();
    this.#firstData.note(peer);
    announcer.note(peer, admission);
    announcer.reply(peer, datagram, now, unixTime);
  }
}
