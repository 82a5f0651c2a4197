import type { BASES } from "../bases.ts";

/** One way of giving one option, after the base. */
export interface GoodInput {
  /** Long name, or the letter of an option that has none. */
  readonly option: string;
  readonly mode: keyof typeof BASES;
  readonly argv: readonly string[];
  /** The same said in TOML; null for what can only be used on the command line. */
  readonly toml: string | null;
  /** Dotted names in the settings, and what they must hold then. */
  readonly gives: Readonly<Record<string, unknown>>;
}
