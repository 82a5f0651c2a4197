import { type OptionGroup, optionsOf } from "../option.ts";
import { device, ipv4, networks, numberOrWord, turnsOff, turnsOn } from "./kinds.ts";

export const TUNNEL: OptionGroup = {
  title: "Tunnel",
  options: optionsOf({
    "--tunl-dev DEV": {
      ...device("tunnelDevice"),
      help: "Name of the tunnel device",
      default: "ipipouN",
    },
    "--tunl-ip IP": {
      ...ipv4("tunnelIp"),
      help: "Local tunnel address; required on a client",
      default: "172.28.0.0+2N on a server",
    },
    "--tunl-peer-ip IP": {
      ...ipv4("tunnelPeerIp"),
      help: "The peer's tunnel address",
      default: "--tunl-ip plus 1 on a server, minus 1 on a client",
    },
    "--tunl-shared-ipip": {
      ...turnsOn("sharedIpip"),
      help: "Leave plain IPIP between the two outer addresses to tunl0, for Calico, LVS and the like",
      neverAbbreviated: true,
    },
    "--tunl-ttl TTL": {
      ...numberOrWord("tunnelTtl", 1, 255, "inherit"),
      help: "IP TTL of tunnel packets outside the tunnel, 1 to 255; inherit is that of the packet inside",
      default: "64",
    },
    "--tunl-tos TOS": {
      kind: "tos",
      slot: "tunnelTos",
      help:
        "DSCP of tunnel packets outside the tunnel, as TOS byte (0x20) or name (CS1); inherit is that of the " +
        "packet inside",
      default: "0x00",
      neverAbbreviated: true,
    },
    "--tunl-pmtudisc": {
      ...turnsOn("pathMtuDiscovery"),
      help: "Forbid to fragment tunnel packets on their way (the default)",
      neverAbbreviated: true,
    },
    "--no-tunl-pmtudisc": {
      ...turnsOff("pathMtuDiscovery"),
      help: "Forbid it only where the packet inside does; needs --tunl-ttl inherit",
      neverAbbreviated: true,
    },
    "--tunl-mtu MTU": {
      ...numberOrWord("tunnelMtu", 68, 65_507, "auto"),
      help:
        "MTU of the tunnel device; auto is that of the route to the peer, less the 28 bytes that the tunnel adds",
      default: "auto",
    },
    "--routes NET[,NET...]": {
      ...networks("routes"),
      help:
        "Networks behind the peer, to be routed through the tunnel; on a client with @DEV or --fou-mark, " +
        "0.0.0.0/0 is all traffic",
    },
  }, { perPeer: true }).concat(optionsOf({
    "--tunl-mss-clamp MSS": {
      ...numberOrWord("mssClamp", 48, 65_467, "auto", "off"),
      help:
        "Lower the segment size of TCP connections through the tunnels, forwarded and local ones: to what fits " +
        "(auto) or to a value; off leaves it",
      default: "auto for several peers, else off",
    },
  })),
};
