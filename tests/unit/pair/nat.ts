import {
  buildUdpPacket,
  type Datagram,
  type Endpoint,
  formatEndpoint,
  parseUdpPacket,
} from "../../../lib/packet.ts";

/** Public ports of a NAT: few, so that a client soon gets a port that another client had. */
const PORTS = [40_000, 40_001, 40_002, 40_003];
const TTL = 63;

/** A router that maps each endpoint behind it to a public port, until it forgets or changes the mapping. */
export class Nat {
  /** How many of the next packets it loses, in either direction. */
  losses = 0;
  /** Which datagrams from inside it loses besides: a dead way, for instance. */
  isDead: (datagram: Datagram) => boolean = () => false;
  readonly #addresses: string[];
  readonly #ports = new Map<string, number>();
  #lastIndex = 0;

  constructor(...addresses: string[]) {
    this.#addresses = addresses;
  }

  /** Its present public address. */
  get address(): string {
    return this.#addresses[0]!;
  }

  /** Forwards a datagram from inside, with its sender's public endpoint as the source; null if it is lost. */
  forward(packet: Uint8Array): Uint8Array | null {
    if (this.#loses()) return null;
    const datagram = parseUdpPacket(packet)!;
    if (this.isDead(datagram)) return null;
    const key = formatEndpoint(datagram.source);
    const port = this.#ports.get(key) ?? this.#freePort();
    // The last used comes last.
    this.#ports.delete(key);
    this.#ports.set(key, port);
    return buildUdpPacket({ ...datagram, source: { ip: this.address, port } }, TTL);
  }

  /** Forwards a datagram from outside to the host mapped to its destination; null if it is lost or nothing is mapped. */
  backward(packet: Uint8Array): Uint8Array | null {
    if (this.#loses()) return null;
    const datagram = parseUdpPacket(packet)!;
    const inside = this.behind(datagram.destination);
    return inside === null ? null : buildUdpPacket({ ...datagram, destination: inside }, TTL);
  }

  /** The inside endpoint that is mapped to a public endpoint now. */
  behind({ ip, port }: Endpoint): Endpoint | null {
    const found = ip === this.address ? [...this.#ports].find(([, given]) => given === port) : undefined;
    if (found === undefined) return null;
    const [host, hostPort] = found[0].split(":");
    return { ip: host!, port: Number(hostPort) };
  }

  /** The public endpoint of an inside endpoint, if it is mapped. */
  outside(inside: Endpoint): Endpoint | null {
    const port = this.#ports.get(formatEndpoint(inside));
    return port === undefined ? null : { ip: this.address, port };
  }

  forget(): void {
    this.#ports.clear();
  }

  /** Swaps the public ports of two inside endpoints. */
  swap(a: Endpoint, b: Endpoint): void {
    const [first, second] = [a, b].map((inside) => this.#ports.get(formatEndpoint(inside)));
    if (first === undefined || second === undefined) return;
    this.#ports.set(formatEndpoint(a), second).set(formatEndpoint(b), first);
  }

  /** Switches to its other public address, and forgets all mappings. */
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
    // Like any router it forgets what was not used for longest when it is full.
    if (this.#ports.size === PORTS.length) this.#ports.delete(this.#ports.keys().next().value!);
    const taken = new Set(this.#ports.values());
    do this.#lastIndex++; while (taken.has(PORTS[this.#lastIndex % PORTS.length]!));
    return PORTS[this.#lastIndex % PORTS.length]!;
  }
}
