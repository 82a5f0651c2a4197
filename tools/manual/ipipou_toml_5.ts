import { TOML_TABLES } from "../../lib/settings/option.ts";
import { OPTIONS } from "../../lib/settings/options.ts";
import { keyEntries } from "./entries.ts";
import { type Block, bold, italic, type Page } from "./roff.ts";

const DESCRIPTION = [
  "`ipipou --config NAME`, and with it the systemd unit `ipipou@NAME`, reads /etc/ipipou/NAME.toml: TOML 1.0, in " +
  "UTF-8. Each key corresponds to an option of `ipipou`(8). The command line overrides the file.",
  `The rule: \`--TABLE-KEY\` is \`KEY\` in \`[TABLE]\`, for the tables ${
    TOML_TABLES.join(", ")
  }; any other option ` +
  "is a key above the first table; `--no-KEY` is `KEY = false`. `TABLE.KEY` above the first table is the same as " +
  "`KEY` in `[TABLE]`.",
  "Unknown keys and tables, repeated keys and invalid values are errors that name file, line and column, and nothing " +
  "is changed. Paths are relative to the folder of the configuration file. " +
  'A time with a unit is a string, as `"25s"`. N below is the value of `number`.',
];

const PEERS: readonly Block[] = [
  "A server can have several clients, its peers, at one UDP port. Each is a table `[[peer]]`, below all other " +
  "tables, or a file in the folder /etc/ipipou/NAME.peers: there PEER.toml has the same keys, without the " +
  "header `[[peer]]`, and the peer's name is PEER. Either makes the server one with several peers, even an empty " +
  "folder.",
  "A peer has the keys that say so above, written as `TABLE.KEY`, or in a table `[peer.TABLE]` after its " +
  "`[[peer]]`. It inherits what it does not set from the keys above the peers and the command line. Two peers with " +
  "the same name, device, key, token, route, or tunnel address are an error.",
  {
    tag: `${bold("name")} = "${italic("NAME")}"`,
    text: [
      "The peer's name. Required in a `[[peer]]`. Also the name of its tunnel device, unless `tunl.dev` is set. " +
      "Value: 1 to 15 of A-Z a-z 0-9 _ . -.",
    ],
  },
];

/** The page ipipou.toml(5). @param date of the last change, `YYYY-MM-DD` */
export function ipipouToml5(examples: Examples, version: string, date: string): Page {
  const shown = Object.entries(examples).flatMap(([what, text]): Block[] => [
    `${what}:`,
    { lines: text.trimEnd() },
  ]);
  return {
    name: "ipipou.toml",
    section: 5,
    version,
    date,
    sections: [
      { title: "NAME", blocks: ["ipipou.toml - settings of an ipipou tunnel"] },
      { title: "DESCRIPTION", blocks: DESCRIPTION },
      { title: "KEYS", blocks: keyEntries(OPTIONS) },
      { title: "PEERS", blocks: PEERS },
      { title: "EXAMPLES", blocks: shown },
      { title: "SEE ALSO", blocks: ["`ipipou`(8)"] },
    ],
  };
}

/** Example configuration files, by description. */
type Examples = Readonly<Record<string, string>>;
