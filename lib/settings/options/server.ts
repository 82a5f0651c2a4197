import { DEFAULT_NFT_TABLE, type OptionGroup, optionsOf } from "../option.ts";
import { duration, integer, ipv4, networks, turnsOff, turnsOn } from "./kinds.ts";

export const SERVER: OptionGroup = {
  title: "Server",
  options: optionsOf({
    "--auth-by-remote-ip": {
      ...turnsOn("byRemoteIp"),
      help: "Accept a peer only from its configured address",
      perPeer: true,
    },
    "--auth-by-remote-port": {
      ...turnsOn("byRemotePort"),
      help: "Accept a peer only from its configured UDP port",
      perPeer: true,
    },
    "--auth-lifetime SEC": {
      ...duration("lifetime"),
      help: "How long an authentication stays valid; 0 is forever",
      default: "0",
      perPeer: true,
    },
    "--auth-move-interval SEC": {
      ...duration("moveInterval"),
      help: "How long a peer must stay at one address and port before it may move to another",
      default: "0",
      perPeer: true,
      neverAbbreviated: true,
    },
    "--silent-after SEC": {
      ...duration("silentAfter"),
      help: "Say in log and status when nothing has come from a peer for SEC seconds; 0 is never",
      default: "0",
      perPeer: true,
      neverAbbreviated: true,
    },
    "--auth-replay MODE": {
      kind: "word",
      choices: ["strict", "window", "off"],
      slot: "replay",
      help:
        "Which signed auth packets to accept: only those newer than all before, each once in any order within " +
        "a minute, or any, repeated ones too",
      default: "strict",
      perPeer: true,
      neverAbbreviated: true,
    },
    "--allowed-ips NET[,NET...]": {
      ...networks("allowedIps"),
      help: "Source networks accepted from the tunnel, besides the peer's tunnel address; 0.0.0.0/0 is any",
      default: "any, or the peer's --routes if there are several peers",
      perPeer: true,
    },
    "--tunl-net NET/LEN": {
      kind: "network",
      slot: "tunnelNet",
      min: 8,
      max: 30,
      help: "Network of the tunnel addresses: the server has the first one, and a peer without " +
        "--tunl-peer-ip one derived from its name",
      neverAbbreviated: true,
    },
    "--fou-private-net NET/LEN": {
      kind: "network",
      slot: "privateNet",
      min: 8,
      max: 30,
      help:
        "Network of the private local addresses, for clients that share their public address: one that is " +
        "not in use at this host",
      default: "172.29.0.0/16",
      neverAbbreviated: true,
    },
    "--fou-local-ip-alt IP": {
      ...ipv4("altIp"),
      help: "Private local address for a client that shares its public address with another client",
      default: "172.29.0.0+N",
      perPeer: true,
    },
    "--force-fou-local-ip-alt": {
      ...turnsOn("forceAlt"),
      help: "Use the private local address for every client",
      perPeer: true,
    },
    "-q, --queue-number NUM": {
      ...integer("queueNumber", 0, 65_535),
      help: "Number of the netfilter queue for auth packets; a second one is 32768 from it",
      default: "N",
    },
    "--nfq-max-len LEN": {
      ...integer("queueMaxLength", 1, 4_294_967_295),
      help: "Packets each of the netfilter queues can hold",
      default: "256, or 1024 for several peers",
    },
    "--nft-table NAME": {
      kind: "nftTable",
      slot: "nftTable",
      help: "Name of the nftables table",
      default: DEFAULT_NFT_TABLE,
    },
    "--no-nft-counter": { ...turnsOff("nftCounter"), help: "Leave counters out of the nftables rules" },
  }, { mode: "server" }),
};
