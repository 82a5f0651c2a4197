import { isDeepStrictEqual } from "node:util";
import type { Client } from "../client.ts";
import { isHostIpv4 } from "../ipv4.ts";
import { describeLeftovers, refuseBoundElsewhere } from "../kernel/leftovers.ts";
import type { Outside } from "../kernel/member.ts";
import type { Observed } from "../kernel/state.ts";
import type { LogEvent } from "../log_events.ts";
import { formatEndpoint } from "../packet.ts";
import type { Settings } from "../settings/settings.ts";
import { Authentication } from "./authentication.ts";
import {
  applySetup,
  describeNews,
  isSameWay,
  makeClient,
  serversOf,
  type Setup,
  withPort,
} from "./client_setup.ts";
import type { Daemon, DaemonContext } from "./context.ts";
import { awaitHosts, findHosts, resolveHost } from "./hosts.ts";
import { awaitOutside, findOutside, preferredSource } from "./outside.ts";
import { Reconciler } from "./reconciler.ts";
import { keepRepaired } from "./repair.ts";
import { type Occasion, ServerSearch } from "./server_search.ts";
import { Sequence } from "./sequence.ts";
import type { ClientStatus } from "./status.ts";
import type { Move } from "./steps.ts";
import type { ClientView } from "./view.ts";
import { WallClock } from "./wall_clock.ts";
import { Whereabouts } from "./whereabouts.ts";

/** The client: keeps a tunnel to its server, sends auth packets when they are due, and looks for a server that is silent. */
export class ClientDaemon implements Daemon {
  readonly #context: DaemonContext;
  readonly #reconciler: Reconciler;
  readonly #whereabouts: Whereabouts;
  readonly #wallClock: WallClock;
  /** As they were given. */
  #settings: Settings;
  #setup: Setup;
  #client: Client;
  #authentication: Authentication;
  readonly #search: ServerSearch;
  /** How often its outer place or its server's was another one than before. */
  #moves = 0;
  #woken = new AbortController();
  /** Reloads and moves. */
  readonly #changes = new Sequence();

  /** @throws {SysError} when no raw socket can be opened */
  private constructor(context: DaemonContext, setup: Setup) {
    const { system, kernel, settings, log, stop } = context;
    const news = (stop: AbortSignal) => kernel.repairDue(stop);
    this.#context = context;
    this.#reconciler = new Reconciler(() => this.#apply(), { log, clock: system.clock, stop, news });
    this.#whereabouts = new Whereabouts(context);
    this.#settings = settings;
    const signs = setup.settings.peers[0]!.scheme.kind === "ed25519";
    this.#wallClock = new WallClock(context, signs, "auth packets with a wrong time may be refused");
    this.#setup = setup;
    this.#client = makeClient(settings, system);
    this.#authentication = this.#newAuthentication(setup, this.#client);
    const searcher = {
      setup: () => this.#setup,
      port: () => this.#settings.local.ports[0],
      request: (delay: number) => this.#authentication.request(delay),
      move: (from: Setup, move: Move, occasion: Occasion) => this.#move(from, move, occasion),
    };
    this.#search = new ServerSearch(searcher, context);
    this.#search.begin();
  }

  /** Sets up the tunnel. @throws {IpipouError} when it cannot */
  static async start(context: DaemonContext): Promise<ClientDaemon> {
    const { settings, kernel, log } = context;
    const { name, reply, tunnel: { device, ip, peerIp } } = settings.peers[0]!;
    const servers = serversOf(settings);
    const hosts = servers.map(({ host }) => host);
    const { local } = settings;
    // A name is looked up once there is an address to do it from, where that does not depend on it.
    if (!isHostIpv4(hosts[0]!) && (local.ip ?? local.device) !== null) await awaitOutside(context);
    const found = await awaitHosts(hosts, context);
    const remote = { ip: found.ip, port: servers[found.index]!.port };
    const { observed, outside } = await awaitOutside(context, remote.ip);
    refuseBoundElsewhere(observed, outside, settings);
    const setup = { settings, outside, remote, server: found.index };
    using resources = new DisposableStack();
    const client = resources.use(new ClientDaemon(context, setup));
    for (const leftover of describeLeftovers(observed, outside, settings)) log.warning(leftover, null);
    const clashes = kernel.describeClashes(settings, observed);
    if (!observed.hasNft) {
      log.notice(
        `without nft, whatever comes from ${remote.ip} gets into the tunnel, from any port, and bare IPIP`,
        { event: "limited", lacks: "gate" },
      );
    }
    await applySetup(kernel, setup);
    const counts = kernel.countsOf(device);
    if (counts !== null) client.#client.takeOver(counts);
    for (const clash of clashes) log.warning(clash, null);
    const accepted = reply ? "not yet accepted" : "unconfirmed, as replies are off";
    log.notice(
      `${name}: tunnel to ${formatEndpoint(remote)} set up, ${accepted}: ${ip} peer ${peerIp} dev ${device}`,
      { event: "set-up", peer: name, remote: formatEndpoint(remote), dev: device },
    );
    if (!settings.keepalive && !reply) {
      log.notice(
        `${name}: nothing will tell when the server has lost this client, for instance by a restart: ` +
          "give --keepalive, or --reply-on-auth-ok on both sides",
        null,
      );
    }
    resources.move();
    return client;
  }

