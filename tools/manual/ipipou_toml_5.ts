import { TOML_TABLES } from "../../lib/settings/option.ts";
import { OPTIONS } from "../../lib/settings/options.ts";
import { keyEntries } from "./entries.ts";
import { type Block, bold, italic, type Page } from "./roff.ts";

const DESCRIPTION = [
  "`ipipou --config NAME`, and with it the systemd unit `ipipou@NAME`, reads /etc/ipipou/NAME.toml: TOML 1.0, in " +
  "UTF-8. Each key means the same as one of the options of `ipipou`(8), and what stands on the command line wins.",
  `The rule: \`--TABLE-KEY\` is \`KEY\` in \`[TABLE]\`, for the tables ${
    TOML_TABLES.join(", ")
  }; any other option ` +
  "is a key above the first table; `--no-KEY` is `KEY = false`. `TABLE.KEY` above the first table is the same as " +
  "`KEY` in `[TABLE]`.",
  "Keys and tables that do not exist, keys given twice and values of another kind are refused with file, line and " +
  "column, and nothing is changed. A file that is named is looked for beside the configuration file unless its " +
  'path begins with `/`. A time with its unit stands in quotes, as `"25s"`. N below is the value of `number`.',
];

const PEERS: readonly Block[] = [
  "A server may have several clients, its peers, at one UDP port. Each is a table `[[peer]]`, below all other " +
  "tables, or a file of its own in the folder /etc/ipipou/NAME.peers: there PEER.toml has the same keys, without the " +
  "header `[[peer]]`, and the peer's name is PEER. Any of the two makes a server one of several peers; the folder " +
  "does so while it is empty, too.",
  "A peer has the keys above that say so, written as `TABLE.KEY`, or in a table `[peer.TABLE]` after its " +
  "`[[peer]]`. What it does not say is as said above the peers or on the command line. Two peers with the same name, " +
  "device, key, token, route, or address in the tunnel are refused.",
  {
    tag: `${bold("name")} = "${italic("NAME")}"`,
    text: [
      "The peer's name, which a `[[peer]]` must have. Its tunnel's device is called so too, unless `tunl.dev` says " +
      "otherwise. Value: 1 to 15 of A-Z a-z 0-9 _ . -.",
    ],
  },
];

/** The page ipipou.toml(5). @param date when it was last changed, `YYYY-MM-DD` */
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

/** The content of configuration files, by what each shows. */
type Examples = Readonly<Record<string, string>>;
