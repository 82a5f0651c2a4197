import type { Option } from "./option.ts";
import { OPTIONS } from "./options.ts";

/** What the first word of the command line can ask for, other than to run. */
export interface Command {
  readonly name: "convert" | "cleanup";
  /** What follows the name. */
  readonly usage: string;
  /** One sentence, no full stop. */
  readonly help: string;
  /** More paragraphs for its own help. */
  readonly details: readonly string[];
  /** What it takes beside words. */
  readonly options: readonly Option[];
  /** Those of them that its own help lists. */
  readonly listed: readonly Option[];
}

const HELP: Option = {
  long: "help",
  short: "h",
  kind: "command",
  command: "help",
  help: "Show this text and exit",
};

const CONVERT_OPTIONS: readonly Option[] = [
  HELP,
  {
    long: "write",
    kind: "switch",
    switch: "write",
    help:
      "Write /etc/ipipou/NAME.toml instead of printing, readable by its owner alone if it holds secrets or the old file is so; " +
      "when one of several cannot be converted none is written",
  },
  {
    long: "force",
    kind: "switch",
    switch: "force",
    help: "With --write, replace a NAME.toml that is there",
  },
];

/** Every command: dispatch, help and errors follow from it. */
export const COMMANDS: readonly Command[] = [
  {
    name: "convert",
    usage: "[--write [--force]] NAME...",
    help: "Make TOML of configuration files of version 0.1",
    details: [
      "Prints the settings of /etc/ipipou/NAME.conf as TOML, line by line with its comments. A NAME that " +
      "begins with /, ./ or ../ is a path. A line with a mistake is named, and nothing is printed or written.",
      "All of them: ipipou convert --write /etc/ipipou/*.conf",
    ],
    options: CONVERT_OPTIONS,
    listed: CONVERT_OPTIONS,
  },
  {
    name: "cleanup",
    usage: "NAME | OPTIONS",
    help: "Remove what an instance left in the kernel",
    details: [
      "Removes the tunnel devices, FOU ports, private addresses and nftables chains of the instance that " +
      "--config NAME or OPTIONS run, and says what it removed. It can be repeated: where nothing is left it " +
      "says so and ends with 0. What is not the instance's own stays. If something cannot be removed it ends " +
      "with 200.",
      "OPTIONS are those of ipipou itself; all that counts is what identifies the instance: -n or --tunl-dev, " +
      "and where they differ from the default --fou-local-port and --nft-table. Without -s it does " +
      "without nft where that is not installed.",
      "It does not look whether the instance is running: stop it first. One that is running goes on without " +
      "its tunnel, letting nobody in, until it is started again.",
    ],
    options: OPTIONS,
    listed: [HELP],
  },
];
