import { type OptionGroup, optionsOf } from "../option.ts";
import { duration, integer, turnsOn } from "./kinds.ts";

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
    "--reauth-only": {
      ...turnsOn("reauthOnly"),
      help: "Authenticate once and exit, without touching the tunnel",
      mode: "client",
    },
  }),
};
