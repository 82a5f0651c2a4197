import type { Listing, NftObject } from "../../../lib/kernel/listing.ts";
import type { Transition } from "../../../lib/kernel/plan.ts";
import { Changes } from "./changes.ts";
import { parseIpv4 } from "../../../lib/ipv4.ts";
import { Fib } from "./fib.ts";
import { type FakeListener, FouPorts } from "./fou_ports.ts";
import { runIpCommand } from "./ip_commands.ts";
import { listDevice, listFou, listRoutes } from "./ip_listing.ts";
import { type FakeAddress, type FakeDevice, Links } from "./links.ts";
import { FakeNft, type NftOptions } from "./nft.ts";
import { listTable } from "./nft_listing.ts";
import { Refused } from "./refused.ts";

/** How this kernel differs from others. */
export interface KernelOptions extends NftOptions {
  /** FOU ports that it tells of in one message: between one and the next it loses one; null: it loses none. */
  readonly fouPortsPerMessage: number | null;
  /** Milliseconds of the clock that never jumps. */
  readonly now: () => number;
}

/** What a device is given that is there from the beginning. */
type DeviceFields = Partial<Omit<FakeDevice, "name" | "index" | "addresses">> & {
  /** IP/LENGTH. */
  readonly addresses?: readonly string[];
};

/**
 * A kernel in memory that understands just the commands a plan may have, refuses what the real one refuses, and
 * throws at any other word. It shows its state in the form of `ip -j` and `nft -j`.
 */
export class FakeKernel {
  readonly changes = new Changes();
  readonly fib = new Fib(this.changes);
  readonly links = new Links(this.changes, this.fib);
  readonly fou = new FouPorts();
  readonly nftables: FakeNft;
  /** FOU's and that of ipip devices. */
  modules: "loaded" | "loadable" | "missing" = "loadable";
  /** Commands of `ip` and transactions of `nft` carried out so far. */
  count = 0;
  readonly #options: KernelOptions;

  constructor(options: Partial<KernelOptions> = {}) {
    this.#options = { fouPortsPerMessage: null, now: () => 0, updatesTimeouts: true, ...options };
    this.nftables = new FakeNft(this.changes, this.#options.now, this.#options);
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

  get devices(): Links["byName"] {
    return this.links.byName;
  }

  /** Milliseconds of the clock that never jumps. */
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

  /** Loads what FOU and ipip devices need, with which a device comes. */
  loadModules(): void {
    this.modules = "loaded";
    if (this.devices.has("tunl0")) return;
    const outer = { remote: "any", local: "any", encap: null, csum: false };
    this.addDevice("tunl0", { kind: "ipip", outer, up: false });
  }

  /** Whether an address is one of this host's. */
  isLocal(ip: string): boolean {
    const isIn = (device: FakeDevice) => device.addresses.some(({ local }) => local === ip);
    return this.devices.values().some(isIn) || ip.startsWith("127.") && this.devices.has("lo");
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

  /** Runs a transition as the programs would, calling `beforeEach` before each atomic change. */
  run({ confirm, withdraw, close, ip, open }: Transition, beforeEach: () => void = () => {}): void {
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

  /** What `ip -force` does to a FOU port that may be there. */
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

  /** What `ip -j -d` and `nft -j` print: lists of devices, FOU ports, routes, and a table's objects. */
  list(table: string): Listing {
    return {
      devices: this.listDevices(),
      fou: this.listFou(),
      routes: this.listRoutes(),
      nft: this.listTable(table),
    };
  }

  listDevices(): Listing["devices"] {
    return [...this.devices.values()].map((device) => listDevice(this.links, device));
  }

  listFou(): Listing["fou"] {
    return this.fou.listed(this.#options.fouPortsPerMessage).map((listener) => listFou(this.links, listener));
  }

  listRoutes(): Listing["routes"] {
    return listRoutes(this.links, this.fib.routes);
  }

  /** Empty where the table is not there. */
  listTable(name: string): NftObject[] {
    const table = this.tables.get(name);
    return table === undefined ? [] : listTable(name, table, this.now) as NftObject[];
  }
}