  get status(): ClientStatus {
    const { replyState, knowledge } = this.#client;
    return {
      role: "client",
      remote: this.#setup.remote,
      replyState,
      expectsReplies: this.#setup.settings.peers[0]!.reply,
      knowledge,
      problem: this.#whereabouts.lack ?? this.#wallClock.lack ?? this.#reconciler.fault ??
        this.#authentication.fault,
    };
  }

  get view(): ClientView {
    const { system: { clock }, kernel } = this.#context;
    const { settings, outside, remote } = this.#setup;
    const counts = kernel.countsOf(settings.peers[0]!.tunnel.device);
    const data = counts === null ? null : this.#client.dataIn(counts, clock.now());
    const { status: { replyState, knowledge, problem } } = this;
    const isMute = this.#authentication.fault !== null;
    const state = { replyState, knowledge, data, problem, isMute, moves: this.#moves };
    return { role: "client", settings, outside, remote, ...state };
  }

  async serve(): Promise<void> {
    const { kernel, stop } = this.#context;
    await Promise.all([
      this.#keepAuthenticated(),
      keepRepaired(kernel, this.#reconciler, stop),
      // Where this host was suspended, a NAT may have forgotten it.
      this.#wallClock.follow(stop, () => this.authenticate()),
    ]);
    await this.#reconciler.settled();
  }

  sayGoodbye(): void {
    this.#authentication.sayGoodbye();
  }

  reload(settings: Settings): Promise<string[]> {
    return this.#changes.run(async () => {
      const next = await this.#nextSetup(settings);
      const previous = this.#setup;
      const isHere = isDeepStrictEqual(settings.local, this.#settings.local);
      const client = makeClient(settings, this.#context.system, this.#client);
      await this.#goTo(next, client);
      this.#settings = settings;
      return describeNews(previous, next, isHere);
    });
  }

  authenticate(): void {
    this.#authentication.request();
  }

  [Symbol.dispose](): void {
    this.#search[Symbol.dispose]();
    this.#authentication[Symbol.dispose]();
  }

  async #keepAuthenticated(): Promise<void> {
    const { system: { clock }, kernel, service, stop } = this.#context;
    while (!stop.aborted) {
      this.#woken = new AbortController();
      const { holdUntil } = this.#wallClock;
      if (holdUntil !== null) {
        await clock.waitUntil(holdUntil, stop, this.#woken.signal);
        continue;
      }
      if (this.#client.replyState === "accepted") this.#search.settle();
      if ((this.#client.nextSend ?? Infinity) <= clock.now()) this.#search.tryCandidates();
      const attempt = this.#authentication.act();
      kernel.ports.check(clock.now());
      if (attempt !== null) this.#search.take(attempt);
      this.#search.act();
      service.update();
      const deadlines = [this.#client.nextDeadline, this.#search.nextDeadline];
      const next = Math.min(...deadlines.map((deadline) => deadline ?? Infinity));
      await clock.waitUntil(next === Infinity ? null : next, stop, this.#woken.signal);
    }
  }

  /** Moves the tunnel, unless it was moved meanwhile. @throws when the kernel refuses; then all is as it was */
  #move(from: Setup, { to, line }: Move, { isAnswered, isTrial, isNews }: Occasion): Promise<void> {
    const { system: { clock }, log } = this.#context;
    return this.#changes.run(async () => {
      if (!isSameWay(from, this.#setup)) return;
      // The own address may have changed meanwhile.
      await this.#goTo({ ...to, outside: this.#setup.outside }, this.#client);
      this.#moves++;
      const { name } = this.#settings.peers[0]!;
      const event: LogEvent = {
        event: "moved",
        peer: name,
        from: formatEndpoint(from.remote),
        remote: formatEndpoint(to.remote),
        port: to.settings.local.ports[0],
      };
      if (isNews) log.notice(`${name}: ${line}`, event);
      else log.info(`${name}: ${line}`, event);
      if (isAnswered) this.#authentication.handleAccepted();
      else this.#client.handleStepTaken(clock.now());
      // The packet by the way before may have arrived at the server after the one by this way.
      if (isTrial) this.authenticate();
      this.#woken.abort();
    });
  }

  /** Makes the kernel as another setup says. @throws when that cannot be; then all is as it was */
  async #goTo(next: Setup, client: Client): Promise<void> {
    const previous = this.#setup;
    using resources = new DisposableStack();
    const authentication = resources.use(this.#newAuthentication(next, client));
    this.#switchTo(next);
    await this.#reconciler.attempt(() => this.#switchTo(previous));
    this.#client = client;
    // Else a repair has followed the own address meanwhile, with an authentication of its own.
    if (this.#setup === next) {
      resources.move();
      this.#authenticateBy(authentication);
    } else this.#authenticateBy(this.#newAuthentication(this.#setup, client));
  }

  #newAuthentication(setup: Setup, client: Client): Authentication {
    const { system, kernel, log } = this.#context;
    const { device } = setup.settings.peers[0]!.tunnel;
    const counts = () => kernel.countsOf(device);
    return new Authentication(setup, client, { system, log, counts, wake: () => this.#woken.abort() });
  }

  #authenticateBy(authentication: Authentication): void {
    this.#authentication[Symbol.dispose]();
    this.#authentication = authentication;
    this.#search.begin();
    this.#woken.abort();
  }

  async #nextSetup(settings: Settings): Promise<Setup> {
    const { kernel, system } = this.#context;
    const before = this.#setup;
    const { server } = before;
    const [was, is] = [serversOf(this.#settings), serversOf(settings)].map((servers) => servers[server]);
    const stays = isDeepStrictEqual(was, is);
    const { host, port } = stays ? is! : serversOf(settings)[0]!;
    const ip = host === was!.host ? await this.#findAgain(host) : await resolveHost(host, system);
    const observed = await kernel.glance();
    const isHere = isDeepStrictEqual(settings.local, this.#settings.local);
    const outside = isHere
      ? this.#locate({ settings, server: ip, observed, isFixed: false })
      : findOutside(system, settings, observed, preferredSource(system, settings, ip));
    return {
      settings: isHere ? withPort(settings, before.settings.local.ports[0]) : settings,
      outside,
      remote: { ip, port },
      server: stays ? server : 0,
    };
  }

  /** A server that is not found has its address still. */
  async #findAgain(host: string): Promise<string> {
    const { ip } = this.#setup.remote;
    const found = await findHosts(new Set([host]), new Map([[host, ip]]), this.#context);
    return found.get(host)!;
  }

  async #apply(): Promise<void> {
    const setup = this.#setup;
    const locate = (observed: Observed) =>
      this.#setup === setup ? this.#followAddress(observed) : setup.outside;
    const { kernel } = this.#context;
    await applySetup(kernel, setup, locate);
    if (kernel.takeWayNews()) this.authenticate();
  }

  /** Follows the own address if it has changed. */
  #followAddress(observed: Observed): Outside {
    const previous = this.#setup;
    const { settings, remote } = previous;
    const outside = this.#locate({ settings, server: remote.ip, observed, isFixed: true });
    if (outside === previous.outside) return outside;
    const setup = { ...previous, outside };
    const authentication = this.#newAuthentication(setup, this.#client);
    this.#setup = setup;
    this.#moves++;
    this.#client.handleMoved(this.#context.system.clock.now());
    this.#authenticateBy(authentication);
    this.#whereabouts.moved(previous.outside, outside);
    return outside;
  }

  #locate({ settings, server, observed, isFixed }: {
    readonly settings: Settings;
    readonly server: string;
    readonly observed: Observed;
    readonly isFixed: boolean;
  }): Outside {
    const { system } = this.#context;
    const { outside } = this.#setup;
    const choose = () =>
      findOutside(system, settings, observed, preferredSource(system, settings, server) ?? outside.ip);
    return this.#whereabouts.find(outside, settings, observed, choose, isFixed);
  }

  #switchTo(setup: Setup): void {
    this.#setup = setup;
    this.#context.kernel.distrust();
  }
}
