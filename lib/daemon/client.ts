import { isDeepStrictEqual } from "node:util";
import { EXIT, IpipouError } from "../errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { isHostIpv4 } from "../ipv4.ts";
import { describeLeftovers, refuseBoundElsewhere } from "../kernel/leftovers.ts";
import type { Outside } from "../kernel/member.ts";
import { formatEndpoint } from "../packet.ts";
import type { Observed } from "../kernel/state.ts";
import type { Settings } from "../settings/settings.ts";
import { Authentication, AuthSender, type Setup } from "./authentication.ts";
import type { Daemon, DaemonContext } from "./context.ts";
import { awaitHost, describeHosts, findHosts, resolveHost } from "./hosts.ts";
import { awaitOutside, describeMove, findOutside, preferredSource } from "./outside.ts";
import { Reconciler } from "./reconciler.ts";
import { keepRepaired } from "./repair.ts";
import type { ClientStatus } from "./status.ts";
import { Whereabouts } from "./whereabouts.ts";

/** The client: keeps a tunnel to its server, and sends auth packets when they are due. */
export class ClientDaemon implements Daemon {
  readonly #context: DaemonContext;
  readonly #reconciler: Reconciler;
  readonly #whereabouts: Whereabouts;
  #setup: Setup;
  #authentication: Authentication;
  #woken = new AbortController();

  /** @throws {SysError} when no raw socket can be opened */
  private constructor(context: DaemonContext, setup: Setup) {
    const { system: { clock }, log, stop } = context;
    this.#context = context;
    this.#reconciler = new Reconciler(() => this.#apply(), { log, clock, stop });
    this.#whereabouts = new Whereabouts(context);
    this.#setup = setup;
    this.#authentication = this.#newAuthentication(setup);
  }

  /** Sets up the tunnel. @throws {IpipouError} when it cannot */
  static async start(context: DaemonContext): Promise<ClientDaemon> {
    const { settings, kernel, log } = context;
    const { name, remote: { host, port }, reply, tunnel: { device, ip, peerIp } } = settings.peers[0]!;
    // A name is looked up once there is an address to do it from.
    if (!isHostIpv4(host!)) await awaitOutside(context);
    const remote = { ip: await awaitHost(host!, context), port: port! };
    const { observed, outside } = await awaitOutside(context, remote.ip);
    refuseBoundElsewhere(observed, outside, settings);
    const setup = { settings, outside, remote };
    using resources = new DisposableStack();
    const client = resources.use(new ClientDaemon(context, setup));
    for (const leftover of describeLeftovers(observed, outside, settings)) log.warning(leftover);
    const clashes = kernel.describeClashes(settings, observed);
    if (!observed.hasNft) {
      log.notice(
        `without nft, whatever comes from ${remote.ip} gets into the tunnel, from any port, and bare IPIP`,
      );
    }
    await applySetup(kernel, setup);
    for (const clash of await clashes) log.warning(clash);
    log.notice(`${name}: tunnel to ${formatEndpoint(remote)} set up: ${ip} peer ${peerIp} dev ${device}`);
    if (!settings.keepalive && !reply) {
      log.notice(
        `${name}: nothing will tell when the server has lost this client, for instance by a restart: ` +
          "give --keepalive, or --reply-on-auth-ok on both sides",
      );
    }
    resources.move();
    return client;
  }

  get status(): ClientStatus {
    const { replyState, fault } = this.#authentication;
    return {
      role: "client",
      remote: this.#setup.remote,
      replyState,
      problem: this.#whereabouts.lack ?? fault,
    };
  }

