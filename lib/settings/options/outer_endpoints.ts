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
      help: "Local address, UDP port and network device in one option",
    },
    {
      long: "fou-local-ip",
      ...IP,
      slot: "localIp",
      help: "Local outer IPv4 address",
      default: "the first address of the device",
    },
    {
      long: "fou-local-port",
      kind: "ports",
      slot: "localPorts",
      metavar: "PORT[,PORT...]",
      help: "Local UDP port; a server can have up to 64, the first one is the main one",
      default: "10000+N",
    },
    {
      long: "fou-dev",
      ...DEVICE,
      slot: "device",
      help: "Network device for the outer packets; required unless the local address is given",
    },
    {
      long: "fou-remote",
      short: "r",
      kind: "remote",
      metavar: "[HOST|IP][:PORT]",
      help: "The peer's address or name, and UDP port, in one option",
      perPeer: true,
    },
    {
      long: "fou-remote-ip",
      ...IP,
      slot: "remoteHost",
      help: "The peer's outer IPv4 address; required on a client",
      perPeer: true,
    },
    {
      long: "fou-remote-port",
      ...PORT,
      slot: "remotePort",
      help: "The peer's UDP port; required on a client",
      perPeer: true,
    },
    {
      long: "encap-csum",
      kind: "flag",
      slot: "encapCsum",
      gives: true,
      help: "Send tunnel packets with UDP checksums",
      default: "the kernel's",
    },
    {
      long: "no-encap-csum",
      kind: "flag",
      slot: "encapCsum",
      gives: false,
      help: "Send tunnel packets without UDP checksums",
    },
  ],
};
