import { AF_NETLINK, openSocket, SOCK_RAW } from "./descriptors.ts";
import type { Libc } from "./libc.ts";

/** Numbers of what can be talked about with the kernel. */
export const NETLINK = { route: 0, netfilter: 12 } as const;
/** What `route` tells of, a bit each. */
export const RTMGRP = { link: 0x1, ipv4Address: 0x10, ipv4Route: 0x40 } as const;

/**
 * Opens a netlink socket, which `resources` close.
 *
 * @param name what is asked for, in words that follow "ask for"
 * @param groups what it hears of unasked, a bit each
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
