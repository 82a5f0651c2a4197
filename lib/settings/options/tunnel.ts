import type { OptionGroup } from "../option.ts";
import { DEVICE, IP, NETWORKS } from "./kinds.ts";

export const TUNNEL: OptionGroup = {
  title: "Tunnel",
  options: [
    {
      long: "tunl-dev",
      ...DEVICE,
      slot: "tunnelDevice",
      help: "Name of the tunnel device",
      default: "ipipouN",
      perPeer: true,
    },
    {
      long: "tunl-ip",
      ...IP,
      slot: "tunnelIp",
      help: "Local tunnel address; required on a client",
      default: "172.28.0.0+2N on a server",
      perPeer: true,
    },
    {
      long: "tunl-peer-ip",
      ...IP,
      slot: "tunnelPeerIp",
      help: "The peer's tunnel address",
      default: "--tunl-ip plus 1 on a server, minus 1 on a client",
      perPeer: true,
    },
    {
      long: "routes",
      ...NETWORKS,
      slot: "routes",
      help: "Networks behind the peer, to be routed through the tunnel",
      perPeer: true,
    },
  ],
};
