import type { Option } from "./option.ts";
import { OPTIONS } from "./options.ts";

/** What the first words of the command line can ask for, other than to run. */
export interface Command {
  readonly name: "convert" | "cleanup" | "peer add" | "peer remove" | "peer list";
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

/** Network device of a client where none is named. */
export const DEFAULT_CLIENT_DEVICE = "eth0";

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
    long: "hub",
    kind: "config",
    metavar: "HUB",
    help: "Make one server with a [[peer]] for each file; with --write it is /etc/ipipou/HUB.toml",
  },
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

const PEER_OPTIONS = OPTIONS.filter(({ perPeer }) => perPeer);

const PEER_ADD_OPTIONS: readonly Option[] = [
  HELP,
  {
    long: "endpoint",
    kind: "remote",
    metavar: "HOST[:PORT]",
    help: "Where the client reaches the hub",
    default: "the hub's --fou-local-ip and first --fou-local-port",
    ofCommand: true,
  },
  {
    long: "client-dev",
    kind: "device",
    slot: "device",
    metavar: "DEV",
    help: "Network device the client sends through",
    default: DEFAULT_CLIENT_DEVICE,
    ofCommand: true,
  },
  {
    long: "make-key",
    kind: "switch",
    switch: "makeKey",
    help: "Make the client's key here; the private one is in what is printed, and nowhere else",
  },
  {
    long: "line",
    kind: "switch",
    switch: "line",
    help: "Print a line for root's shell on the client that writes the file there",
  },
];

/** Every command: dispatch, help and errors follow from it. */
export const COMMANDS: readonly Command[] = [
  {
    name: "convert",
    usage: "[--hub HUB] [--write [--force]] NAME...",
    help: "Make TOML of configuration files of version 0.1",
    details: [
      "Prints the settings of /etc/ipipou/NAME.conf as TOML, line by line with its comments. A NAME that " +
      "begins with /, ./ or ../ is a path. A line with a mistake is named, and nothing is printed or written.",
      "All of them: ipipou convert --write /etc/ipipou/*.conf",
      "A hub listens on the ports of all its files, and knows the clients as they are: their tunnels keep " +
      "their devices and addresses. Stop the servers of the files before it is started.",
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
  {
    name: "peer add",
    usage: "HUB PEER [OPTIONS]",
    help: "Add a peer to a hub, and print its client's file",
    details: [
      "Writes /etc/ipipou/HUB.peers/PEER.toml, has the hub reload if it is running, and prints what belongs " +
      "into /etc/ipipou/HUB.toml on the client. If the hub's settings do not fit together with the new peer, " +
      "nothing is written. What a FILE holds is copied, so that it is not needed later.",
      "Make the key on the client, with umask 077: ipipou --auth-keygen > /etc/ipipou/HUB.key; here give the " +
      "public one, its second line, as --auth-remote-pubkey-b64.",
      "OPTIONS are those below, and what ipipou --help says of a server and can be said of one peer: " +
      `${PEER_OPTIONS.map(({ long }) => `--${long}`).join(", ")}.`,
    ],
    options: [...PEER_ADD_OPTIONS, ...PEER_OPTIONS],
    listed: PEER_ADD_OPTIONS,
  },
  {
    name: "peer remove",
    usage: "HUB PEER",
    help: "Remove a peer that was added, and its tunnel",
    details: [
      "Removes /etc/ipipou/HUB.peers/PEER.toml, and has the hub reload if it is running. A peer of HUB.toml " +
      "itself is removed with an editor.",
    ],
    options: [HELP],
    listed: [HELP],
  },
  {
    name: "peer list",
    usage: "HUB",
    help: "List a hub's peers",
    details: [
      "A line for each: its name, its address in the tunnel, how it authenticates, and the file and line " +
      "where it is defined.",
    ],
    options: [HELP],
    listed: [HELP],
  },
];