  async serve(): Promise<void> {
    const { kernel, stop } = this.#context;
    await Promise.all([this.#keepAuthenticated(), keepRepaired(kernel, this.#reconciler, stop)]);
    await this.#reconciler.settled();
  }

  async reload(settings: Settings): Promise<string[]> {
    const next = await this.#nextSetup(settings);
    const previous = this.#setup;
    using resources = new DisposableStack();
    const authentication = resources.use(this.#newAuthentication(next));
    this.#switchTo(next);
    await this.#reconciler.attempt(() => this.#switchTo(previous));
    // Else a repair has followed the own address meanwhile, with an authentication of its own.
    if (this.#setup === next) {
      resources.move();
      this.#authenticateBy(authentication);
    }
    return describeNews(previous, next);
  }

  authenticate(): void {
    this.#authentication.request();
  }

  [Symbol.dispose](): void {
    this.#authentication[Symbol.dispose]();
  }

  async #keepAuthenticated(): Promise<void> {
    const { system: { clock }, service, stop } = this.#context;
    while (!stop.aborted) {
      this.#woken = new AbortController();
      this.#authentication.act();
      service.update();
      await clock.waitUntil(this.#authentication.nextDeadline, stop, this.#woken.signal);
    }
  }

  #newAuthentication(setup: Setup): Authentication {
    const { system, log } = this.#context;
    return new Authentication(setup, system, log, () => this.#woken.abort());
  }

  #authenticateBy(authentication: Authentication): void {
    this.#authentication[Symbol.dispose]();
    this.#authentication = authentication;
    this.#woken.abort();
  }

  async #nextSetup(settings: Settings): Promise<Setup> {
    const { kernel, system } = this.#context;
    const [before, { host, port }] = [this.#setup.settings.peers[0]!.remote, settings.peers[0]!.remote];
    const ip = host === before.host ? await this.#findAgain(host!) : await resolveHost(host!, system);
    const observed = await kernel.glance();
    const isHere = isDeepStrictEqual(settings.local, this.#setup.settings.local);
    const outside = isHere
      ? this.#locate({ settings, server: ip, observed, isFixed: false })
      : findOutside(system, settings, observed, preferredSource(system, settings, ip));
    return { settings, outside, remote: { ip, port: port! } };
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
    await applySetup(this.#context.kernel, setup, locate);
  }

  /** Follows the own address if it has changed. */
  #followAddress(observed: Observed): Outside {
    const previous = this.#setup;
    const { settings, remote } = previous;
    const outside = this.#locate({ settings, server: remote.ip, observed, isFixed: true });
    if (outside === previous.outside) return outside;
    const setup = { ...previous, outside };
    const authentication = this.#newAuthentication(setup);
    this.#setup = setup;
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

/** What is new though the settings are as before, a line each. */
function describeNews(before: Setup, after: Setup): string[] {
  const [{ host }, { host: newHost }] = [before.settings.peers[0]!.remote, after.settings.peers[0]!.remote];
  const isHere = isDeepStrictEqual(before.settings.local, after.settings.local);
  const move = isHere ? describeMove(before.outside, after.outside) : null;
  const hosts = [[host!, before.remote.ip], [newHost!, after.remote.ip]] as const;
  return [...move === null ? [] : [move], ...describeHosts(new Map([hosts[0]]), new Map([hosts[1]]))];
}

async function applySetup(
  kernel: Kernel,
  { settings, outside, remote }: Setup,
  locate?: (observed: Observed) => Outside,
): Promise<void> {
  const admission = { remote, port: settings.local.ports[0], expiresAt: null };
  const admissions = new Map([[settings.peers[0]!.name, admission]]);
  const faults = await kernel.apply({ settings, outside, admissions }, locate);
  for (const fault of faults.values()) throw fault;
}

/** Sends one auth packet and changes nothing. @throws {IpipouError} exit code 120 when it cannot be sent */
export async function reauthenticate({ system, settings, kernel, log }: DaemonContext): Promise<void> {
  const peer = settings.peers[0]!;
  const remote = { ip: await resolveHost(peer.remote.host!, system), port: peer.remote.port! };
  const preferred = preferredSource(system, settings, remote.ip);
  const outside = findOutside(system, settings, await kernel.observe(), preferred);
  try {
    using sender = new AuthSender({ settings, outside, remote }, system);
    sender.send();
  } catch (cause) {
    throw new IpipouError((cause as Error).message, EXIT.send, { cause });
  }
  log.notice(`sent auth packet to ${formatEndpoint(remote)}`);
}
