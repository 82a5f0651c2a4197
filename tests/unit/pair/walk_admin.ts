import assert from "node:assert/strict";
import type { Node } from "./node.ts";
import { type Event, NEED_TUNNEL } from "./walk_events.ts";
import { SERVER, type World } from "./world.ts";

/** Changes nodes' kernels as administrators and other programs do. */
export class WalkAdmin {
  readonly #world: World;
  #counter = 0;

  constructor(world: World) {
    this.#world = world;
  }

  /** Applies an event to a node's kernel. @returns whether only a reload picks the change up */
  apply(event: Event, node: Node): boolean {
    return this.#change(event, node) ?? false;
  }

  /** Gives a node its default route back. */
  addRoute(node: Node): void {
    const gateway = node === this.#world.server ? "192.0.2.254" : "10.0.0.254";
    this.#world.admin(node).addRoute(`default dev eth0 via ${gateway}`);
  }

  /** The device of a client's tunnel, on the server or on the client. */
  tunnelOf(node: Node, number: number): string {
    return node === this.#world.server ? `p${number}` : "ipipou1";
  }

  #change(event: Event, node: Node): boolean | void {
    const admin = this.#world.admin(node);
    const isServer = node === this.#world.server;
    const tunnel = this.tunnelOf(node, event[2] as number);
    const device = node.host.kernel.devices.get(tunnel);
    // A device that is renamed before it has its mark counts as foreign.
    if (NEED_TUNNEL.has(event[0]) && (device?.kind !== "ipip" || device.alias === null)) return;
    switch (event[0]) {
      case "uplink down":
        return void admin.lower("eth0");
      case "uplink up":
        admin.raise("eth0");
        return this.addRoute(node);
      case "delete device":
        return void admin.deleteDevice(tunnel);
      case "lower":
        return void admin.lower(tunnel);
      case "rename":
        admin.lower(tunnel);
        return void admin.renameDevice(tunnel, `was-${tunnel}`);
      case "remark":
        return void admin.mark(tunnel, "somebodys");
      case "move":
        return void admin.moveTunnel(tunnel, "192.0.2.77", "203.0.113.77");
      case "set header": {
        const { local, remote, encap } = device!.outer!;
        if (encap === null) return;
        const ports = `encap fou encap-sport ${encap.sport} encap-dport ${encap.dport}`;
        const outer = `remote ${remote} local ${local} ttl inherit tos 0x10 nopmtudisc ${ports}`;
        return void admin.ip(`link set dev ${tunnel} type ipip ${outer}`);
      }
      case "set MTU":
        return void admin.ip(`link set dev ${tunnel} mtu 1234`);
      case "uplink MTU":
        return void admin.ip(`link set dev eth0 mtu ${event[2]}`);
      case "flush addresses":
        return void admin.flushAddresses(tunnel);
      case "move elsewhere":
        return void admin.moveElsewhere(tunnel);
      case "delete route":
        return void admin.deleteRoute("10.7.0.0/16");
      case "delete FOU port": {
        const port = this.#fouPort(node);
        // Of those at the main address the next auth packet reminds.
        admin.deleteFouPort(port);
        return port.includes(" local 172.29.");
      }
      case "add address":
        return void admin.addAddress("eth0", `10.99.0.${++this.#counter % 250 + 1}/32`);
      case "renew address":
        return this.#renewAddress(node);
      case "change rule":
        return admin.changeSourceRule(this.#addressOf(node));
      case "add device of a tunnel's name":
        return void admin.addDevice(isServer ? "p0" : "ipipou1");
      default:
        assert.fail(`unknown event ${event[0]}`);
    }
  }

  /** What a DHCP client does that starts again: no program looks in between. */
  #renewAddress(node: Node): void {
    const admin = this.#world.admin(node);
    const ip = this.#addressOf(node);
    const { addresses = [] } = node.host.kernel.devices.get("eth0") ?? {};
    // Of several that are as good, a start takes the first one: these are to stay behind it.
    const others = addresses.map(({ local }) => local).filter((local) => local.startsWith("10.99."));
    for (const local of [ip, ...others]) admin.deleteAddress("eth0", local);
    admin.addAddress("eth0", `${ip}/24`);
    for (const local of others) admin.addAddress("eth0", `${local}/32`);
    this.addRoute(node);
  }

  #addressOf(node: Node): string {
    const { clients } = this.#world;
    return clients.includes(node) ? this.#world.insideOf(clients.indexOf(node)).ip : SERVER.ip;
  }

  #fouPort(node: Node): string {
    const [key = "192.0.2.1:10000", device = "eth0"] = [...node.host.kernel.listeners][0] ?? [];
    const [ip, port] = key.split(":");
    return `port ${port} local ${ip}${device === null ? "" : ` dev ${device}`}`;
  }
}
