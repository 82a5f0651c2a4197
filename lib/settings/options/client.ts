import { type OptionGroup, optionsOf } from "../option.ts";
import { duration, integer, turnsOff, turnsOn } from "./kinds.ts";

export const CLIENT: OptionGroup = {
  title: "Client",
  options: optionsOf({
    "--auth-packet-ttl TTL": {
      ...integer("authPacketTtl", 1, 255),
      help: "IP TTL of auth packets, and of a server's replies",
      default: "the system's",
    },
    "--keepalive SEC": {
      ...duration("keepalive"),
      help: "Authenticate again every SEC seconds; 0 is never",
      default: "25 with --reply-on-auth-ok, else 0",
      mode: "client",
    },
    "--no-monitor-port": {
      ...turnsOff("monitorPort"),
      help: "Never try another local UDP port when the server is silent",
      mode: "client",
      neverAbbreviated: true,
    },
    "--monitor-ping": {
      ...turnsOn("monitorPing"),
      help:
        "Ping the server's tunnel address with each auth packet, so that silence shows even if nothing else is sent",
      mode: "client",
      neverAbbreviated: true,
    },
    "--reauth-only": {
      ...turnsOn("reauthOnly"),
      help: "Authenticate once and exit, without touching the tunnel",
      mode: "client",
    },
  }),
};
