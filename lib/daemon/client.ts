import { isDeepStrictEqual } from "node:util";
import { EXIT, IpipouError } from "../errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { describeLeftovers } from "../kernel/leftovers.ts";
import type { Log } from "../log.ts";
import { formatEndpoint } from "../packet.ts";
import type { System } from "../ports.ts";
import type { Settings } from "../settings/settings.ts";
import { Authentication, AuthSender, type Setup } from "./authentication.ts";
import type { Daemon, DaemonContext } from "./context.ts";
import { awaitHost, resolveHost } from "./hosts.ts";
import { awaitOutside, findOutside } from "./outside.ts";
import { Reconciler } from "./reconciler.ts";
import { keepRepaired } from "./repair.ts";
import type { Service } from "./service.ts";
import type { ClientStatus } from "./status.ts";

/** The client: has a tunnel to its server, and sends auth packets when they are due. */
export class ClientDaemon implements Daemon {
  readonly #system: System;
  readonly #kernel: Kernel;
  readonly #log: Log;
  readonly #service: Service;
  readonly #stop: AbortSignal;
  readonly #reconciler: Reconciler;
  #setup: Setup;
  #authentication: Authentication;
  #woken = new AbortController();

  /** @throws {SysError} when no raw socket can be had */
  private constructor({ system, kernel, log, service, stop }: DaemonContext, setup: Setup) {
    const { clock } = system;
    this.#system = system;
    this.#kernel = kernel;
    this.#log = log;
    this.#service = service;
    this.#stop = stop;
    this.#reconciler = new Reconciler(() => applySetup(kernel, this.#setup), { log, clock, stop });
    this.#setup = setup;
    this.#authentication = this.#newAuthentication(setup);
  }

  /**
   * Sets up the tunnel.
   *
   * @throws {IpipouError} when it cannot
   */
  static async start(context: DaemonContext): Promise<ClientDaemon> {
    const { settings, kernel, log } = context;
    const { name, remote: { host, port }, tunnel: { device, ip, peerIp } } = settings.peers[0]!;
    const { observed, outside } = await awaitOutside(context);
    const remote = { ip: await awaitHost(host!, context), port: port! };
    const setup = { settings, outside, remote };
    using resources = new DisposableStack();
    const client = resources.use(new ClientDaemon(context, setup));
    for (const leftover of describeLeftovers(observed, outside, settings)) log.warning(leftover);
    await applySetup(kernel, setup);
    log.notice(`${name}: tunnel to ${formatEndpoint(remote)} set up: ${ip} peer ${peerIp} dev ${device}`);
    resources.move();
    return client;
  }

  get status(): ClientStatus {
    return { role: "client", remote: this.#setup.remote, answers: this.#authentication.answers };
  }

  async serve(): Promise<void> {
    await Promise.all([this.#keepAuthenticated(), keepRepaired(this.#kernel, this.#reconciler, this.#stop)]);
    await this.#reconciler.settled();
  }

  async reload(settings: Settings): Promise<void> {
    const previous = this.#setup;
    const next = await this.#nextSetup(settings);
    using resources = new DisposableStack();
    const authentication = resources.use(this.#newAuthentication(next));
    this.#adopt(next);
    await this.#reconciler.attempt(() => this.#adopt(previous));
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
    while (!this.#stop.aborted) {
      this.#woken = new AbortController();
      this.#authentication.act();
      this.#service.update();
      const { nextDeadline } = this.#authentication;
      await this.#system.clock.waitUntil(nextDeadline, this.#stop, this.#woken.signal);
    }
  }

  #newAuthentication(setup: Setup): Authentication {
    return new Authentication(setup, this.#system, this.#log, () => this.#woken.abort());
  }

  async #nextSetup(settings: Settings): Promise<Setup> {
    const previous = this.#setup;
    const [before, after] = [previous.settings.peers[0]!.remote, settings.peers[0]!.remote];
    const isHere = isDeepStrictEqual(settings.local, previous.settings.local);
    const isSameHost = after.host === before.host;
    const ip = isSameHost ? previous.remote.ip : await resolveHost(after.host!, this.#system);
    const outside = isHere ? previous.outside : findOutside(settings, await this.#kernel.look());
    return { settings, outside, remote: { ip, port: after.port! } };
  }

  #adopt(setup: Setup): void {
    this.#setup = setup;
    this.#kernel.distrust();
  }
}

async function applySetup(kernel: Kernel, { settings, outside, remote }: Setup): Promise<void> {
  const admission = { remote, port: settings.local.ports[0], expiresAt: null };
  const admissions = new Map([[settings.peers[0]!.name, admission]]);
  const faults = await kernel.apply({ settings, outside, admissions });
  for (const fault of faults.values()) throw fault;
}

/**
 * Sends one auth packet and touches nothing.
 *
 * @throws {IpipouError} exit code 120 when it cannot leave
 */
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
