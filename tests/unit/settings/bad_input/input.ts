import { GOOD_FILES } from "../bases.ts";

/** A command line that must be rejected with exit code 2. */
export interface BadInput {
  readonly name: string;
  /** `{dir}` stands for the folder that holds the files. */
  readonly argv: readonly string[];
  /** File names in that folder, and their content; a name that ends in `/` is a folder. */
  readonly files?: Readonly<Record<string, string>>;
  /** What one line of the error must look like, to its end. */
  readonly message: RegExp;
}

/** Turns a message into a pattern; `{dir}` stands for any folder. */
export function says(message: string): RegExp {
  const literal = message.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  return new RegExp(`(^|\\s)${literal.replaceAll("\\{dir\\}", "[^\\s:]+")}$`, "mu");
}

/** Words of a command line, or the same with single spaces between them. */
export type Words = string | readonly string[];

/** A command line that is wrong by itself, and what is said of it. */
export function onCommandLine([argv, message]: readonly [Words, string | RegExp]): BadInput {
  const words = typeof argv === "string" ? argv.split(" ") : argv;
  const pattern = typeof message === "string" ? says(message) : message;
  return { name: words.join(" "), argv: words, message: pattern };
}

/** `@:` in the message stands for the file, to be followed by `LINE:COLUMN`. */
export function inFile([toml, message]: readonly [string, string]): BadInput {
  return {
    name: `TOML ${toml}`,
    argv: ["--config", "{dir}/bad.toml"],
    files: { ...GOOD_FILES, "bad.toml": toml },
    message: says(message.replace("@:", "{dir}/bad.toml:")),
  };
}
