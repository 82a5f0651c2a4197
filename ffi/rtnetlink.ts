/** Numbers of NETLINK_ROUTE that requests, answers and news have in common. */

/** Types of messages. */
export const RTM = {
  newLink: 16,
  delLink: 17,
  getLink: 18,
  newAddress: 20,
  delAddress: 21,
  getAddress: 22,
  newRoute: 24,
  delRoute: 25,
  getRoute: 26,
  newRule: 32,
  delRule: 33,
  getRule: 34,
} as const;

/** Headers after struct nlmsghdr: the size of each in bytes, and offsets in it. */
export const LINK = { size: 16, type: 2, index: 4, flags: 8 } as const; // struct ifinfomsg
export const ADDRESS = { size: 8, prefixLength: 1, scope: 3, index: 4 } as const; // struct ifaddrmsg
export const ROUTE = { // struct rtmsg
  ...{ size: 12, family: 0, length: 1, tos: 3, table: 4, protocol: 5, type: 7, flags: 8 },
} as const;
export const RULE = { size: 12, sourceLength: 2, flags: 8 } as const; // struct fib_rule_hdr

export const IFF = { up: 1, loopback: 8, pointToPoint: 0x10, noArp: 0x80 } as const;
export const IFLA = {
  ifname: 3,
  mtu: 4,
  link: 5,
  master: 10,
  linkinfo: 18,
  ifalias: 20,
  stats64: 23,
  group: 27,
  extMask: 29,
  linkNetnsid: 37,
  propList: 52,
  altIfname: 53,
} as const;
/** In IFLA_LINKINFO. */
export const IFLA_INFO = { kind: 1, data: 2 } as const;
/** In IFLA_INFO_DATA, of the kinds `ipip` and `sit`. */
export const IPTUN = {
  link: 1,
  local: 2,
  remote: 3,
  ttl: 4,
  tos: 5,
  protocol: 9,
  pmtudisc: 10,
  encapType: 15,
  encapFlags: 16,
  encapSport: 17,
  encapDport: 18,
  fwmark: 20,
} as const;
export const TUNNEL_ENCAP_FLAG_CSUM = 1;

export const IFA = { address: 1, local: 2, flags: 8 } as const;
export const RTA = {
  dst: 1,
  src: 2,
  oif: 4,
  priority: 6,
  prefsrc: 7,
  metrics: 8,
  cacheInfo: 12,
  table: 15,
  mark: 16,
} as const;
/** Types of routes. */
export const RTN = { unspec: 0, unicast: 1, local: 2, broadcast: 3 } as const;
export const RT_TABLE = { main: 254, local: 255 } as const;
