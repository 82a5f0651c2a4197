import { isDeepStrictEqual } from "node:util";
import { makeReplyPayload } from "../auth/scheme.ts";
import { monotonicTime, unixTime } from "../clock.ts";
import type { IpipouError } from "../errors.ts";
import { type Admission, type Gate, isLive, isSamePlace, type Outcome } from "../gate.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Outside } from "../kernel/member.ts";
import type { Log } from "../log.ts";
import { buildUdpPacket, type Datagram, formatEndpoint, parseUdpPacket } from "../packet.ts";
import { describeRefusal, RefusalReport } from "../refusals.ts";
import type { Settings } from "../settings/settings.ts";
import { findAdmissions } from "./adoption.ts";
import type { Daemon, DaemonContext } from "./context.ts";
import { findHosts, HostSearch, hostsOf } from "./hosts.ts";
import { awaitOutside, findOutside } from "./outside.ts";
import { Reconciler } from "./reconciler.ts";
import {
  missingOf,
  openSetup,
  placesOf,
  refuseShared,
  release,
  type ServerSetup,
  succeed,
  withHosts,
} from "./server_setup.ts";
import type { Service } from "./service.ts";
import { Turns } from "./turns.ts";
import { unlessStopped } from "./wait.ts";

type Admitted = Extract<Outcome, { kind: "admitted" }>;

/** The server: reads auth packets from the gate's queue, and has the kernel follow who is admitted. */
export class Server implements Daemon {
  readonly #kernel: Kernel;
  readonly #log: Log;
  readonly #service: Service;
  readonly #stop: AbortSignal;
  readonly #reconciler: Reconciler;
  readonly #searches: Turns;
  readonly #hosts: HostSearch;
  readonly #refusals = new RefusalReport();
  #setup: ServerSetup;
  /** The change of the setup that was begun last. */
  #change: Promise<void> = Promise.resolve();
  /** Where the log last said that peers are, by name. */
  readonly #told = new Map<string, Admission>();
  /** Why some admitted peers have no tunnel, by name. */
  #faults: ReadonlyMap<string, IpipouError> = new Map();

  private constructor(context: DaemonContext, setup: ServerSetup) {
    const { kernel, log, service, stop } = context;
    this.#kernel = kernel;
    this.#log = log;
    this.#service = service;
    this.#stop = stop;
    this.#setup = setup;
    this.#reconciler = new Reconciler(() => this.#apply(), log, stop);
    this.#searches = new Turns(() => this.#search(), stop);
    this.#hosts = new HostSearch(() => this.#inTurn(() => this.#goOnWithFound()), context);
  }

  /**
   * Sets up the gate, and takes over what an earlier run left.
   *
   * @throws {IpipouError} when it cannot
   */
  static async start(context: DaemonContext): Promise<Server> {
    const { settings, kernel, log, stop } = context;
    const { observed, outside } = await awaitOutside(context);
    refuseShared(settings, outside, observed);
    const hosts = await unlessStopped(findHosts(hostsOf(settings.peers), new Map(), log), stop);
    using resources = new DisposableStack();
    const server = resources.use(new Server(context, openSetup(settings, outside, hosts)));
    const left = findAdmissions(settings.peers, observed.own, outside.ip);
    for (const [name, admission] of left) server.#setup.gate.adopt(name, admission, monotonicTime());
    server.#tellWhoIsThere();
    if (observed.own.obsoleteRules.size > 0) {
      log.notice("removing the nftables rules that version 0.1 left for this port and queue");
    }
    for (const leftover of await kernel.leftovers(outside)) log.warning(leftover);
    await server.#apply();
    server.#hosts.lookFor(missingOf(server.#setup));
    log.notice(`waiting for clients at ${placesOf(server.#setup)}`);
    resources.move();
    return server;
  }

