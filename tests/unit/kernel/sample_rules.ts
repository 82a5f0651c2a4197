import type { GateRules } from "../../../lib/kernel/state.ts";

/** The rules of a server with one peer that has a key. */
export const RULES: GateRules = {
  server: null,
  table: "ipipou",
  name: "t0",
  ip: "192.0.2.1",
  ports: [10_000],
  capacity: 1,
  authLengths: [73],
  queue: 7,
  counter: false,
  readdresses: false,
  reroutes: null,
  filters: false,
  shares: false,
  hintQueue: null,
  serverPorts: [],
  excludes: false,
  alt: null,
  clamp: null,
  mark: "ipipou:t0",
};
