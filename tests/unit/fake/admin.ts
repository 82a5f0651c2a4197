import type { FakeKernel } from "./kernel.ts";
import { Refused } from "./refused.ts";

/** Changes a fake kernel as an administrator or another program would. Methods return whether the kernel obeyed. */
export class Admin {
  readonly #kernel: FakeKernel;

  constructor(kernel: FakeKernel) {
    this.#kernel = kernel;
  }

  /** Runs a command of `ip`. */
  ip(line: string): boolean {
    return did(() => this.#kernel.ip(line));
  }

  /** Runs commands of `nft`, as one transaction. */
  nft(...lines: readonly string[]): boolean {
    return did(() => this.#kernel.nft(lines));
  }

  deleteDevice(name: string): boolean {
    return this.ip(`link delete dev ${name}`);
  }

  /** Moves a device to another network namespace. */
  moveElsewhere(name: string): boolean {
    const device = this.#kernel.devices.get(name);
    if (device !== undefined) this.#kernel.links.moveElsewhere(device);
    return device !== undefined;
  }

  renameDevice(name: string, to: string): boolean {
    return this.ip(`link set dev ${name} name ${to}`);
  }

  lower(name: string): boolean {
    return this.ip(`link set dev ${name} down`);
  }

  raise(name: string): boolean {
    return this.ip(`link set dev ${name} up`);
  }

  /** @param alias a word */
  mark(name: string, alias: string): boolean {
    return this.ip(`link set dev ${name} alias ${alias}`);
  }

  /** Changes a tunnel's outer addresses. */
  moveTunnel(name: string, local: string, remote: string): boolean {
    if (!this.#kernel.devices.get(name)?.outer) return false;
    return this.ip(`link set dev ${name} type ipip remote ${remote} local ${local}`);
  }

  /** Makes a foreign ipip device, without a mark. @param link the device it is bound to; null: none */
  addTunnel(name: string, local: string, remote: string, link: string | null = null): boolean {
    const device = link === null ? "" : ` dev ${link}`;
    return this.ip(`link add name ${name} type ipip remote ${remote} local ${local}${device}`);
  }

  /** Makes a device that is up. @param addresses IP/LENGTH */
  addDevice(name: string, ...addresses: readonly string[]): boolean {
    return did(() => this.#kernel.addDevice(name, { addresses }));
  }

  /** @param address IP/LENGTH */
  addAddress(device: string, address: string): boolean {
    return this.ip(`address add ${address} dev ${device}`);
  }

  /** Deletes this address from a device, in all networks in which the device has it. */
  deleteAddress(device: string, ip: string): boolean {
    return this.#deleteAddresses(device, (local) => local === ip);
  }

  /** Adds a routing rule for a source address, or deletes it if there is one. */
  changeSourceRule(ip: string): void {
    const { sourceRules, changes } = this.#kernel;
    if (!sourceRules.delete(ip)) sourceRules.add(ip);
    changes.tell({ kind: "rule" });
  }

  flushAddresses(device: string): boolean {
    return this.#deleteAddresses(device, () => true);
  }

  /** Makes a route of protocol `boot`. @param words such as "10.1.0.0/16 dev eth0 metric 5" */
  addRoute(words: string): boolean {
    return this.ip(`route add ${words}`);
  }

  /** Deletes a route of any protocol. */
  deleteRoute(dst: string): boolean {
    const { fib, links } = this.#kernel;
    const route = fib.routes.find((route) => route.dst === dst);
    if (route === undefined) return false;
    return this.ip(`route delete ${dst} dev ${links.nameOf(route.device)} proto ${route.protocol}`);
  }

  /** @param words such as "port 10000 local 192.0.2.1 dev eth0" */
  addFouPort(words: string): boolean {
    return this.ip(`fou add ${words} ipproto 4`);
  }

  /** @param words see `addFouPort()` */
  deleteFouPort(words: string): boolean {
    return this.ip(`fou del ${words} ipproto 4`);
  }

  /** Makes a table with a chain that accepts everything, and a set with one element. */
  addTable(name: string): boolean {
    return this.nft(
      `add table ip ${name}`,
      `add chain ip ${name} input { type filter hook input priority 0; policy accept; }`,
      `add set ip ${name} friends { type ipv4_addr; }`,
      `add element ip ${name} friends { 203.0.113.1 }`,
      `add rule ip ${name} input ip saddr @friends accept`,
    );
  }

  flushRuleset(): boolean {
    return this.nft("flush ruleset");
  }

  deleteTable(name: string): boolean {
    return this.nft(`delete table ip ${name}`);
  }

  /** Deletes one rule of a table. @param number index in all its rules, modulo their count */
  deleteRule(table: string, number: number): boolean {
    const chains = [...this.#kernel.tables.get(table)?.chains ?? []];
    const rules = chains.flatMap(([chain, { rules }]) =>
      rules.map(({ handle }) => `${chain} handle ${handle}`)
    );
    return rules.length > 0 && this.nft(`delete rule ip ${table} ${rules[number % rules.length]}`);
  }

  /** Deletes a chain and its rules, if nothing refers to it. @param number see `deleteRule()` */
  deleteChain(table: string, number: number): boolean {
    const chains = [...this.#kernel.tables.get(table)?.chains.keys() ?? []];
    return chains.length > 0 && this.nft(`delete chain ip ${table} ${chains[number % chains.length]}`);
  }

  /** Deletes a set or map, if no rule refers to it. @param number see `deleteRule()` */
  deleteSet(table: string, number: number): boolean {
    const sets = [...this.#kernel.tables.get(table)?.sets ?? []];
    if (sets.length === 0) return false;
    const [name, { data }] = sets[number % sets.length]!;
    return this.nft(`delete ${data === null ? "set" : "map"} ip ${table} ${name}`);
  }

  /** Deletes one element of a table's sets and maps. @param number see `deleteRule()` */
  deleteElement(table: string, number: number): boolean {
    const sets = [...this.#kernel.tables.get(table)?.sets ?? []];
    const elements = sets.flatMap(([name, set]) =>
      [...set.elements.keys()].map((key) => `${name} { ${key} }`)
    );
    return elements.length > 0 &&
      this.nft(`delete element ip ${table} ${elements[number % elements.length]}`);
  }

  #deleteAddresses(name: string, isGone: (local: string) => boolean): boolean {
    const device = this.#kernel.devices.get(name);
    const gone = device?.addresses.filter(({ local }) => isGone(local)) ?? [];
    for (const address of gone) {
      // A secondary address may have been deleted with the primary one.
      if (device!.addresses.includes(address)) this.#kernel.fib.deleteAddress(device!, address);
    }
    return gone.length > 0;
  }
}

function did(change: () => void): boolean {
  try {
    change();
    return true;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return false;
  }
}
