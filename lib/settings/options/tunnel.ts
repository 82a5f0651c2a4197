import { type OptionGroup, optionsOf } from "../option.ts";
import { device, ipv4, networks } from "./kinds.ts";

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
    "--routes NET[,NET...]": {
      ...networks("routes"),
      help: "Networks behind the peer, to be routed through the tunnel",
    },
  }, { perPeer: true }),
};
