import { METRICS_FOLDERS } from "./metrics_place.ts";
import { type Option, optionsOf } from "./option.ts";
import { OPTIONS } from "./options.ts";

/** A command, named by the first words of the command line. */
export interface Command {
  readonly name:
    | "status"
    | "metrics"
    | "check"
    | "doctor"
    | "export"
    | "convert"
    | "cleanup"
    | "peer add"
    | "peer show"
    | "peer remove"
    | "peer list";
  /** What follows the name. */
  readonly usage: string;
  /** One sentence, no full stop. */
  readonly help: string;
  /** Further paragraphs of its own help. */
  readonly details: readonly string[];
  /** The options it accepts. */
  readonly options: readonly Option[];
  /** Those that its own help lists. */
  readonly listed: readonly Option[];
}

/** What instances can be exported to. */
export const EXPORT_FORMATS = ["sh", "networkd", "openwrt"] as const;

const HELP = { "-h, --help": { kind: "command", command: "help", help: "Show this text and exit" } } as const;
const ONLY_HELP = optionsOf(HELP);

const CONVERT_OPTIONS = optionsOf({
  ...HELP,
  "--hub HUB": {
    kind: "config",
    help:
      "Merge all files into one server with a [[peer]] for each; --write writes it to /etc/ipipou/HUB.toml",
  },
  "--write": {
    kind: "switch",
    switch: "write",
    help:
      "Write /etc/ipipou/NAME.toml instead of printing, readable only by its owner if it holds secrets or the old file is; " +
      "if one of several files cannot be converted, none is written",
  },
  "--force": { kind: "switch", switch: "force", help: "With --write, replace an existing NAME.toml" },
});

const PEER_OPTIONS = OPTIONS.filter(({ perPeer }) => perPeer);

/** What a client's file needs that the hub's settings do not tell. */
const CLIENT_FILE_OPTIONS = {
  "--endpoint HOST[:PORT]": {
    kind: "remote",
    help: "Address or name, and UDP port, at which the client reaches the hub",
    default: "the hub's --fou-local-ip and first --fou-local-port",
    ofCommand: true,
  },
  "--client-dev DEV": {
    kind: "device",
    slot: "device",
    help: "Network device the client sends through",
    default: "by the client's routes",
    ofCommand: true,
  },
  "--line": {
    kind: "switch",
    switch: "line",
    help: "Print a shell command that writes the file when root runs it on the client",
  },
} as const;

const PEER_ADD_OPTIONS = optionsOf({
  ...HELP,
  ...CLIENT_FILE_OPTIONS,
  "--make-key": {
    kind: "switch",
    switch: "makeKey",
    help: "Generate the client's key pair here; the private key is only in what is printed",
  },
});
const PEER_SHOW_OPTIONS = optionsOf({ ...HELP, ...CLIENT_FILE_OPTIONS });

const STATUS_OPTIONS = optionsOf({
  ...HELP,
  "--peer PEER": {
    kind: "device",
    slot: "peerName",
    help: "Show this peer of a hub, with all that is known of it",
    ofCommand: true,
  },
  "--json": {
    kind: "switch",
    switch: "json",
    help: "Print JSON, as docs/status.md describes it; with --watch a line each second",
  },
  "--watch": {
    kind: "switch",
    switch: "watch",
    help:
      "Show it anew each second; q ends it, / shows only what has the text that follows; plain lines if standard " +
      "output is no terminal",
  },
});

const METRICS_OPTIONS = optionsOf({
  ...HELP,
  "--file FILE": {
    kind: "text",
    slot: "output",
    help: `Replace FILE in one step, for a collector of text files; it must be in ${
      METRICS_FOLDERS.join(" or ")
    }`,
    ofCommand: true,
  },
  "--listen PLACE": {
    kind: "text",
    slot: "listen",
    help:
      "Answer HTTP requests for /metrics until told to stop, at a port of a loopback address, as 127.0.0.1:9586, or at " +
      "a unix socket in /run/ipipou, by its path",
    ofCommand: true,
  },
});

const DOCTOR_OPTIONS = optionsOf({
  ...HELP,
  "--nat": {
    kind: "switch",
    switch: "nat",
    help:
      "Tell the kind of NAT on a client's way, and if the client does not run, measure how long it keeps the way open " +
      "while nothing is sent, up to 30 seconds; that takes up to three minutes",
  },
  "--json": { kind: "switch", switch: "json", help: "Print JSON, as docs/doctor.md describes it" },
});

