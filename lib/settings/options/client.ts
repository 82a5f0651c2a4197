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
      help:
        "Client: authenticate again every SEC seconds. Server: send a client a byte when nothing went either way for " +
        "SEC seconds, to keep a NAT's mapping; 0 is never",
      default: "25 on a client with --reply-on-auth-ok, else 0",
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
      help:
        "Authenticate once and exit, without touching the tunnel; with --reply-on-auth-ok, wait for the reply",
      mode: "client",
    },
  }),
};
