import type { Option, OptionGroup } from "./option.ts";
import { AUTHENTICATION } from "./options/authentication.ts";
import { CLIENT } from "./options/client.ts";
import { GENERAL } from "./options/general.ts";
import { device } from "./options/kinds.ts";
import { OUTER_ENDPOINTS } from "./options/outer_endpoints.ts";
import { SERVER } from "./options/server.ts";
import { TUNNEL } from "./options/tunnel.ts";

/**
 * Every option, as the help groups them. The command line and TOML parsers, the checks, the help, the manual and the
 * shell completions follow from this table.
 */
export const OPTION_GROUPS: readonly OptionGroup[] = [
  GENERAL,
  OUTER_ENDPOINTS,
  TUNNEL,
  AUTHENTICATION,
  CLIENT,
  SERVER,
];

/** The name of one of several peers: a key of [[peer]] only. */
export const PEER_NAME = {
  long: "name",
  ...device("peerName"),
  help: "",
  perPeer: true,
} as const satisfies Option;

/** Every option, ungrouped. */
export const OPTIONS: readonly Option[] = OPTION_GROUPS.flatMap((group) => group.options);
