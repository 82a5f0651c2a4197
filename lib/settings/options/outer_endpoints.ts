import { type OptionGroup, optionsOf } from "../option.ts";
import { device, integer, ipv4, turnsOff, turnsOn } from "./kinds.ts";

export const OUTER_ENDPOINTS: OptionGroup = {
  title: "Outer endpoints",
  options: optionsOf({
    "-b, --fou-local [IP][:PORT][@DEV]": {
      kind: "local",
      help: "Local address, UDP port and network device in one option; a client that is given neither " +
        "address nor device uses the source address of its route to the server, and follows it",
    },
    "--fou-local-ip IP": {
      ...ipv4("localIp"),
      help: "Local outer IPv4 address",
      default:
        "the first address of the device; on a client without a device, the source address of its route to the server",
    },
    "--fou-local-port PORT[,PORT...]": {
      kind: "ports",
      slot: "localPorts",
      help: "Local UDP port; a server can have up to 64, the first one is the main one",
      default: "10000+N",
    },
    "--fou-dev DEV": {
      ...device("device"),
      help: "Network device for the outer packets; a server needs it or the local address",
    },
    "-r, --fou-remote [HOST|IP][:PORT]": {
      kind: "remote",
      help:
        "The peer's address or name, and UDP port, in one option; a client can have several, separated by commas, " +
        "and goes on to the next one when its server is silent",
      perPeer: true,
    },
    "--fou-remote-ip IP": {
      ...ipv4("remoteHost"),
      help: "The peer's outer IPv4 address; required on a client",
      perPeer: true,
    },
    "--fou-remote-port PORT": {
      ...integer("remotePort", 1, 65_535),
      help: "The peer's UDP port; required on a client",
      perPeer: true,
    },
    "--fou-mark MARK": {
      kind: "mark",
      slot: "fouMark",
      help:
        "Firewall mark by which routing rules choose the way of auth packets, replies and data, like 0x66",
      default: "0, which is none",
      neverAbbreviated: true,
    },
    "--encap-csum": {
      ...turnsOn("encapCsum"),
      help:
        "Send tunnel packets with UDP checksums; a server has none for peers that share their address with " +
        "another, as it rewrites what it sends to them",
      default: "the kernel's",
    },
    "--no-encap-csum": { ...turnsOff("encapCsum"), help: "Send tunnel packets without UDP checksums" },
  }),
};
