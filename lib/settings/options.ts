import type { Option, OptionGroup } from "./option.ts";
import { AUTHENTICATION } from "./options/authentication.ts";
import { CLIENT } from "./options/client.ts";
import { GENERAL } from "./options/general.ts";
import { DEVICE } from "./options/kinds.ts";
import { OUTER_SIDE } from "./options/outer_side.ts";
import { SERVER } from "./options/server.ts";
import { TUNNEL } from "./options/tunnel.ts";

/**
 * Every option there is, as the help groups them. The parsers of command line and TOML, the checks and the
 * help follow from it. To hold an option back until it works, add `later: true` to it.
 */
export const OPTION_GROUPS: readonly OptionGroup[] = [
  GENERAL,
  OUTER_SIDE,
  TUNNEL,
  AUTHENTICATION,
  CLIENT,
  SERVER,
];

/** What one peer of several is called: a key of [[peer]] alone. */
export const PEER_NAME = {
  long: "name",
  ...DEVICE,
  slot: "peerName",
  help: "",
  perPeer: true,
} as const satisfies Option;

/** Every option there is, without the groups. */
export const OPTIONS: readonly Option[] = OPTION_GROUPS.flatMap((group) => group.options);
