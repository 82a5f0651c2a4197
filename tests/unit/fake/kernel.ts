import type { Listing } from "../../../lib/kernel/observe.ts";
import { readListing } from "../../read_listing.ts";
import type { FoundRoute, RouteQuery } from "../../../lib/kernel_ports.ts";
import { Changes } from "./changes.ts";
import { outerHeader } from "../../../lib/outer_header.ts";
import { parseIpv4 } from "../../../lib/ipv4.ts";
import { Fib, isIn } from "./fib.ts";
import { type FakeListener, FouPorts } from "./fou_ports.ts";
import { runIpCommand } from "./ip_commands.ts";
import type { Lines } from "./lines.ts";
import { listDevice, listFou, listRoutes } from "./ip_listing.ts";
import type { Listed, ListedObject } from "./listed.ts";
import { type FakeAddress, type FakeDevice, Links } from "./links.ts";
import { FakeNft, type NftOptions } from "./nft.ts";
import { listTable } from "./nft_listing.ts";
import { Refused } from "./refused.ts";

/** Properties in which kernels differ. */
export interface KernelOptions extends NftOptions {
  /** How many FOU ports it lists in one message; it skips one between two messages; null: it skips none. */
  readonly fouPortsPerMessage: number | null;
  /** Milliseconds of the monotonic clock. */
  readonly now: () => number;
}

/** Fields of a device that is added directly. */
type DeviceFields = Partial<Omit<FakeDevice, "name" | "index" | "addresses">> & {
  /** IP/LENGTH. */
  readonly addresses?: readonly string[];
};

/**
 * A fake kernel. It understands just the commands that a plan may have, refuses what the real kernel refuses, and
 * throws at any other word. It lists its state as `ip -j` and `nft -j` do.
 */
export class FakeKernel {
  readonly changes = new Changes();
  readonly fib = new Fib(this.changes);
  readonly links = new Links(this.changes, this.fib);
  readonly fou = new FouPorts();
  /** Source addresses that routing rules ask for; their routes are not modelled. */
  readonly sourceRules = new Set<string>();
  /** How often it was asked for them. */
  ruleQuestions = 0;
  readonly nftables: FakeNft;
  /** The modules for FOU and ipip devices. */
  modules: "loaded" | "loadable" | "missing" = "loadable";
  /**
   * Why it refuses a command though nothing above is in the way; null: it does not. The command is a line of `ip`, or of
   * `nft` in the form `add element SET { ELEMENT }`.
   */
  refuses: (command: string) => string | null = () => null;
  /** How many `ip` commands and `nft` transactions were carried out so far. */
  count = 0;
  readonly #options: KernelOptions;

  constructor(options: Partial<KernelOptions> = {}) {
    this.#options = {
      fouPortsPerMessage: null,
      now: () => 0,
      updatesTimeouts: true,
      canClamp: true,
      canHint: true,
      ...options,
    };
    this.nftables = new FakeNft(this.changes, this.#options.now, this.#options, (line) => this.refuses(line));
  }

  get tables(): FakeNft["tables"] {
    return this.nftables.tables;
  }

  /** Names of the devices that FOU ports are bound to (null: none), by "IP:PORT". */
  get listeners(): ReadonlyMap<string, string | null> {
    const entry = ({ ip, port, device }: FakeListener) =>
      [`${ip}:${port}`, device === null ? null : this.links.nameOf(device)] as const;
    return new Map(this.fou.all.map(entry));
  }

  /** Whether an address is here, and nothing has this UDP port of it. */
  isPortFree(ip: string, port: number): boolean {
    return this.isLocal(ip) &&
      !this.fou.all.some((other) => other.port === port && [ip, "0.0.0.0"].includes(other.ip));
  }

  get devices(): Links["byName"] {
    return this.links.byName;
  }

  /** Milliseconds of the monotonic clock. */
  get now(): number {
    return this.#options.now();
  }

  /** Adds a device with addresses, up unless `fields` say otherwise. @throws {Refused} */
  addDevice(name: string, { addresses = [], ...fields }: DeviceFields = {}): FakeDevice {
    const device = this.links.add(name, { ...fields, up: false });
    for (const text of addresses) {
      const [local, length = "32"] = text.split("/");
      const scope: FakeAddress["scope"] = local!.startsWith("127.") ? "host" : "global";
      this.fib.addAddress(device, { local: local!, peer: local!, length: Number(length), scope });
    }
    this.links.set(device, { up: fields.up ?? true });
    return device;
  }

  /** Loads the modules for FOU and ipip devices, which make the device tunl0. */
  loadModules(): void {
    this.modules = "loaded";
    if (this.devices.has("tunl0")) return;
    const header = outerHeader(0, 0, false);
    const outer = { remote: "any", local: "any", encap: null, csum: false, header, fwmark: 0 };
    this.addDevice("tunl0", { mtu: 1480, kind: "ipip", outer, up: false });
  }

  /** Whether what is sent to an address is for this host. */
  isLocal(ip: string): boolean {
    return this.hasAddress(ip) && !this.fib.hidden.has(ip) || ip.startsWith("127.") && this.devices.has("lo");
  }

