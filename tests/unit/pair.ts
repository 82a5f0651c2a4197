import assert from "node:assert/strict";
import { looksLikeInnerPacket, makeAuthPayload, type Scheme } from "../../lib/auth/scheme.ts";
import { Client } from "../../lib/client.ts";
import { isSamePlace } from "../../lib/admission.ts";
import { Registrar } from "../../lib/registrar.ts";
import { type DesiredState, desiredState } from "../../lib/kernel/desired.ts";
import { identityOf } from "../../lib/kernel/identity.ts";
import { sortOut } from "../../lib/kernel/observe.ts";
import { planTransition, type Transition } from "../../lib/kernel/plan.ts";
import { EMPTY_STATE, type Observed } from "../../lib/kernel/state.ts";
import { buildUdpPacket, type Endpoint, formatEndpoint, parseUdpPacket } from "../../lib/packet.ts";
import type { Settings } from "../../lib/settings/settings.ts";
import { FakeKernel } from "./fake/kernel.ts";
import type { FakeElement } from "./fake/nft_tables.ts";

/** Seconds between a simulated client's auth packets. */
export const KEEPALIVE = 25;

/** Public ports of a NAT: few, so that one client soon gets what another had. */
const NAT_PORTS = [40_000, 40_001, 40_002, 40_003];
const PORT = 10_000;
const OUTSIDE = { ip: "192.0.2.1", device: "eth0" };

/** The bytes of an IPv4 packet of that length with nothing in it. */
export function innerPacket(length: number): Uint8Array {
  const packet = new Uint8Array(length);
  packet.set([0x45, 0, length >> 8, length & 0xff]);
  return packet;
}

/** A router that gives each host behind it a public port, for as long as it likes. */
export class Nat {
  /** Packets that it is going to lose. */
  losses = 0;
  /** Every public endpoint that it ever gave to someone. */
  readonly given = new Set<string>();
  readonly #addresses: string[];
  readonly #ports = new Map<string, number>();
  #lastIndex = 0;

  constructor(...addresses: string[]) {
    this.#addresses = addresses;
  }

  /** Passes a packet on under the public endpoint of its sender; null when it is lost. */
  forward(packet: Uint8Array): Uint8Array | null {
    if (this.losses > 0) {
      this.losses--;
      return null;
    }
    const datagram = parseUdpPacket(packet)!;
    const key = formatEndpoint(datagram.source);
    const port = this.#ports.get(key) ?? this.#freePort();
    this.#ports.set(key, port);
    const source = { ip: this.#addresses[0]!, port };
    this.given.add(formatEndpoint(source));
    return buildUdpPacket({ ...datagram, source }, 63);
  }

  /** Who is behind a public endpoint now, as `IP:PORT`. */
  behind({ ip, port }: Endpoint): string | undefined {
    return ip === this.#addresses[0] ? [...this.#ports].find(([, given]) => given === port)?.[0] : undefined;
  }

  forget(): void {
    this.#ports.clear();
  }

  /** Takes its other public address. */
  renumber(): void {
    this.#addresses.reverse();
    this.forget();
  }

  #freePort(): number {
    const taken = new Set(this.#ports.values());
    do this.#lastIndex++; while (taken.has(NAT_PORTS[this.#lastIndex % NAT_PORTS.length]!));
    return NAT_PORTS[this.#lastIndex % NAT_PORTS.length]!;
  }
}

/** A client's host: real state machine and packets, and a network that is not there. */
export class ClientHost {
  readonly client: Client;
  readonly inside: Endpoint;
  readonly nat: Nat;
  readonly #scheme: Scheme;

  constructor(scheme: Scheme, nat: Nat, inside: Endpoint, now: number) {
    this.client = new Client({ keepalive: KEEPALIVE, expectsAnswers: false }, now, Math.random);
    this.inside = inside;
    this.nat = nat;
    this.#scheme = scheme;
  }

  authPacket(now: number): Uint8Array {
    const salt = (length: number) => new Uint8Array(length);
    return this.#packet(makeAuthPayload(this.#scheme, Math.floor(now / 1000), salt));
  }

  dataPacket(length: number): Uint8Array {
    return this.#packet(innerPacket(length));
  }

  #packet(payload: Uint8Array): Uint8Array {
    return buildUdpPacket(
      { source: this.inside, destination: { ip: OUTSIDE.ip, port: PORT }, payload },
      64,
    );
  }
}

/** The server's host: real gate and plans, on a kernel in memory. */
export class ServerHost {
  readonly kernel = new FakeKernel();
  /** Runs of `ip` and `nft` that the last admission took, and what it had to do beside making or moving a tunnel. */
  lastAdmission = { runs: 0, replacesRules: false, putsOut: false, isRenewal: false };
  readonly #settings: Settings;
  readonly #registrar: Registrar;
  #observed: Observed;
  #desired: DesiredState;

