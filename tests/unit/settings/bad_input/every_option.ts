import { nameOf, type Option, tomlPathOf } from "../../../../lib/settings/option.ts";
import { OPTIONS } from "../../../../lib/settings/options.ts";
import { BASES, GOOD_FILES } from "../bases.ts";
import { GOOD_INPUTS } from "../good_input.ts";
import { type BadInput, inFile, onCommandLine, says } from "./input.ts";

/** What follows from the table of options alone. */
function fromTable(option: Option): BadInput[] {
  const name = nameOf(option);
  const given = option.long === null ? `-${option.short}` : `--${option.long}`;
  const takesNone = option.kind === "flag" || option.kind === "count" || option.kind === "command";
  const found: BadInput[] = [];
  if (!takesNone) {
    found.push(onCommandLine([given, `Cannot use ${name} without a value: give ${option.metavar} after it`]));
  } else if (option.long !== null) {
    found.push(onCommandLine([`${given}=x`, `Cannot give a value to ${name}: it takes none`]));
  }
  const key = tomlPathOf(option)?.join(".");
  if (key === undefined) return found;
  for (
    const [value, shown] of [["[]", "a list"], ["{}", "a table"], [
      "1979-05-27T07:32:00Z",
      "1979-05-27T07:32:00Z",
    ], ["1e3", "1e3"]] as const
  ) {
    const [bad] = [inFile([`${key} = ${value}`, ""])];
    const start = `Cannot use ${option.secret ? "(hidden)" : shown} as ${key} at {dir}/bad.toml:1:${
      key.length + 4
    }: must be `;
    found.push({ ...bad, message: new RegExp(says(start).source.replace(/\$$/, "\\S"), "mu") });
  }
  return found;
}

/** Options that are in the table but not available yet, given as they should be once they are. */
function notAvailable(): BadInput[] {
  return GOOD_INPUTS.filter(({ option }) =>
    OPTIONS.some(({ long, short, later }) => later && option === (long ?? short))
  )
    .map(({ mode, argv, option }) => ({
      name: `not available yet: ${argv.join(" ")}`,
      argv: ["--config", "{dir}/base.toml", ...argv],
      files: { ...GOOD_FILES, "base.toml": BASES[mode] },
      exit: 127,
      message: new RegExp(`Cannot use (-./)?--${option}: it is not available yet$`, "m"),
    }));
}

/** What no option takes, and options that are not there yet. */
export const EVERY_OPTION: readonly BadInput[] = [...OPTIONS.flatMap(fromTable), ...notAvailable()];
