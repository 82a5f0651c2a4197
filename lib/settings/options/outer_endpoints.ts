import type { OptionGroup } from "../option.ts";
import { DEVICE, IP } from "./kinds.ts";

const PORT = { kind: "integer", metavar: "PORT", min: 1, max: 65_535 } as const;

export const OUTER_ENDPOINTS: OptionGroup = {
  title: "Outer endpoints",
  options: [
    {
      long: "fou-local",
      short: "b",
      kind: "local",
      metavar: "[IP][:PORT][@DEV]",
      help: "Own address, UDP port and network device in one",
    },
    {
      long: "fou-local-ip",
      ...IP,
      slot: "localIp",
      help: "Own IPv4 address",
      default: "the first one of the device",
    },
    {
      long: "fou-local-port",
      kind: "ports",
      slot: "localPorts",
      metavar: "PORT[,PORT...]",
      help: "Own UDP port; a server can have up to 64, the first one is the main one",
      default: "10000+N",
    },
    {
      long: "fou-dev",
      ...DEVICE,
      slot: "device",
      help: "Network device the tunnel's packets go through; this or the address is needed",
    },
    {
      long: "fou-remote",
      short: "r",
      kind: "remote",
      metavar: "[HOST|IP][:PORT]",
      help: "The far side's address or name, and UDP port, in one",
      perPeer: true,
    },
    {
      long: "fou-remote-ip",
      ...IP,
      slot: "remoteHost",
      help: "The far side's IPv4 address; a client needs it",
      perPeer: true,
    },
    {
      long: "fou-remote-port",
      ...PORT,
      slot: "remotePort",
      help: "The far side's UDP port; a client needs it",
      perPeer: true,
    },
    {
      long: "encap-csum",
      kind: "flag",
      slot: "encapCsum",
      gives: true,
      help: "Put UDP checksums on the tunnel's packets",
      default: "as the system has it",
    },
    {
      long: "no-encap-csum",
      kind: "flag",
      slot: "encapCsum",
      gives: false,
      help: "Put none on them",
    },
  ],
};
