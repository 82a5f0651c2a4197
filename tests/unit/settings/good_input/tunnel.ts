import type { GoodInput } from "./input.ts";

export const TUNNEL: readonly GoodInput[] = [
  {
    option: "tunl-dev",
    mode: "client",
    argv: ["--tunl-dev", "office"],
    toml: 'tunl.dev = "office"',
    gives: { "peers.0.name": "office", "peers.0.tunnel.device": "office" },
  },
  {
    option: "tunl-ip",
    mode: "client",
    argv: ["--tunl-ip", "10.0.0.2"],
    toml: 'tunl.ip = "10.0.0.2"',
    gives: { "peers.0.tunnel.ip": "10.0.0.2", "peers.0.tunnel.peerIp": "10.0.0.1" },
  },
  {
    option: "tunl-peer-ip",
    mode: "client",
    argv: ["--tunl-peer-ip", "10.0.0.9"],
    toml: 'tunl.peer-ip = "10.0.0.9"',
    gives: { "peers.0.tunnel.peerIp": "10.0.0.9" },
  },
  {
    option: "tunl-shared-ipip",
    mode: "server",
    argv: ["--tunl-shared-ipip"],
    toml: "tunl.shared-ipip = true",
    gives: { "peers.0.sharedIpip": true },
  },
  {
    option: "routes",
    mode: "client",
    argv: ["--routes", "10.1.0.0/16,10.2.3.4"],
    toml: 'routes = ["10.1.0.0/16", "10.2.3.4/32"]',
    gives: { "peers.0.routes": ["10.1.0.0/16", "10.2.3.4/32"] },
  },
  ...([["200", 200], ["inherit", "inherit"]] as const).map(([word, ttl]): GoodInput => ({
    option: "tunl-ttl",
    mode: "client",
    argv: ["--tunl-ttl", word],
    toml: `tunl.ttl = ${typeof ttl === "number" ? ttl : `"${ttl}"`}`,
    gives: { "peers.0.tunnel.header": { ttl, tos: 0, pmtudisc: true } },
  })),
  ...([["0x20", 0x20], ["inherit", "inherit"], ["CS1", 0x20], ["af41", 0x88], ["EF", 0xb8]] as const)
    .map(([word, tos]): GoodInput => ({
      option: "tunl-tos",
      mode: "server",
      argv: ["--tunl-tos", word],
      toml: `tunl.tos = "${word}"`,
      gives: { "peers.0.tunnel.header": { ttl: 64, tos, pmtudisc: true } },
    })),
  {
    option: "no-tunl-pmtudisc",
    mode: "client",
    argv: ["--no-tunl-pmtudisc", "--tunl-ttl", "inherit"],
    toml: 'tunl.pmtudisc = false\ntunl.ttl = "inherit"',
    gives: { "peers.0.tunnel.header": { ttl: "inherit", tos: 0, pmtudisc: false } },
  },
  {
    option: "tunl-pmtudisc",
    mode: "client",
    argv: ["--tunl-pmtudisc"],
    toml: "tunl.pmtudisc = true",
    gives: {}, // as without it
  },
  ...([["1300", 1300], ["auto", null]] as const).map(([word, mtu]): GoodInput => ({
    option: "tunl-mtu",
    mode: "server",
    argv: ["--tunl-mtu", word],
    toml: `tunl.mtu = ${mtu ?? `"${word}"`}`,
    gives: mtu === null ? {} : { "peers.0.tunnel.mtu": mtu },
  })),
  ...([["1300", 1300], ["auto", "auto"], ["off", null]] as const).map(([word, clamp]): GoodInput => ({
    option: "tunl-mss-clamp",
    mode: "client",
    argv: ["--tunl-mss-clamp", word],
    toml: `tunl.mss-clamp = ${typeof clamp === "number" ? clamp : `"${word}"`}`,
    gives: clamp === null ? {} : { mssClamp: clamp },
  })),
  {
    option: "routes",
    mode: "server",
    argv: ["--routes", "10.1.0.0/16"],
    toml: 'routes = ["10.1.0.0/16"]',
    gives: { "peers.0.routes": ["10.1.0.0/16"], "peers.0.allowedIps": null },
  },
];