/** Every command: dispatch, help, manual and errors follow from this table. */
export const COMMANDS: readonly Command[] = [
  {
    name: "status",
    usage: "[NAME] [OPTIONS]",
    help: "Show how each tunnel is, and why; of all instances without NAME",
    details: [
      "NAME is that of /etc/ipipou/NAME.toml, or the instance's own, as ipipou1. Without any argument ipipou " +
      "does the same. Root may ask, and the group of the instance's folder in /run/ipipou.",
      "It asks the running instance. If none answers, it says so, and shows what stands in the kernel of this network " +
      "namespace. It changes nothing.",
      "Exit status: 0: all is up; 3: an instance does not run; 4: it runs, and not all is up.",
    ],
    options: STATUS_OPTIONS,
    listed: STATUS_OPTIONS,
  },
  {
    name: "metrics",
    usage: "[NAME] [OPTIONS]",
    help: "Print for Prometheus what status shows, of all instances without NAME",
    details: [
      "Prints Prometheus' text format; to an HTTP request that accepts OpenMetrics it answers in that.",
      "It asks as ipipou status does. docs/status.md lists the metrics.",
    ],
    options: METRICS_OPTIONS,
    listed: METRICS_OPTIONS,
  },
  {
    name: "check",
    usage: "[NAME...]",
    help: "Find all mistakes in configuration files, offline",
    details: [
      "Checks /etc/ipipou/NAME.toml and its peers' files, or all of /etc/ipipou, and prints a line for each mistake: " +
      "file, line, column, and the cure. A NAME that begins with /, ./ or ../ is a path. It exits with 2 if there is " +
      "any. It reads files, and nothing else, and needs no root: a secret that this user cannot read is not checked.",
    ],
    options: ONLY_HELP,
    listed: ONLY_HELP,
  },
  {
    name: "doctor",
    usage: "[NAME] [OPTIONS]",
    help: "Find what keeps tunnels from working on this host, and the cure",
    details: [
      "Looks at the host, and at the instance of /etc/ipipou/NAME.toml, or at all of /etc/ipipou. A NAME that begins " +
      "with /, ./ or ../ is a path. For each thing it found wrong it says why that matters and what cures it. It " +
      "changes nothing: the tracing that it asks the kernel for ends with it. Other users than root see less, and are " +
      "told what they could not see. docs/doctor.md lists what it looks at.",
      "Exit status, by the worst it found: 0: nothing wrong; 4: a warning; 3: something keeps a tunnel from working; 2: " +
      "the settings have a mistake.",
    ],
    options: DOCTOR_OPTIONS,
    listed: DOCTOR_OPTIONS,
  },
  {
    name: "export",
    usage: `${EXPORT_FORMATS.join("|")} NAME`,
    help: "Print the kernel part of an instance for a system that keeps it itself",
    details: [
      "Prints what gives another system the tunnel of /etc/ipipou/NAME.toml; a NAME that begins with /, ./ or ../ is a " +
      "path. sh: a script for a POSIX shell, with up and down. networkd, openwrt: commands for a root shell, which " +
      "write files for systemd-networkd, or for OpenWrt's netifd. It takes nothing of this host, and has no secret.",
      "Nothing of it authenticates: what remains for ipipou is said above it. Of a server it has only the peers that " +
      "are known by address and port, without key or token.",
    ],
    options: ONLY_HELP,
    listed: ONLY_HELP,
  },
  {
    name: "convert",
    usage: "[--hub HUB] [--write [--force]] NAME...",
    help: "Convert configuration files of version 0.1 to TOML",
    details: [
      "Prints /etc/ipipou/NAME.conf as TOML, line by line, including comments. A NAME that begins with /, ./ " +
      "or ../ is a path. An invalid line is reported, and then nothing is printed or written.",
      "To convert all files: ipipou convert --write /etc/ipipou/*.conf",
      "A merged hub listens on the ports of all its files and accepts their clients unchanged: each tunnel keeps " +
      "its device and addresses. Stop the servers of the files before you start it.",
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
      "--config NAME or OPTIONS describe, and lists them. Nothing else is removed. It can be repeated: if " +
      "nothing is left, it says so and exits with 0. If something cannot be removed, it exits with 200.",
      "OPTIONS are those of ipipou itself. Only those that identify the instance matter: -n or --tunl-dev, " +
      "and --fou-local-port and --nft-table if they differ from the default. Without -s, nft need not be " +
      "installed.",
      "While the instance is running it is refused, and nothing is removed: stop that first.",
    ],
    options: OPTIONS,
    listed: ONLY_HELP,
  },
  {
    name: "peer add",
    usage: "HUB PEER [OPTIONS]",
    help: "Add a peer to a hub, and print the client's configuration file",
    details: [
      "Writes /etc/ipipou/HUB.peers/PEER.toml, makes the hub reload if it is running, and prints the client's " +
      "/etc/ipipou/HUB.toml. If the new peer conflicts with the hub's settings, nothing is written. The content " +
      "of each FILE is copied, so the FILE is not needed afterwards.",
      "Generate the key on the client, with umask 077: ipipou --auth-keygen > /etc/ipipou/HUB.key; give its " +
      "public key, the second line, here as --auth-remote-pubkey-b64.",
      "OPTIONS are those below, and those of ipipou --help that can be set for one peer: " +
      `${PEER_OPTIONS.map(({ long }) => `--${long}`).join(", ")}.`,
    ],
    options: [...PEER_ADD_OPTIONS, ...PEER_OPTIONS],
    listed: PEER_ADD_OPTIONS,
  },
  {
    name: "peer show",
    usage: "HUB PEER [OPTIONS]",
    help: "Print the configuration file of a peer's client again",
    details: [
      "Prints the client's /etc/ipipou/HUB.toml as peer add does, and changes nothing. Give --endpoint again, as " +
      "nothing of it is kept on the hub. A private key that peer add made is not known here: the file names HUB.key.",
    ],
    options: PEER_SHOW_OPTIONS,
    listed: PEER_SHOW_OPTIONS,
  },
  {
    name: "peer remove",
    usage: "HUB PEER",
    help: "Remove a peer added with peer add, and its tunnel",
    details: [
      "Removes /etc/ipipou/HUB.peers/PEER.toml, and makes the hub reload if it is running. To remove a peer " +
      "defined in HUB.toml itself, edit that file.",
    ],
    options: ONLY_HELP,
    listed: ONLY_HELP,
  },
  {
    name: "peer list",
    usage: "HUB",
    help: "List a hub's peers",
    details: [
      "Prints a line per peer: name, tunnel address, how it authenticates, and the file and line that define it.",
    ],
    options: ONLY_HELP,
    listed: ONLY_HELP,
  },
];