  /** Whether an address is one of this host's, so that it may send from it. */
  hasAddress(ip: string): boolean {
    return this.devices.values().some(({ addresses }) => addresses.some(({ local }) => local === ip));
  }

  /** The address that the kernel would send from, see `lib/kernel_ports.ts`. */
  findSource({ destination, device }: RouteQuery): string | null {
    const link = device === null ? null : this.devices.get(device)?.index;
    if (link === undefined) return null;
    const route = this.fib.lookup(destination, link);
    if (route === null) return null;
    const { addresses = [] } = this.links.byIndex(route.device) ?? {};
    const usable = addresses.filter(({ isSecondary, scope }) => !isSecondary && scope !== "host");
    const gateway = parseIpv4(route.via ?? destination)!;
    const chosen = usable.find(({ peer, length }) => isIn(gateway, parseIpv4(peer)!, length)) ?? usable[0];
    return route.source ?? chosen?.local ?? null;
  }

  /** What kind of address one is to this host, as `fib` tells it. */
  typeOf(ip: string): "unicast" | "local" | "broadcast" | "multicast" | "unspec" {
    const address = parseIpv4(ip)!;
    if (address === 0) return "unspec";
    if (address === 0xffff_ffff) return "broadcast";
    if (address >>> 28 === 0xe) return "multicast";
    if (this.isLocal(ip)) return "local";
    const isBroadcast = ({ peer, length }: FakeAddress) => {
      const size = 2 ** (32 - length);
      const own = parseIpv4(peer)!;
      return length < 31 && address === own - own % size + size - 1;
    };
    return this.devices.values().some((device) => device.addresses.some(isBroadcast))
      ? "broadcast"
      : "unicast";
  }

  /** Carries out a transition as the programs would, and calls `beforeEach` before each atomic change. */
  run({ confirm, withdraw, close, ip, open }: Lines, beforeEach: () => void = () => {}): void {
    const steps = [
      ...confirm.map((line) => () => this.#unlessInUse(line)),
      ...withdraw.map((line) => () => this.ip(line)),
      () => this.nft(close),
      ...ip.map((line) => () => this.ip(line)),
      () => this.nft(open),
    ];
    for (const step of steps) {
      beforeEach();
      step();
    }
  }

  /** Does what `ip -force` does to a FOU port that may exist already. */
  #unlessInUse(line: string): void {
    try {
      this.ip(line);
    } catch (error) {
      if (!(error instanceof Refused) || !error.message.includes("Address already in use")) throw error;
    }
  }

  /** Carries out one line of `ip -batch`. @throws {Refused} */
  ip(line: string): void {
    this.count++;
    const why = this.refuses(line);
    if (why !== null) throw Refused.answer(why);
    runIpCommand(
      { links: this.links, fib: this.fib, fou: this.fou, isLocal: (ip) => this.isLocal(ip) },
      line,
    );
  }

  /** One transaction: all or nothing. @throws {Refused} */
  nft(lines: readonly string[]): void {
    this.nftables.run(lines);
    if (lines.length > 0) this.count++;
  }

  /** What there is: devices, FOU ports, routes, and a table. */
  list(table: string): Listing {
    return readListing({
      devices: this.listDevices(),
      fou: this.listFou(),
      routes: this.listRoutes(),
      nft: this.listTable(table),
    });
  }

  listDevices(): Listed["devices"] {
    return [...this.devices.values()].map((device) => listDevice(this.links, device));
  }

  /** The route to an address, see `lib/kernel_ports.ts`. */
  routeTo(ip: string): FoundRoute | null {
    if (this.isLocal(ip)) {
      return { isLocal: true, network: ip, device: this.devices.get("lo")?.index ?? null };
    }
    const route = this.fib.lookup(ip);
    return route && { isLocal: false, network: route.dst, device: route.device };
  }

  /** The devices in the namespace "box" that were moved there. */
  listElsewhere(): Listed["devices"] {
    return [...this.links.elsewhere].map((device) => ({
      ...listDevice(this.links, device),
      link_netnsid: 0,
    }));
  }

  /** @throws {Refused} */
  deleteElsewhere(name: string): void {
    const device = this.links.elsewhere.values().find((device) => device.name === name);
    if (device === undefined) throw new Refused(`Cannot find device "${name}"`);
    this.links.elsewhere.delete(device);
  }

  listFou(): Listed["fou"] {
    return this.fou.listed(this.#options.fouPortsPerMessage).map((listener) => listFou(this.links, listener));
  }

  /** As `ss -H -lunp` does: the sockets of FOU ports. */
  listSockets(port: number): string[] {
    return this.fou.all.filter((listener) => listener.port === port)
      .map(({ ip }) => `UNCONN 0      0      ${ip}:${port} 0.0.0.0:*`);
  }

  listRoutes(): Listed["routes"] {
    return listRoutes(this.links, this.fib.routes);
  }

  /** The objects of a table; empty if there is no such table. */
  listTable(name: string): ListedObject[] {
    const table = this.tables.get(name);
    return table === undefined ? [] : listTable(name, table, this.now) as ListedObject[];
  }
}
