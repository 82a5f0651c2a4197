import type { BASES } from "../bases.ts";

/** One way to give an option, in addition to the base. */
export interface GoodInput {
  /** Long name, or the letter if there is none. */
  readonly option: string;
  readonly mode: keyof typeof BASES;
  readonly argv: readonly string[];
  /** The same in TOML; null if it can only be used on the command line. */
  readonly toml: string | null;
  /** Expected values in the settings, by dotted path. */
  readonly gives: Readonly<Record<string, unknown>>;
}
