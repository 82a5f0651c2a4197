import { GOOD_FILES } from "../bases.ts";

/** A command line that must be rejected with exit code 2. */
export interface BadInput {
  readonly name: string;
  /** `{dir}` stands for the folder that holds the files. */
  readonly argv: readonly string[];
  /** Files in that folder: content by name. A name that ends in `/` is a folder. */
  readonly files?: Readonly<Record<string, string>>;
  /** Must match a line of the error, up to its end. */
  readonly message: RegExp;
}

/** Turns a message into a pattern. `{dir}` stands for any folder. */
export function says(message: string): RegExp {
  const literal = message.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  return new RegExp(`(^|\\s)${literal.replaceAll("\\{dir\\}", "[^\\s:]+")}$`, "mu");
}

/** Words of a command line, or the same joined by single spaces. */
export type Words = string | readonly string[];

/** A command line that is wrong by itself, and the message. */
export function onCommandLine([argv, message]: readonly [Words, string | RegExp]): BadInput {
  const words = typeof argv === "string" ? argv.split(" ") : argv;
  const pattern = typeof message === "string" ? says(message) : message;
  return { name: words.join(" "), argv: words, message: pattern };
}

/** A wrong file, and the message: `@:` stands for the file, and `LINE:COLUMN` follows. */
export function inFile([toml, message]: readonly [string, string]): BadInput {
  return {
    name: `TOML ${toml}`,
    argv: ["--config", "{dir}/bad.toml"],
    files: { ...GOOD_FILES, "bad.toml": toml },
    message: says(message.replace("@:", "{dir}/bad.toml:")),
  };
}
