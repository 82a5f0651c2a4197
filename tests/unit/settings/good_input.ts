import { AUTHENTICATION } from "./good_input/authentication.ts";
import { CLIENT } from "./good_input/client.ts";
import { GENERAL } from "./good_input/general.ts";
import type { GoodInput } from "./good_input/input.ts";
import { OUTER_ENDPOINTS } from "./good_input/outer_endpoints.ts";
import { SERVER } from "./good_input/server.ts";
import { TUNNEL } from "./good_input/tunnel.ts";

/** Every option in each of its forms, grouped as in the help. */
export const GOOD_INPUTS: readonly GoodInput[] = [
  ...GENERAL,
  ...OUTER_ENDPOINTS,
  ...TUNNEL,
  ...AUTHENTICATION,
  ...CLIENT,
  ...SERVER,
];
