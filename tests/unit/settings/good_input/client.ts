import type { GoodInput } from "./input.ts";

export const CLIENT: readonly GoodInput[] = [
  {
    option: "auth-packet-ttl",
    mode: "client",
    argv: ["--auth-packet-ttl", "9"],
    toml: "auth.packet-ttl = 9",
    gives: { authPacketTtl: 9 },
  },
  {
    option: "keepalive",
    mode: "client",
    argv: ["--keepalive", "2m"],
    toml: "keepalive = 120",
    gives: { keepalive: 120 },
  },
  {
    option: "keepalive",
    mode: "client",
    argv: ["--keepalive", "25"],
    toml: 'keepalive = "25s"',
    gives: { keepalive: 25 },
  },
  {
    option: "no-monitor-port",
    mode: "client",
    argv: ["--no-monitor-port"],
    toml: "monitor.port = false",
    gives: { "monitor.port": false },
  },
  {
    option: "monitor-ping",
    mode: "client",
    argv: ["--monitor-ping"],
    toml: "[monitor]\nping = true",
    gives: { "monitor.ping": true },
  },
  {
    option: "reauth-only",
    mode: "client",
    argv: ["--reauth-only"],
    toml: "reauth-only = true",
    gives: { reauthOnly: true },
  },
];