  get status(): string {
    const { settings: { peers }, gate } = this.#setup;
    const now = monotonicTime();
    const admitted = [...gate.admissions.values()].filter((admission) => isLive(admission, now)).length;
    const places = placesOf(this.#setup);
    return `waiting for clients at ${places}; ${admitted} of ${peers.length} peers admitted${this.#shortage}`;
  }

  /** Handles auth packets until told to stop. @throws {IpipouError} exit code 20 when the queue fails */
  async serve(): Promise<void> {
    // A queue whose packets end has been closed, for another.
    while (!this.#stop.aborted) {
      for await (const packet of this.#setup.queue.packets(this.#stop)) this.#handle(packet);
    }
    await this.#reconciler.settled();
  }

  reload(settings: Settings): Promise<void> {
    return this.#inTurn(async () => {
      const previous = this.#setup;
      const isHere = isDeepStrictEqual(settings.local, previous.settings.local);
      const outside = isHere ? previous.outside : await this.#findOutside(settings);
      const hosts = await findHosts(hostsOf(settings.peers), previous.hosts, this.#log);
      const next = succeed(previous, settings, outside, hosts);
      try {
        this.#adopt(next);
        await this.#reconciler.attempt(() => {
          previous.gate.resume(next.gate, monotonicTime());
          this.#adopt(previous);
        });
      } catch (error) {
        release(next, previous);
        throw error;
      }
      release(previous, next);
      this.#tellWhoIsOut(previous.gate, next.gate);
      this.#hosts.lookFor(missingOf(next));
    });
  }

  /** It is the other side that does. */
  authenticate(): void {}

  [Symbol.dispose](): void {
    this.#hosts.lookFor(new Set());
    this.#setup.queue.close();
    this.#setup.socket.close();
  }

  /** Which hosts are missing, for the end of a line. */
  get #shortage(): string {
    const [first, ...more] = this.#hosts.missing;
    if (first === undefined) return "";
    return `; cannot find ${first}${more.length === 0 ? "" : ` and ${more.length} more`}`;
  }

  /** Changes the setup when no other change is under way. */
  #inTurn(change: () => void | Promise<void>): Promise<void> {
    const done = this.#change.then(change);
    this.#change = done.catch(() => {});
    return done;
  }

  /** Knows peers by the hosts that have been found since. */
  #goOnWithFound(): void {
    const found = this.#hosts.take();
    if (found.size === 0) return;
    const previous = this.#setup;
    this.#setup = withHosts(previous, found);
    this.#reconciler.follow();
    for (const [host, ip] of found) this.#log.notice(`found the IPv4 address of ${host}: ${ip}`);
    this.#tellWhoIsOut(previous.gate, this.#setup.gate);
    this.#service.update();
  }

  /** Has the kernel follow the gate. */
  async #apply(): Promise<void> {
    const faults = await this.#kernel.apply(this.#setup.outside, this.#setup.gate.admissions);
    for (const [name, { message }] of faults) {
      if (this.#faults.get(name)?.message !== message) this.#log.error(`${name}: ${message}`);
    }
    this.#faults = faults;
  }

  async #findOutside(settings: Settings): Promise<Outside> {
    const observed = await this.#kernel.look();
    const outside = findOutside(settings, observed);
    refuseShared(settings, outside, observed);
    return outside;
  }

  #adopt(setup: ServerSetup): void {
    setup.queue.resize(setup.settings.queue.maxLength);
    this.#setup = setup;
    this.#kernel.configure(setup.settings);
  }

  #tellWhoIsThere(): void {
    for (const [name, admission] of this.#setup.gate.admissions) {
      const { remote } = admission;
      if (remote !== null) this.#told.set(name, admission);
      const where = remote === null
        ? ", which leads nowhere until it authenticates"
        : ` to ${formatEndpoint(remote)}`;
      this.#log.notice(`${name}: taking over the tunnel${where}`);
    }
  }

  #tellWhoIsOut(before: Gate, after: Gate): void {
    const now = monotonicTime();
    for (const name of this.#told.keys()) {
      const admission = after.admissions.get(name);
      if (admission === undefined || admission.remote === null) this.#told.delete(name);
    }
    for (const [name, admission] of after.admissions) {
      const earlier = before.admissions.get(name);
      if (isLive(admission, now) || earlier === undefined || !isLive(earlier, now)) continue;
      this.#log.notice(`${name}: shut out until it authenticates anew`);
    }
  }

  #handle(packet: Uint8Array): void {
    const datagram = parseUdpPacket(packet);
    if (datagram === null) return;
    const { gate } = this.#setup;
    this.#follow(gate.handle(datagram, monotonicTime(), unixTime()));
    if (gate.isSearching) this.#searches.start();
  }

  /** Goes on looking who sent what nobody known seems to have. @returns whether there is more to do */
  #search(): boolean {
    const { gate } = this.#setup;
    for (const outcome of gate.search(monotonicTime())) this.#follow(outcome);
    if (!gate.isSearching) this.#log.debug(`${gate.verifications} signatures verified so far`);
    return gate.isSearching;
  }

  #follow(outcome: Outcome): void {
    if (outcome.kind === "refused") return this.#tellRefusal(outcome);
    if (outcome.kind === "searching") return;
    const { peer: { name }, admission, displaced } = outcome;
    if (displaced !== null) {
      this.#told.delete(displaced);
      const place = formatEndpoint(admission.remote);
      this.#log.notice(`${displaced}: shut out until it authenticates anew, as ${name} is at ${place} now`);
    }
    const isDone = isUnchanged(outcome) && !this.#reconciler.isPending(name) && !this.#faults.has(name);
    if (isDone) this.#complete(outcome);
    else this.#reconciler.request(name, () => this.#complete(outcome));
  }

  #tellRefusal({ datagram: { source }, refusal }: Extract<Outcome, { kind: "refused" }>): void {
    const line = this.#refusals.note(source, refusal, monotonicTime());
    if (line === null) this.#log.debug(describeRefusal(source, refusal));
    else this.#log.notice(line);
  }

  /** The kernel has followed: tell the log, and the client that wants to know. */
  #complete({ peer, admission, datagram }: Admitted): void {
    const current = this.#setup.gate.admissions.get(peer.name);
    if (current === undefined || !isSamePlace(current, admission)) return; // it has lost its place meanwhile
    if (this.#faults.has(peer.name)) return; // the log has been told why
    const remote = formatEndpoint(admission.remote);
    const told = this.#told.get(peer.name);
    this.#told.set(peer.name, admission);
    if (told === undefined) {
      const { device, ip, peerIp } = peer.tunnel;
      this.#log.notice(`${peer.name}: tunnel up to ${remote}: ${ip} peer ${peerIp} dev ${device}`);
    } else if (isSamePlace(told, admission)) {
      this.#log.info(`${peer.name}: authenticated again from ${remote}`);
    } else {
      this.#log.notice(`${peer.name}: moved from ${formatEndpoint(told.remote!)} to ${remote}`);
    }
    this.#service.update();
    if (peer.reply) this.#reply(datagram, makeReply(peer.scheme, datagram));
  }

  #reply({ source, destination }: Datagram, payload: Uint8Array): void {
    const { settings, socket } = this.#setup;
    const reply = { source: destination, destination: source, payload };
    try {
      socket.send(buildUdpPacket(reply, settings.authPacketTtl ?? socket.defaultTtl), source.ip);
    } catch (error) {
      this.#log.warning(`${(error as Error).message}: no reply to ${formatEndpoint(source)}`);
    }
  }
}

/** Tells whether there is nothing to change in the kernel: the peer is where it was, for ever then and now. */
function isUnchanged({ previous, admission }: Admitted): boolean {
  return previous !== null && isSamePlace(previous, admission) &&
    previous.expiresAt === null && admission.expiresAt === null;
}

function makeReply(scheme: Settings["peers"][number]["scheme"], { payload }: Datagram): Uint8Array {
  const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
  return makeReplyPayload(scheme, payload, unixTime(), random);
}
