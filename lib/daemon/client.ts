import { isDeepStrictEqual } from "node:util";
import { EXIT, IpipouError } from "../errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { describeLeftovers, refuseBoundElsewhere } from "../kernel/leftovers.ts";
import { formatEndpoint } from "../packet.ts";
import type { Settings } from "../settings/settings.ts";
import { Authentication, AuthSender, type Setup } from "./authentication.ts";
import type { Daemon, DaemonContext } from "./context.ts";
import { awaitHost, resolveHost } from "./hosts.ts";
import { awaitOutside, findOutside } from "./outside.ts";
import { Reconciler } from "./reconciler.ts";
import { keepRepaired } from "./repair.ts";
import type { ClientStatus } from "./status.ts";

/** The client: keeps a tunnel to its server, and sends auth packets when they are due. */
export class ClientDaemon implements Daemon {
  readonly #context: DaemonContext;
  readonly #reconciler: Reconciler;
  #setup: Setup;
  #authentication: Authentication;
  #woken = new AbortController();

  /** @throws {SysError} when no raw socket can be opened */
  private constructor(context: DaemonContext, setup: Setup) {
    const { system: { clock }, kernel, log, stop } = context;
    this.#context = context;
    this.#reconciler = new Reconciler(() => applySetup(kernel, this.#setup), { log, clock, stop });
    this.#setup = setup;
    this.#authentication = this.#newAuthentication(setup);
  }

  /** Sets up the tunnel. @throws {IpipouError} when it cannot */
  static async start(context: DaemonContext): Promise<ClientDaemon> {
    const { settings, kernel, log } = context;
    const { name, remote: { host, port }, tunnel: { device, ip, peerIp } } = settings.peers[0]!;
    const { observed, outside } = await awaitOutside(context);
    refuseBoundElsewhere(observed, outside, settings);
    const remote = { ip: await awaitHost(host!, context), port: port! };
    const setup = { settings, outside, remote };
    using resources = new DisposableStack();
    const client = resources.use(new ClientDaemon(context, setup));
    for (const leftover of describeLeftovers(observed, outside, settings)) log.warning(leftover);
    if (!observed.hasNft) {
      log.notice(
        `without nft, whatever comes from ${remote.ip} gets into the tunnel, from any port, and bare IPIP`,
      );
    }
    await applySetup(kernel, setup);
    log.notice(`${name}: tunnel to ${formatEndpoint(remote)} set up: ${ip} peer ${peerIp} dev ${device}`);
    resources.move();
    return client;
  }

  get status(): ClientStatus {
    return { role: "client", remote: this.#setup.remote, replyState: this.#authentication.replyState };
  }

  async serve(): Promise<void> {
    const { kernel, stop } = this.#context;
    await Promise.all([this.#keepAuthenticated(), keepRepaired(kernel, this.#reconciler, stop)]);
    await this.#reconciler.settled();
  }

  async reload(settings: Settings): Promise<void> {
    const previous = this.#setup;
    const next = await this.#nextSetup(settings);
    using resources = new DisposableStack();
    const authentication = resources.use(this.#newAuthentication(next));
    this.#switchTo(next);
    await this.#reconciler.attempt(() => this.#switchTo(previous));
    resources.move();
    this.#authentication[Symbol.dispose]();
    this.#authentication = authentication;
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

  async #nextSetup(settings: Settings): Promise<Setup> {
    const previous = this.#setup;
    const [before, after] = [previous.settings.peers[0]!.remote, settings.peers[0]!.remote];
    const isHere = isDeepStrictEqual(settings.local, previous.settings.local);
    const isSameHost = after.host === before.host;
    const ip = isSameHost ? previous.remote.ip : await resolveHost(after.host!, this.#context.system);
    const outside = isHere ? previous.outside : findOutside(settings, await this.#context.kernel.look());
    return { settings, outside, remote: { ip, port: after.port! } };
  }

  #switchTo(setup: Setup): void {
    this.#setup = setup;
    this.#context.kernel.distrust();
  }
}

async function applySetup(kernel: Kernel, { settings, outside, remote }: Setup): Promise<void> {
  const admission = { remote, port: settings.local.ports[0], expiresAt: null };
  const admissions = new Map([[settings.peers[0]!.name, admission]]);
  const faults = await kernel.apply({ settings, outside, admissions });
  for (const fault of faults.values()) throw fault;
}

/** Sends one auth packet and changes nothing. @throws {IpipouError} exit code 120 when it cannot be sent */
export async function reauthenticate({ system, settings, kernel, log }: DaemonContext): Promise<void> {
  const peer = settings.peers[0]!;
  const outside = findOutside(settings, await kernel.observe());
  const remote = { ip: await resolveHost(peer.remote.host!, system), port: peer.remote.port! };
  try {
    using sender = new AuthSender({ settings, outside, remote }, system);
    sender.send();
  } catch (cause) {
    throw new IpipouError((cause as Error).message, EXIT.send, { cause });
  }
  log.notice(`sent auth packet to ${formatEndpoint(remote)}`);
}
