import type * as ports from "../lib/ports.ts";
import { constants } from "node:os";
import {
  AF_INET,
  bindToDevice,
  openSocket,
  setIntOption,
  SOCK_RAW,
  socketAddress,
  SOL_SOCKET,
} from "./descriptors.ts";
import { Libc, MSG_DONTWAIT } from "./libc.ts";
import { NetlinkRoutes } from "./netlink_routes.ts";
import { SysError } from "./sys_error.ts";

const IPPROTO_RAW = 255;
const KIND = { family: AF_INET, type: SOCK_RAW, protocol: IPPROTO_RAW };
const IPPROTO_IP = 0;
const IP_TTL = 2;
const SO_MARK = 36;

/** What tells routes by a device, and its number; null: it is gone. */
interface Bound {
  readonly routes: NetlinkRoutes;
  readonly index: number | null;
}

/** Sends whole IPv4 packets, header included. Needs CAP_NET_RAW. */
export class RawSocket implements ports.RawSocket {
  readonly #resources: DisposableStack;
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #way: ports.RawSocketOptions;
  /** Null: the socket is bound to no device. */
  readonly #bound: Bound | null;
  /** net.ipv4.ip_default_ttl of the network namespace when it was opened. */
  readonly defaultTtl: number;

  /** @throws {SysError} EPERM without CAP_NET_RAW, ENODEV without the device, EADDRNOTAVAIL without the source */
  constructor(way: ports.RawSocketOptions) {
    const { source, device, mark } = way;
    using resources = new DisposableStack();
    const libc = this.#libc = resources.use(new Libc());
    this.#fd = openSocket(libc, "open a raw socket", KIND, resources);
    if (device !== null) bindToDevice(libc, `bind the raw socket to device ${device}`, this.#fd, device);
    if (mark !== 0) {
      const marked = setIntOption(libc, this.#fd, SOL_SOCKET, SO_MARK, mark);
      libc.check(`give the raw socket the mark ${mark}`, "setsockopt", marked);
    }
    // A packet's own header does not count when the kernel looks for its route; the socket's address does.
    const address = socketAddress(source, 0);
    const bound = libc.symbols.bind(this.#fd, address, address.length);
    libc.check(`bind the raw socket to ${source}`, "bind", bound);
    this.#way = way;
    const ttl = new Int32Array(1);
    const read = libc.symbols.getsockopt(this.#fd, IPPROTO_IP, IP_TTL, ttl, new Uint32Array([4]));
    libc.check("read the default TTL", "getsockopt", read);
    this.defaultTtl = ttl[0]!;
    this.#bound = device === null ? null : this.#bind(device, resources);
    this.#resources = resources.move();
  }

  /**
   * Sends a packet without waiting. The kernel fills in total length and header checksum, and the identification
   * and source address if they are 0.
   *
   * @param packet a whole IPv4 packet
   * @param destination IPv4 address to route by, usually the packet's own destination
   * @param isRouted whether a route there is known, so that none must be looked for
   * @throws {SysError} such as ENETUNREACH (also without a route by the device: the kernel would take any destination
   * for a neighbour), EPERM (a firewall dropped it), EMSGSIZE, EAGAIN (the send buffer is full)
   * @throws {TypeError} when the socket is closed or `destination` is no IPv4 address
   */
  send(packet: Uint8Array, destination: string, isRouted = false): void {
    if (this.#resources.disposed) {
      throw new TypeError(`Cannot send to ${destination} as the raw socket is closed`);
    }
    const address = socketAddress(destination, 0);
    if (!isRouted) this.#refuseWithoutRoute(destination);
    const bytes = packet.slice(); // FFI takes no memory that other threads may share
    const sent = this.#libc.symbols.sendto(
      this.#fd,
      bytes,
      BigInt(bytes.length),
      MSG_DONTWAIT,
      address,
      address.length,
    );
    this.#libc.check(`send to ${destination}`, "sendto", sent);
  }

  [Symbol.dispose](): void {
    this.#resources.dispose();
  }

  /** What tells routes by the device. The socket stays bound to that one, whatever has its name later. */
  #bind(device: string, resources: DisposableStack): Bound {
    const routes = resources.use(new NetlinkRoutes());
    return { routes, index: routes.findIndex(device) };
  }

  #refuseWithoutRoute(destination: string): void {
    if (this.#bound === null) return;
    const { source, device, mark } = this.#way;
    const { routes, index } = this.#bound;
    if (index !== null && routes.hasRoute({ destination, source, device: index, mark })) return;
    const why = `no route from ${source} by ${device}`;
    throw new SysError(`send to ${destination}`, "sendto", constants.errno.ENETUNREACH, why);
  }
}
