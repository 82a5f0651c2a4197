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
      help: "Own address in the tunnel; a client needs it",
      default: "172.28.0.0+2N on a server",
      perPeer: true,
    },
    {
      long: "tunl-peer-ip",
      ...IP,
      slot: "tunnelPeerIp",
      help: "The far side's address in the tunnel",
      default: "--tunl-ip, +1 on a server, -1 on a client",
      perPeer: true,
    },
    {
      long: "routes",
      ...NETWORKS,
      slot: "routes",
      help: "Networks behind the far side, to be reached through the tunnel",
      perPeer: true,
    },
  ],
};
