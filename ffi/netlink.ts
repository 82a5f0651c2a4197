import { AF_NETLINK, openSocket, SOCK_RAW } from "./descriptors.ts";
import type { Libc } from "./libc.ts";

/** Netlink protocols. */
export const NETLINK = { route: 0, netfilter: 12 } as const;
/** Multicast groups of NETLINK_ROUTE, as bits of `nl_groups`. */
export const RTMGRP = { link: 0x1, ipv4Address: 0x10, ipv4Route: 0x40 } as const;
/** The multicast group of nftables in NETLINK_NETFILTER (NFNLGRP_NFTABLES, number 7), as a bit of `nl_groups`. */
export const NFTABLES_GROUP = 1 << 6;

/**
 * Opens a netlink socket and joins multicast groups.
 *
 * @param name what it is used for, in words that follow "ask for"
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
