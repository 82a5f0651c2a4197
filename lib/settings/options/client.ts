import type { OptionGroup } from "../option.ts";
import { DURATION } from "./kinds.ts";

export const CLIENT: OptionGroup = {
  title: "Client",
  options: [
    {
      long: "auth-packet-ttl",
      kind: "integer",
      slot: "authPacketTtl",
      min: 1,
      max: 255,
      metavar: "TTL",
      help: "IP TTL of auth packets",
      default: "the system's",
    },
    {
      long: "keepalive",
      ...DURATION,
      slot: "keepalive",
      help: "Authenticate again every SEC seconds; 0 is never",
      default: "0",
      mode: "client",
    },
    {
      long: "reauth-only",
      kind: "flag",
      slot: "reauthOnly",
      gives: true,
      help: "Authenticate once and exit, without touching the tunnel",
      mode: "client",
    },
  ],
};