  constructor(settings: Settings, now: number) {
    this.#settings = settings;
    this.#registrar = new Registrar(settings, new Map());
    this.kernel.addDevice("eth0", { addresses: [`${OUTSIDE.ip}/24`] });
    this.#observed = sortOut(this.kernel.list("ipipou"), identityOf(this.#settings), now);
    this.#desired = this.#desire(now);
    this.#carryOut(planTransition(this.#observed, this.#desired, now));
  }

  /** Endpoints whose data the kernel lets in, as `IP:PORT`. */
  get remotes(): string[] {
    return [...this.#set("remotes").keys()].map((key) => key.split(" . ").slice(0, 2).join(":"));
  }

  /** Handles what comes in at the FOU port. @returns the tunnel device that data is let into, or what else becomes of it */
  receive(packet: Uint8Array, now: number): string {
    const datagram = parseUdpPacket(packet)!;
    const { source, payload } = datagram;
    const isAuth = this.#desired.gate!.rules.authLengths.includes(payload.length) &&
      !looksLikeInnerPacket(payload);
    if (!isAuth) return this.#deliver(source);
    const outcome = this.#registrar.handle(datagram, now, Math.floor(now / 1000));
    if (outcome.kind !== "admitted") return outcome.kind;
    this.#observed = { ...this.#observed, own: this.#desired };
    this.#desired = this.#desire(now);
    const transition = planTransition(this.#observed, this.#desired, now);
    const isRenewal = outcome.previous !== null && isSamePlace(outcome.previous, outcome.admission);
    const runs = this.#carryOut(transition);
    const putsOut = outcome.displaced !== null;
    const replacesRules = [...transition.close, ...transition.open].some((command) =>
      command.startsWith("add rule")
    );
    this.lastAdmission = { runs, replacesRules, putsOut, isRenewal };
    return "admitted";
  }

  /** Where the data goes that the server sends into a tunnel; null when it cannot leave. */
  destinationOf(device: string): Endpoint | null {
    const tunnel = this.kernel.devices.get(device);
    if (tunnel === undefined || !tunnel.up) return null;
    const { local, remote, encap } = tunnel.outer!;
    const isRewritten = local === OUTSIDE.ip || this.#set("alts").has(local);
    return isRewritten ? { ip: remote, port: encap!.dport } : null;
  }

  /** Removes everything, as the program does when it ends. */
  remove(now: number): void {
    const observed = sortOut(this.kernel.list("ipipou"), identityOf(this.#settings), now);
    this.#carryOut(planTransition(observed, { ...EMPTY_STATE, gate: null }, now));
  }

  #deliver(source: Endpoint): string {
    const key = `${source.ip} . ${source.port} . ${PORT}`;
    const verdict = this.#set("remotes").get(key)?.data;
    if (verdict === undefined) return "dropped";
    const local = verdict === "accept" ? OUTSIDE.ip : this.#set("locals").get(key)?.data;
    assert.ok(this.kernel.listeners.has(`${local}:${PORT}`), `nobody listens at ${local}`);
    const tunnel = [...this.kernel.devices].find(([, { up, outer }]) =>
      up && outer?.local === local && outer?.remote === source.ip
    );
    return tunnel?.[0] ?? "lost";
  }

  #set(name: string): ReadonlyMap<string, FakeElement> {
    const instance = this.#settings.peers[0]!.name;
    return this.kernel.tables.get("ipipou")?.sets.get(`${name}-${instance}`)?.elements ?? new Map();
  }

  #desire(now: number): DesiredState {
    const { admissions } = this.#registrar;
    const { state, faults } = desiredState(
      { settings: this.#settings, outside: OUTSIDE, admissions },
      this.#observed,
      now,
    );
    assert.equal(faults.size, 0);
    return state;
  }

  #carryOut(transition: Transition): number {
    this.kernel.run(transition);
    return [transition.close, transition.ip, transition.open].filter((part) => part.length > 0).length;
  }
}
