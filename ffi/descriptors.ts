import { parseIpv4 } from "../lib/ipv4.ts";
import type { Libc } from "./libc.ts";

/** Constants of the C headers, under their names there; Linux has the same on x86-64 and AArch64, but for one. */
export const AF_UNIX = 1;
export const AF_INET = 2;
const AF_NETLINK = 16;
/** Protocols of AF_NETLINK: devices, addresses and routes; nftables and queues; and those that have a name. */
export const NETLINK = { route: 0, netfilter: 12, generic: 16 } as const;
export const SOL_NETLINK = 270;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
const SOCK_CLOEXEC = 0o2000000;
export const SOL_SOCKET = 1;
export const SO_RCVBUF = 8;
const SO_BINDTODEVICE = 25;
export const SO_RCVBUFFORCE = 33;
export const O_RDONLY = 0;
export const O_RDWR = 2;
export const O_NONBLOCK = 0o4000;
export const O_NOFOLLOW = Deno.build.arch === "aarch64" ? 0o100000 : 0o400000;
export const O_CLOEXEC = 0o2000000;

/** The byte order of C structures on both architectures the program is built for. */
export const IS_LITTLE_ENDIAN = true;

/** The kernel's address among netlink sockets: struct sockaddr_nl. */
const KERNEL = new Uint32Array([AF_NETLINK, 0, 0]);

/** The parameters of socket(2). */
interface SocketKind {
  readonly family: number;
  readonly type: number;
  readonly protocol: number;
}

/**
 * Opens a socket. Child processes do not inherit it.
 *
 * @param action its purpose, in words that follow "Cannot"
 * @param resources closes it
 * @throws {SysError}
 */
export function openSocket(
  libc: Libc,
  action: string,
  { family, type, protocol }: SocketKind,
  resources: DisposableStack,
): number {
  const socket = libc.symbols.socket(family, type | SOCK_CLOEXEC, protocol);
  return closeWith(resources, libc, libc.check(action, "socket", socket));
}

/**
 * Opens a file. Child processes inherit it unless `flags` has O_CLOEXEC.
 *
 * @param resources closes it
 * @throws {SysError}
 */
export function openFile(libc: Libc, path: string, flags: number, resources: DisposableStack): number {
  const fd = libc.symbols.open(new TextEncoder().encode(`${path}\0`), flags);
  return closeWith(resources, libc, libc.check(`open ${path}`, "open", fd));
}

/** Sets a socket option of type int. @returns below 0 on failure */
export function setIntOption(libc: Libc, fd: number, level: number, option: number, value: number): number {
  return libc.symbols.setsockopt(fd, level, option, new Int32Array([value]), Int32Array.BYTES_PER_ELEMENT);
}

/** Binds a socket to a network device. @param action in words that follow "Cannot" @throws {SysError} */
export function bindToDevice(libc: Libc, action: string, fd: number, device: string): void {
  const name = new TextEncoder().encode(device);
  libc.check(
    action,
    "setsockopt",
    libc.symbols.setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, name.length),
  );
}

/** A struct sockaddr_in. @throws {TypeError} when `ip` is no IPv4 address */
export function socketAddress(ip: string, port: number): Uint8Array<ArrayBuffer> {
  const number = parseIpv4(ip);
  if (number === null) throw new TypeError(`Cannot use ${ip} as it is no IPv4 address`);
  const address = new Uint8Array(16); // family, port, address, padding
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_INET, IS_LITTLE_ENDIAN);
  view.setUint16(2, port);
  view.setUint32(4, number);
  return address;
}

/**
 * Opens a netlink socket and joins multicast groups.
 *
 * @param name its purpose, in words that follow "ask for"
 * @param groups bits of `nl_groups`; those of NETLINK_NETFILTER need CAP_NET_ADMIN
 * @param resources closes it
 * @throws {SysError}
 */
export function openNetlink(
  libc: Libc,
  name: string,
  protocol: number,
  groups: number,
  resources: DisposableStack,
): number {
  const action = `ask for ${name}`;
  const fd = openSocket(libc, action, { family: AF_NETLINK, type: SOCK_RAW, protocol }, resources);
  const address = new Uint32Array([AF_NETLINK, 0, groups]); // struct sockaddr_nl
  libc.check(action, "bind", libc.symbols.bind(fd, address, address.byteLength));
  return fd;
}

/** Has a netlink socket take messages of the kernel alone: other processes get an error. @throws {SysError} */
export function connectToKernel(libc: Libc, action: string, fd: number): void {
  libc.check(action, "connect", libc.symbols.connect(fd, KERNEL, KERNEL.byteLength));
}

/** Sends a netlink message to the kernel. @param action its purpose, in words that follow "Cannot" @throws {SysError} */
export function sendToKernel(libc: Libc, action: string, fd: number, message: Uint8Array<ArrayBuffer>): void {
  const length = BigInt(message.length);
  libc.check(action, "sendto", libc.symbols.sendto(fd, message, length, 0, KERNEL, KERNEL.byteLength));
}

function closeWith(resources: DisposableStack, libc: Libc, fd: number): number {
  return resources.adopt(fd, (fd) => {
    libc.symbols.close(fd);
  });
}
