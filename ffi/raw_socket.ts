import type * as ports from "../lib/ports.ts";
import { AF_INET, openSocket, SOCK_RAW, SOL_SOCKET } from "./descriptors.ts";
import { Libc, MSG_DONTWAIT } from "./libc.ts";

const IPPROTO_RAW = 255;
const KIND = { family: AF_INET, type: SOCK_RAW, protocol: IPPROTO_RAW };
const IPPROTO_IP = 0;
const IP_TTL = 2;
const SO_BINDTODEVICE = 25;

/** Sends whole IPv4 packets, header included. Needs CAP_NET_RAW. */
export class RawSocket implements ports.RawSocket {
  readonly #resources: DisposableStack;
  readonly #libc: Libc;
  readonly #fd: number;

  /**
   * @param options.device the network device all packets leave by; null: as the routes say
   * @throws {SysError} EPERM without CAP_NET_RAW, ENODEV when there is no such device
   */
  constructor({ device }: { readonly device: string | null }) {
    using resources = new DisposableStack();
    const libc = this.#libc = resources.use(new Libc());
    this.#fd = openSocket(libc, "open a raw socket", KIND, resources);
    if (device !== null) {
      const name = new TextEncoder().encode(device);
      const bound = libc.symbols.setsockopt(this.#fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length);
      libc.check(`bind the raw socket to device ${device}`, "setsockopt", bound);
    }
    this.#resources = resources.move();
  }

  /**
   * Sends a packet without waiting. The kernel fills in total length and header checksum, and the identification
   * and source address if they are 0.
   *
   * @param packet a whole IPv4 packet
   * @param destination IPv4 address to route by, usually the packet's own destination
   * @throws {SysError} such as ENETUNREACH, EPERM (a firewall dropped it), EMSGSIZE, EAGAIN (the send buffer is full)
   * @throws {TypeError} when the socket is closed or `destination` is no IPv4 address
   */
  send(packet: Uint8Array, destination: string): void {
    if (this.#resources.disposed) {
      throw new TypeError(`Cannot send to ${destination} as the raw socket is closed`);
    }
    const { symbols } = this.#libc;
    const address = new Uint8Array(16); // struct sockaddr_in: family, port, address, padding
    new Uint16Array(address.buffer)[0] = AF_INET;
    if (symbols.inet_pton(AF_INET, new TextEncoder().encode(`${destination}\0`), address.subarray(4)) !== 1) {
      throw new TypeError(`Cannot send to ${destination} as it is no IPv4 address`);
    }
    const bytes = packet.slice(); // FFI takes no memory that other threads may share
    const sent = symbols.sendto(this.#fd, bytes, BigInt(bytes.length), MSG_DONTWAIT, address, address.length);
    this.#libc.check(`send to ${destination}`, "sendto", sent);
  }

  /** net.ipv4.ip_default_ttl of the network namespace. @throws {SysError} */
  get defaultTtl(): number {
    const ttl = new Int32Array(1);
    const result = this.#libc.symbols.getsockopt(this.#fd, IPPROTO_IP, IP_TTL, ttl, new Uint32Array([4]));
    this.#libc.check("read the default TTL", "getsockopt", result);
    return ttl[0]!;
  }

  [Symbol.dispose](): void {
    this.#resources.dispose();
  }
}
