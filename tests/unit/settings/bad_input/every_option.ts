import { nameOf, type Option, tomlPathOf } from "../../../../lib/settings/option.ts";
import { OPTIONS } from "../../../../lib/settings/options.ts";
import { type BadInput, inFile, onCommandLine, says } from "./input.ts";

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

/** Bad inputs that follow from the table of options alone. */
export const EVERY_OPTION: readonly BadInput[] = OPTIONS.flatMap(fromTable);
