import { outerHeader } from "../../../lib/outer_header.ts";
import type { Changes } from "./changes.ts";
import { OVERHEAD } from "../../../lib/kernel/mtu.ts";
import { Refused } from "./refused.ts";

/** An IPv4 address of a device. */
export interface FakeAddress {
  readonly local: string;
  /** The far end's address; the same as `local` if there is none. */
  readonly peer: string;
  /** The prefix length of the network that `peer` is in. */
  readonly length: number;
  readonly scope: "global" | "link" | "host";
  /** Whether it is deleted with the first address of its network. */
  readonly isSecondary: boolean;
}

/** The outer header of an ipip device's packets. */
export interface Outer {
  readonly remote: string;
  readonly local: string;
  readonly encap: { readonly type: string; readonly sport: number; readonly dport: number } | null;
  readonly csum: boolean;
  /** In the words of `ip link`. */
  readonly header: string;
  readonly fwmark: number;
}

/** The header of a tunnel for which none is given. */
export const USUAL_HEADER = outerHeader(0, 0, true);

/** A network device. */
export interface FakeDevice {
  readonly index: number;
  name: string;
  /** Other names, which no other device can have either. */
  readonly altnames: string[];
  /** "" for the loopback device. */
  readonly kind: string;
  alias: string | null;
  mtu: number;
  /** Null if it is not a tunnel. */
  outer: Outer | null;
  /** Number of the device it is bound to, which may no longer exist. */
  readonly link: number | null;
  up: boolean;
  group: number;
  /** Packets through a tunnel since it was made. */
  readonly counts: { received: number; sent: number; receivedBytes: number; sentBytes: number };
  /** In the kernel's order. */
  addresses: FakeAddress[];
}

/** What has to react to changes of devices. */
export interface Followers {
  readonly raised: (device: FakeDevice) => void;
  readonly lowered: (device: FakeDevice) => void;
  /** The device is about to be deleted. Its addresses are deleted first. */
  readonly leaving: (device: FakeDevice) => void;
}

/** The network devices of a fake kernel. */
export class Links {
  readonly byName = new Map<string, FakeDevice>();
  /** Devices that were moved to another network namespace. Nobody else here can have their outer addresses. */
  readonly elsewhere = new Set<FakeDevice>();
  readonly #changes: Changes;
  readonly #followers: Followers;
  #lastIndex = 0;

  constructor(changes: Changes, followers: Followers) {
    this.#changes = changes;
    this.#followers = followers;
  }

  byIndex(index: number): FakeDevice | undefined {
    return this.byName.values().find((device) => device.index === index);
  }

  /** The name of a device by its number, even if the device no longer exists. */
  nameOf(index: number): string {
    return this.byIndex(index)?.name ?? `if${index}`;
  }

  /** @throws {Refused} */
  find(name: string): FakeDevice {
    const device = this.byName.get(name);
    if (device === undefined) throw new Refused(`Cannot find device "${name}"`);
    return device;
  }

  /** @throws {Refused} when its name or its outer addresses are taken */
  add(name: string, fields: Partial<Omit<FakeDevice, "name" | "index">>): FakeDevice {
    this.#checkName(name);
    const { addresses, ...rest } = fields;
    const device: FakeDevice = {
      index: this.#lastIndex + 1,
      name,
      altnames: [],
      counts: { received: 0, sent: 0, receivedBytes: 0, sentBytes: 0 },
      kind: "dummy",
      alias: null,
      mtu: 1500,
      outer: null,
      link: null,
      up: false,
      group: 0,
      ...rest,
      addresses: [...addresses ?? []],
    };
    if (device.outer !== null) this.#checkPair(device, device.outer);
    this.#lastIndex++;
    this.byName.set(name, device);
    this.#tell(device);
    return device;
  }

  /** Changes several properties in one step. @throws {Refused} without changing anything */
  set(
    device: FakeDevice,
    { outer, alias, group, up, name, mtu }: {
      readonly outer?: Outer;
      readonly mtu?: number;
      readonly alias?: string;
      readonly group?: number;
      readonly up?: boolean;
      readonly name?: string;
    },
  ): void {
    if (outer !== undefined) this.#checkPair(device, outer);
    if (name !== undefined) this.#checkName(name);
    const wasUp = device.up;
    // With another mark, the kernel derives the MTU anew, unless it is given.
    const isDerived = outer !== undefined && outer.fwmark !== device.outer?.fwmark;
    const wanted = mtu ?? (isDerived ? (this.byIndex(device.link ?? 0)?.mtu ?? 1500) - OVERHEAD : device.mtu);
    if (outer !== undefined) device.outer = outer;
    if (alias !== undefined) device.alias = alias;
    if (group !== undefined) device.group = group;
    if (name !== undefined) this.#rename(device, name);
    // The kernel sends no notifications about changes of a device that is down.
    const isOfMtu = wanted !== device.mtu;
    device.mtu = wanted;
    if (isOfMtu || wasUp && (outer ?? alias ?? group) !== undefined) this.#tell(device);
    if (up !== undefined && up !== wasUp) this.#switch(device, up);
  }

  /** Deletes devices in one step. */
  delete(devices: readonly FakeDevice[]): void {
    for (const device of devices) {
      if (device.up) this.#switch(device, false);
      this.#followers.leaving(device);
      this.byName.delete(device.name);
      this.#tell(device, true);
    }
  }

  moveElsewhere(device: FakeDevice): void {
    this.delete([device]);
    this.elsewhere.add(device);
  }

  #switch(device: FakeDevice, up: boolean): void {
    device.up = up;
    this.#tell(device);
    if (up) this.#followers.raised(device);
    else this.#followers.lowered(device);
  }

  #rename(device: FakeDevice, name: string): void {
    const entries = [...this.byName].map(([key, value]) => [value === device ? name : key, value] as const);
    device.name = name;
    this.byName.clear();
    for (const [key, value] of entries) this.byName.set(key, value);
    this.#tell(device);
    for (const { local } of device.addresses) {
      this.#changes.tell({ kind: "address", index: device.index, ip: local, isGone: false });
    }
  }

  /** @throws {Refused} */
  #checkName(name: string): void {
    const hasIt = ({ altnames }: FakeDevice) => altnames.includes(name);
    if (this.byName.has(name) || this.byName.values().some(hasIt)) throw Refused.answer("File exists");
  }

  /** No two ipip devices may have the same outer addresses and be bound to the same device. @throws {Refused} */
  #checkPair(device: FakeDevice, { local, remote }: Outer): void {
    for (const other of [...this.byName.values(), ...this.elsewhere]) {
      const isSame = other !== device && other.kind === device.kind && other.link === device.link &&
        other.outer?.local === local && other.outer.remote === remote;
      if (isSame) throw Refused.answer("File exists");
    }
  }

  #tell({ index, name, up, alias, mtu, outer }: FakeDevice, isGone = false): void {
    const { encap = null } = outer ?? {};
    const ends = encap === null
      ? ""
      : `${outer!.local}:${encap.sport} ${outer!.remote}:${encap.dport} ${outer!.header}`;
    this.#changes.tell({
      kind: "device",
      index,
      name,
      isGone,
      isUp: up,
      alias: alias ?? "",
      mtu,
      outer: ends,
    });
  }
}
