import { buildUdpPacket, type Endpoint, formatEndpoint, parseUdpPacket } from "../../../lib/packet.ts";

/** Public ports of a NAT: few, so that one client soon gets what another had. */
const PORTS = [40_000, 40_001, 40_002, 40_003];
const TTL = 63;

/** A router that gives each endpoint behind it a public port, for as long as it likes. */
export class Nat {
  /** Packets that it is going to lose, either way. */
  losses = 0;
  readonly #addresses: string[];
  readonly #ports = new Map<string, number>();
  #lastIndex = 0;

  constructor(...addresses: string[]) {
    this.#addresses = addresses;
  }

  /** Its public address. */
  get address(): string {
    return this.#addresses[0]!;
  }

  /** Passes a datagram on under the public endpoint of its sender; null when it is lost. */
  forward(packet: Uint8Array): Uint8Array | null {
    if (this.#loses()) return null;
    const datagram = parseUdpPacket(packet)!;
    const key = formatEndpoint(datagram.source);
    const port = this.#ports.get(key) ?? this.#freePort();
    this.#ports.set(key, port);
    return buildUdpPacket({ ...datagram, source: { ip: this.address, port } }, TTL);
  }

  /** Passes a datagram on to whoever has its destination; null when it is lost, or nobody has. */
  backward(packet: Uint8Array): Uint8Array | null {
    if (this.#loses()) return null;
    const datagram = parseUdpPacket(packet)!;
    const inside = this.behind(datagram.destination);
    return inside === null ? null : buildUdpPacket({ ...datagram, destination: inside }, TTL);
  }

  /** Who is behind a public endpoint now. */
  behind({ ip, port }: Endpoint): Endpoint | null {
    const found = ip === this.address ? [...this.#ports].find(([, given]) => given === port) : undefined;
    if (found === undefined) return null;
    const [host, hostPort] = found[0].split(":");
    return { ip: host!, port: Number(hostPort) };
  }

  /** The public endpoint of an endpoint behind it, if it has one. */
  outside(inside: Endpoint): Endpoint | null {
    const port = this.#ports.get(formatEndpoint(inside));
    return port === undefined ? null : { ip: this.address, port };
  }

  forget(): void {
    this.#ports.clear();
  }

  /** Gives each of two hosts the port that the other had. */
  swap(a: Endpoint, b: Endpoint): void {
    const [first, second] = [a, b].map((inside) => this.#ports.get(formatEndpoint(inside)));
    if (first === undefined || second === undefined) return;
    this.#ports.set(formatEndpoint(a), second).set(formatEndpoint(b), first);
  }

  /** Takes its other public address. */
  renumber(): void {
    this.#addresses.reverse();
    this.forget();
  }

  #loses(): boolean {
    if (this.losses === 0) return false;
    this.losses--;
    return true;
  }

  #freePort(): number {
    const taken = new Set(this.#ports.values());
    do this.#lastIndex++; while (taken.has(PORTS[this.#lastIndex % PORTS.length]!));
    return PORTS[this.#lastIndex % PORTS.length]!;
  }
}
