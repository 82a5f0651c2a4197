import { type Command, COMMANDS } from "./commands.ts";
import { LARGEST_CONFIG_MIB } from "./files.ts";
import { type Option, TOML_TABLES, tomlPathOf } from "./option.ts";
import { OPTION_GROUPS, OPTIONS } from "./options.ts";
import { MOST_PEERS } from "./peers_folder.ts";

const WIDTH = 80;
const INDENT = 28;

/** What the program is, in one sentence. */
export const ABOUT =
  "Authenticated IPIP-over-UDP (FOU) tunnels for Linux: the kernel carries the data, this program " +
  "admits the right client and follows it when its address changes.";

/** What each does, and its command line. */
export const EXAMPLES = [
  ["Generate a key pair: the private key, then the public key", "ipipou --auth-keygen"],
  [
    "Server on UDP port 10001 of eth0, with tunnel address 172.28.0.2",
    "ipipou -s -n 1 -b @eth0 --reply-on-auth-ok --auth-secret-file FILE --auth-remote-pubkey-b64 KEY",
  ],
  [
    "Its client",
    "ipipou -n 1 -b @eth0 -r vpn.example.com:10001 --tunl-ip 172.28.0.3 " +
    "--reply-on-auth-ok --auth-key-file FILE --auth-secret-file FILE",
  ],
  ["The same with its settings in /etc/ipipou/office.toml", "ipipou --config office"],
] as const;

const FILES = [
  "--config NAME reads /etc/ipipou/NAME.toml. A NAME that begins with /, ./ or ../ is a path. " +
  "A relative FILE in it is relative to its folder. On SIGHUP all files are read again, and changes applied.",
  `--TABLE-KEY is KEY in [TABLE], for the tables ${TOML_TABLES.join(", ")}; ` +
  "any other option is a key above the first table; --no-KEY is KEY = false. For example:",
];

/** About several peers: the text before and after their example. */
const PEERS = [
  "A server can have many named peers: each is a [[peer]] in NAME.toml, or a file " +
  "/etc/ipipou/NAME.peers/PEER.toml with the keys of one [[peer]]. A peer inherits what it does not set from " +
  "the keys above it and the command line. Its tunnel device is called like the peer unless it sets tunl.dev; " +
  "above the peers, --tunl-dev names the server itself and --fou-local-ip-alt is the first private local " +
  "address. For example:",
  `The keys of a peer are name and ${peerKeys()}. A server can have at most ${MOST_PEERS} peers, and a ` +
  `configuration file ${LARGEST_CONFIG_MIB} MiB.`,
] as const;

const PEERS_EXAMPLE = `\
server = true
[fou]
local = "@eth0"
local-port = [10001, 10002]
[tunl]
net = "172.28.16.0/20"
[auth]
secret-file = "hub.secret"
[[peer]]
name = "office"
tunl.peer-ip = "172.28.16.2"
auth.remote-pubkey-b64 = "KEY"
routes = ["10.1.0.0/16"]`;

const TOML_EXAMPLE = `\
server = true
number = 1
[fou]
local = "@eth0"
[auth]
remote-pubkey-b64 = "KEY"
secret-file = "office.secret"`;

/** The text of `--help`, at most 80 columns wide. */
export function helpText(): string {
  const groups = OPTION_GROUPS.map(({ title, options }) =>
    [`${title}:`, ...options.flatMap((option) => describeOption(option))].join("\n")
  );
  const examples = EXAMPLES.flatMap(([what, command]) => [...wrap(`# ${what}`, 2), ...wrapCommand(command)]);
  const files = [
    ...FILES.flatMap((paragraph) => wrap(paragraph, 2)),
    "",
    ...TOML_EXAMPLE.split("\n").map(indentBy(6)),
    "",
    ...wrap(PEERS[0], 2),
    "",
    ...PEERS_EXAMPLE.split("\n").map(indentBy(6)),
    "",
    ...wrap(PEERS[1], 2),
  ];
  return [
    "Usage: ipipou [OPTIONS]\n       ipipou COMMAND ...",
    wrap(ABOUT, 0).join("\n"),
    ["Commands, each with its own --help:", ...COMMANDS.flatMap(describeCommand)].join("\n"),
    ["Options", ...groups].join("\n\n"),
    ["Examples:", ...examples].join("\n"),
    ["Files:", ...files].join("\n"),
  ].join("\n\n") + "\n";
}

/** The text of a command's `--help`, at most 80 columns wide. */
export function commandHelpText({ name, usage, help, details, listed }: Command): string {
  return [
    `Usage: ipipou ${name} ${usage}`,
    ...[`${help}.`, ...details].map((paragraph) => wrap(paragraph, 0).join("\n")),
    ["Options:", ...listed.flatMap((option) => describeOption(option))].join("\n"),
  ].join("\n\n") + "\n";
}

function describeCommand({ name, usage, help }: Command): string[] {
  return hang(`  ${name} ${usage}`, help);
}

function describeOption(option: Option): string[] {
  const short = option.short === undefined ? "    " : `-${option.short}${option.long === null ? "" : ", "}`;
  const long = option.long === null ? "" : `--${option.long}`;
  return hang(`  ${short}${long} ${option.metavar ?? ""}`.trimEnd(), option.help + defaultOf(option));
}

function hang(label: string, sentence: string): string[] {
  const text = wrap(sentence, INDENT);
  if (label.length > INDENT - 2) return [label, ...text];
  return [label.padEnd(INDENT) + (text[0] ?? "").slice(INDENT), ...text.slice(1)];
}

function defaultOf(option: Option): string {
  return option.default === undefined ? "" : ` (default: ${option.default})`;
}

function indentBy(count: number): (line: string) => string {
  return (line) => " ".repeat(count) + line;
}

function peerKeys(): string {
  const keys = OPTIONS.filter(({ perPeer }) => perPeer)
    .flatMap((option) => tomlPathOf(option)?.join(".") ?? []);
  return [...new Set(keys)].join(", ");
}

function wrap(text: string, indent: number, suffix = ""): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const line = lines.at(-1);
    if (line === undefined || indent + line.length + 1 + word.length + suffix.length > WIDTH) {
      lines.push(word);
    } else lines.splice(-1, 1, `${line} ${word}`);
  }
  return lines.map((line, index) => indentBy(indent)(line) + (index < lines.length - 1 ? suffix : ""));
}

/** Wraps a command line with backslashes. */
function wrapCommand(command: string): string[] {
  const [first = "", ...rest] = wrap(command, 6, " \\");
  return [first.slice(2), ...rest];
}
