import type { IpDevice, IpFou, IpRoute, Listing } from "../../../lib/kernel/listing.ts";
import type { Transition } from "../../../lib/kernel/plan.ts";
import { FakeNft, Refused } from "./fake_nft.ts";

interface FakeDevice {
  kind: string;
  alias?: string;
  remote: string;
  local: string;
  sport: number;
  dport: number;
  csum: boolean;
  link: string | null;
  up: boolean;
  group: string;
  addresses: { local: string; peer: string }[];
}

/**
 * A kernel in memory that understands just the commands a plan may have, refuses what the real one refuses, and
 * throws at any other word. It shows its state in the form of `ip -j` and `nft -j`.
 */
export class FakeKernel {
  readonly devices = new Map<string, FakeDevice>();
  readonly listeners = new Map<string, string | null>();
  /** Device and protocol by destination. */
  readonly routes = new Map<string, { dev: string; protocol: string }>();
  /** Commands carried out so far. */
  count = 0;
  readonly #nft = new FakeNft();

  get tables(): FakeNft["tables"] {
    return this.#nft.tables;
  }

  addDevice(name: string, fields: Partial<FakeDevice> = {}): void {
    this.devices.set(name, {
      kind: "veth",
      remote: "",
      local: "",
      sport: 0,
      dport: 0,
      csum: false,
      link: null,
      up: true,
      group: "default",
      addresses: [],
      ...fields,
    });
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

  ip(line: string): void {
    this.count++;
    const [object, verb] = line.split(" ");
    const words = line.split(" ").slice(2);
    switch (`${object} ${verb}`) {
      case "link add":
        return this.#linkAdd(words);
      case "link set":
        return this.#linkSet(words);
      case "link delete":
        return this.#deleteGroup(value(words, "group"));
      case "route add":
      case "route replace":
      case "route delete":
        return this.#route(verb!, words);
      case "address add":
      case "address delete":
        return this.#address(verb!, words);
      case "fou add":
      case "fou del":
        return this.#fou(verb!, words);
      default:
        throw new TypeError(`Unknown command: ip ${line}`);
    }
  }

  /** What `ip -force` leaves behind of a listener that may be there. */
  #unlessInUse(line: string): void {
    try {
      this.ip(line);
    } catch (error) {
      if (!(error instanceof Refused) || error.message !== "Address already in use") throw error;
    }
  }

  #deleteGroup(group: string): void {
    for (const [name, device] of this.devices) {
      if (device.group !== group) continue;
      this.devices.delete(name);
      this.#flushRoutes(name);
    }
  }

  #flushRoutes(name: string): void {
    for (const [dst, { dev }] of this.routes) if (dev === name) this.routes.delete(dst);
  }

  #route(verb: string, words: string[]): void {
    const dst = words[0]!;
    const route = { dev: value(words, "dev"), protocol: value(words, "proto") };
    const found = this.routes.get(dst);
    if (verb === "delete") {
      if (found?.dev !== route.dev || found.protocol !== route.protocol) throw new Refused("No such process");
      this.routes.delete(dst);
      return;
    }
    if (!this.devices.get(route.dev)?.up) throw new Refused("Device for nexthop is not up");
    if (found !== undefined && verb === "add") throw new Refused("File exists");
    this.routes.set(dst, route);
  }

  /** One transaction: all or nothing. */
  nft(lines: readonly string[]): void {
    this.#nft.run(lines);
    if (lines.length > 0) this.count++;
  }

  #linkAdd(words: string[]): void {
    const name = value(words, "name");
    if (this.devices.has(name)) throw new Refused(`File exists: ${name}`);
    const device: FakeDevice = {
      kind: "ipip",
      ...outer(words),
      link: words.at(-2) === "dev" ? words.at(-1)! : null,
      up: false,
      group: "default",
      addresses: [],
    };
    this.#checkPair(name, device);
    this.devices.set(name, device);
  }

  #linkSet(words: string[]): void {
    const name = value(words, "dev");
    const device = this.devices.get(name);
    if (device === undefined) throw new Refused(`Cannot find device ${name}`);
    if (words.includes("remote")) {
      this.#checkPair(name, { ...device, ...outer(words) });
      Object.assign(device, outer(words));
    }
    if (words.includes("alias")) device.alias = value(words, "alias");
    if (words.includes("group")) device.group = value(words, "group");
    if (words.at(-1) === "up") device.up = true;
  }

  #checkPair(name: string, { local, remote }: FakeDevice): void {
    for (const [other, device] of this.devices) {
      if (other !== name && device.kind === "ipip" && device.local === local && device.remote === remote) {
        throw new Refused(`File exists: ${local} ${remote}`);
      }
    }
  }

  #address(verb: string, words: string[]): void {
    const local = words[0]!.split("/")[0]!;
    const peer = words.includes("peer") ? value(words, "peer") : local;
    const device = this.devices.get(value(words, "dev"));
    if (device === undefined) throw new Refused("Cannot find device");
    const index = device.addresses.findIndex((address) => address.local === local && address.peer === peer);
    if (verb === "add" && index >= 0) throw new Refused("File exists");
    if (verb === "delete" && index < 0) throw new Refused("Cannot assign requested address");
    if (verb === "add") device.addresses.push({ local, peer });
    else device.addresses.splice(index, 1);
    if (device.addresses.length === 0) this.#flushRoutes(value(words, "dev"));
  }

  #fou(verb: string, words: string[]): void {
    const key = `${value(words, "local")}:${value(words, "port")}`;
    const device = words.includes("dev") ? value(words, "dev") : null;
    if (verb === "del") {
      if (this.listeners.get(key) !== device) throw new Refused("Invalid argument");
      this.listeners.delete(key);
      return;
    }
    if (this.listeners.has(key)) throw new Refused("Address already in use");
    this.listeners.set(key, device);
  }

  /** What `ip -j -d address show`, `ip -j fou show` and `nft -j list table` would print. */
  list(table: string): Listing {
    return {
      devices: [...this.devices].map(showDevice),
      fou: this.#showFou(),
      routes: [...this.routes].map(([dst, route]): IpRoute => ({ dst, ...route })),
      nft: this.#nft.show(table),
    };
  }

  #showFou(): IpFou[] {
    return [...this.listeners].map(([key, dev]) => {
      const [local, port] = key.split(":");
      return { port: Number(port), family: "inet", local: local!, ...(dev === null ? {} : { dev }) };
    });
  }
}

function value(words: string[], key: string): string {
  const found = words[words.indexOf(key) + 1];
  if (!words.includes(key) || found === undefined) throw new TypeError(`No ${key} in: ${words.join(" ")}`);
  return found;
}

function outer(words: string[]) {
  return {
    remote: value(words, "remote"),
    local: value(words, "local"),
    sport: Number(value(words, "encap-sport")),
    dport: Number(value(words, "encap-dport")),
    csum: words.includes("encap-csum"),
  };
}

function showDevice([ifname, device]: [string, FakeDevice], index: number): IpDevice {
  const { kind, remote, local, sport, dport, csum, link, alias, up, group, addresses } = device;
  const encap = { type: "fou", sport, dport, csum };
  const data = kind === "ipip" ? { remote, local, ...(link === null ? {} : { link }), encap } : {};
  return {
    ifindex: index + 1,
    ifname,
    flags: up ? ["UP"] : [],
    group,
    link_type: kind === "ipip" ? "ipip" : "ether",
    linkinfo: { info_kind: kind, info_data: data },
    addr_info: addresses.map(({ local, peer }) => ({ family: "inet", local, address: peer })),
    ...(alias === undefined ? {} : { ifalias: alias }),
  };
}
