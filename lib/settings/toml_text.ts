import type { Option } from "./option.ts";
import { tomlPathOf } from "./option.ts";

/** Writes text as a TOML string, on one line. */
export function formatString(text: string): string {
  return JSON.stringify(text).replaceAll("\u007f", "\\u007f");
}
