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
    option: "routes",
    mode: "client",
    argv: ["--routes", "10.1.0.0/16,10.2.3.4"],
    toml: 'routes = ["10.1.0.0/16", "10.2.3.4/32"]',
    gives: { "peers.0.routes": ["10.1.0.0/16", "10.2.3.4/32"] },
  },
  {
    option: "routes",
    mode: "server",
    argv: ["--routes", "10.1.0.0/16"],
    toml: 'routes = ["10.1.0.0/16"]',
    gives: { "peers.0.routes": ["10.1.0.0/16"], "peers.0.allowedIps": null },
  },
];
