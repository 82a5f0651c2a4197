import { EVERY_OPTION } from "./bad_input/every_option.ts";
import { FILES } from "./bad_input/files.ts";
import { FIT } from "./bad_input/fit.ts";
import { HUBS } from "./bad_input/hub.ts";
import type { BadInput } from "./bad_input/input.ts";
import { TOML } from "./bad_input/toml.ts";
import { VALUES } from "./bad_input/values.ts";
import { WORDS } from "./bad_input/words.ts";

/** Every kind of wrong command line and file. */
export const BAD_INPUTS: readonly BadInput[] = [
  ...WORDS,
  ...VALUES,
  ...FIT,
  ...FILES,
  ...TOML,
  ...HUBS,
  ...EVERY_OPTION,
];
