import { buildUdpPacket, type Endpoint, IP_HEADER_LENGTH, parseUdpPacket } from "../../../lib/packet.ts";
import { IpPacket, PROTOCOL } from "./ip_packet.ts";
import type { FakeKernel } from "./kernel.ts";
import type { FakeDevice } from "./links.ts";
import { judge } from "./nft_verdicts.ts";

/** What becomes of a packet that arrives. */
export type Fate =
  /** Its inner packet comes out of a tunnel device. */
  | { readonly kind: "device"; readonly name: string; readonly inner: Uint8Array }
  | { readonly kind: "queue"; readonly number: number; readonly packet: Uint8Array }
  /** It is for a program of this host, or for another host. */
  | { readonly kind: "passed" }
  | { readonly kind: "dropped"; readonly why: string };

/** What becomes of a packet that is sent. */
export type Sending =
  | { readonly kind: "sent"; readonly packet: Uint8Array; readonly device: string }
  | { readonly kind: "dropped"; readonly why: string };

const TTL = 64;

/** The path of packets through a fake kernel: nftables, FOU ports, tunnel devices, routes. */
export class DataPath {
  readonly #kernel: FakeKernel;
  readonly #onDatagram: (packet: Uint8Array) => void;

  /** @param onDatagram gets each UDP datagram for this host, from its IPv4 header on, as raw sockets do */
  constructor(kernel: FakeKernel, onDatagram: (packet: Uint8Array) => void = () => {}) {
    this.#kernel = kernel;
    this.#onDatagram = onDatagram;
  }

  /** Receives an IPv4 packet on a device. */
  receive(bytes: Uint8Array, deviceName: string): Fate {
    const device = this.#kernel.devices.get(deviceName);
    if (!device?.up) return dropped(`${deviceName} is not up`);
    const packet = IpPacket.copy(bytes);
    if (packet === null) return dropped("no IPv4 packet");
    const verdict = this.#judge("prerouting", packet, device.name, "");
    if (verdict.kind === "drop") return dropped("nftables");
    if (verdict.kind === "queue") return { ...verdict, kind: "queue", packet: packet.bytes };
    // Such checks come after the first chains.
    if (this.#kernel.typeOf(packet.source) !== "unicast") return dropped("no other host has that source");
    const hook = this.#kernel.isLocal(packet.destination) ? "input" : "forward";
    if (this.#judge(hook, packet, device.name, "").kind !== "accept") return dropped(`nftables, ${hook}`);
    return hook === "input" ? this.#deliver(packet, device) : { kind: "passed" };
  }

  /** Sends a packet into a tunnel device. @param inner an IPv4 packet */
  send(deviceName: string, inner: Uint8Array): Sending {
    const device = this.#kernel.devices.get(deviceName);
    if (!device?.up || device.outer === null) return dropped(`${deviceName} is no tunnel that is up`);
    const { local, remote, encap } = device.outer;
    if (/^(0|127)\./.test(remote) || local.startsWith("127.")) return dropped("it leads nowhere");
    if (!this.#kernel.hasAddress(local)) return dropped(`${local} is no address of this host`);
    const packet = encap === null ? IpPacket.wrap(local, remote, inner) : IpPacket.copy(buildUdpPacket({
      source: { ip: local, port: encap.sport },
      destination: { ip: remote, port: encap.dport },
      payload: inner,
    }, TTL))!;
    const sending = this.transmit(packet.bytes, remote, device.link);
    if (sending.kind === "sent") {
      device.counts.sent++;
      device.counts.sentBytes += inner.length;
    }
    return sending;
  }

  /** Sends a packet from a program of this host. @param link number of the device that it must leave by; null: any */
  transmit(bytes: Uint8Array, destination: string, link: number | null): Sending {
    const output = this.outputFor(destination, link);
    if (output === null) return dropped(`no route to ${destination}`);
    const packet = IpPacket.copy(bytes);
    if (packet === null) return dropped("no IPv4 packet");
    for (const hook of ["output", "postrouting"]) {
      if (this.#judge(hook, packet, "", output.name).kind !== "accept") return dropped("nftables");
    }
    return { kind: "sent", packet: packet.bytes, device: output.name };
  }

  /** The device that a packet leaves by. One that must leave by a certain device needs no route. */
  outputFor(destination: string, link: number | null): FakeDevice | null {
    const { links, fib } = this.#kernel;
    const device = links.byIndex(link ?? fib.lookup(destination)?.device ?? 0);
    return device?.up ? device : null;
  }

  #deliver(packet: IpPacket, device: FakeDevice): Fate {
    const { source, destination } = packet;
    if (packet.protocol === PROTOCOL.ipip) {
      return this.#decapsulate(source, destination, packet.transport, device);
    }
    if (!packet.isUdp) return { kind: "passed" };
    this.#onDatagram(packet.bytes);
    const port = packet.bits(16, 16)!;
    const taker = this.#kernel.fou.taker(destination, port, device.index);
    if (taker === undefined) return dropped(`no FOU port ${destination}:${port}`);
    return this.#decapsulate(source, destination, packet.transport.subarray(8), device);
  }

  #decapsulate(source: string, destination: string, payload: Uint8Array, device: FakeDevice): Fate {
    const inner = IpPacket.copy(payload);
    const tunnel = this.#findTunnel(destination, source, device.index);
    if (tunnel === undefined) return dropped(`no tunnel from ${source} to ${destination}`);
    // The kernel counts before it looks what it is.
    if (inner === null && payload.length >= IP_HEADER_LENGTH) {
      tunnel.counts.received++;
      tunnel.counts.receivedBytes += payload.length;
    }
    if (inner === null) return dropped(`no IPv4 packet in the tunnel ${tunnel.name}`);
    const verdict = this.#judge("prerouting", inner, tunnel.name, "");
    if (verdict.kind === "drop") return dropped(`nftables, out of ${tunnel.name}`);
    if (verdict.kind === "queue") return { ...verdict, kind: "queue", packet: inner.bytes };
    tunnel.counts.received++;
    tunnel.counts.receivedBytes += payload.length;
    return { kind: "device", name: tunnel.name, inner: payload.slice() };
  }

  /** Finds a tunnel as the kernel does: ports do not matter, and a tunnel bound to the incoming device is preferred. */
  #findTunnel(local: string, remote: string, link: number): FakeDevice | undefined {
    const tunnels = [...this.#kernel.devices.values()].filter(({ kind, up }) => kind === "ipip" && up);
    const matching = tunnels.filter(({ outer }) => outer?.local === local && outer.remote === remote);
    return matching.find((tunnel) => tunnel.link === link) ?? matching[0] ??
      tunnels.find(({ outer }) => outer?.remote === "any" && outer.local === "any");
  }

  #judge(hook: string, packet: IpPacket, input: string, output: string) {
    const typeOf = (ip: string) => this.#kernel.typeOf(ip);
    const kindOf = (device: string) => this.#kernel.devices.get(device)?.kind ?? "";
    return judge(this.#kernel.tables, hook, packet, { input, output, typeOf, kindOf }, this.#kernel.now);
  }
}

/** The destination of a packet, if it is a UDP datagram that was sent. */
export function destinationOf(sending: Sending): Endpoint | null {
  return sending.kind === "sent" ? parseUdpPacket(sending.packet)?.destination ?? null : null;
}

function dropped(why: string): { readonly kind: "dropped"; readonly why: string } {
  return { kind: "dropped", why };
}
