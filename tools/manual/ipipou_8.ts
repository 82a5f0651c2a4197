import { EXIT } from "../../lib/errors.ts";
import { type Command, COMMANDS } from "../../lib/settings/commands.ts";
import { ABOUT, EXAMPLES } from "../../lib/settings/help.ts";
import type { Option } from "../../lib/settings/option.ts";
import { OPTION_GROUPS, OPTIONS } from "../../lib/settings/options.ts";
import { optionEntry } from "./entries.ts";
import { type Block, bold, italic, type Page, plain } from "./roff.ts";

const DESCRIPTION = [
  ABOUT,
  "The data path is the kernel's: an ipip device with `encap fou` sends, a FOU port receives. The program " +
  "authenticates the far side by an ed25519 key, a token, or its address, sets the tunnel up, follows a client " +
  "whose public address or port changes, and cleans up. No packet of data crosses user space. If the server's " +
  "process is killed, admitted clients go on working, strangers stay out, and the next start takes both over.",
  "Without a command it runs one instance, a server or a client, in the foreground, until it is told to stop. " +
  "Its settings come from options, from a file (`--config`), or both; a server of several clients takes a file. Options may be cut short as long as only " +
  "one begins so, and the values of short ones may follow without a space.",
];

/** Codes that this version never ends with are missing. */
const EXIT_MEANINGS: Partial<Record<keyof typeof EXIT, string>> = {
  ok: "Stopped as told.",
  failure: "Another failure.",
  usage: "Bad arguments or configuration; nothing was changed.",
  modprobe: "Kernel modules (`fou`, `ipip`) are missing.",
  queue: "The netfilter queue cannot be used.",
  nft: "`nft` failed.",
  ipAddress: "`ip address` failed.",
  ipLink: "`ip link` failed.",
  ipFou: "`ip fou` failed.",
  send: "The auth packet of `--reauth-only` could not be sent.",
  cleanup: "Cleaning up failed.",
};

const ENVIRONMENT = {
  IPIPOU_LIBC: "The C library's file, where it has another name than usual.",
  IPIPOU_LIBNETFILTER_QUEUE: "The file of libnetfilter_queue, likewise; only a server uses it.",
  "NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID": "By them a service manager asks to be told how it is, see " +
    "`sd_notify`(3). A program that has such a manager waits for the device and address of `--fou-local`; by hand " +
    "it is an error if they are not there.",
  CREDENTIALS_DIRECTORY: "A file there is read in place of a file of that name which the settings name.",
  JOURNAL_STREAM:
    "Where the log goes to the journal, lines have priorities, and no time and process number unless " +
    "the settings say so.",
};

const FILES = {
  "/etc/ipipou/NAME.toml":
    "What `--config NAME` reads, see `ipipou.toml`(5). A NAME that begins with `/`, `./` or " +
    "`../` is a path.",
  "/etc/ipipou/NAME.peers": "A folder with a file for each peer of a server with several.",
  "/etc/ipipou/NAME.conf": "A file of version 0.1, which `ipipou convert` makes TOML of.",
  "ipipou@.service":
    "The systemd unit: `systemctl enable --now ipipou@NAME` runs /etc/ipipou/NAME.toml, now and " +
    "at every start of the system.",
  "/usr/share/doc/ipipou/examples": "Configuration files to begin with.",
};

const SIGNALS = {
  "SIGTERM, SIGINT":
    "Remove everything it made (device, FOU port, addresses, rules) and end. What was somebody " +
    "else's stays.",
  SIGHUP:
    "Read the settings again and apply what differs, a line of the log for each change, and put back what others " +
    "removed from the kernel; a client then authenticates again. With a mistake in the settings they stay as they " +
    "were, and the log says where. Client or server, `--tunl-dev` and `--nft-table` take a restart.",
  SIGUSR1: "A client authenticates again now.",
  SIGKILL: "Leaves a working tunnel, which the next start with the same settings takes over without a lost " +
    "packet. That is how a new executable takes over after an upgrade: " +
    "`systemctl kill --signal=KILL 'ipipou@*'`, and systemd starts each instance again.",
};

const SECURITY = [
  "The tunnel is not encrypted: run ssh, TLS or WireGuard inside where that matters. Authentication decides who " +
  "may use the tunnel; someone on the path can still read and forge its data.",
  "Keys, tokens and secrets belong into files that only root can read (`--auth-key-file`, `--auth-token-file`, " +
  "`--auth-secret-file`): what stands on the command line every user of the host can see. None of them is " +
  "ever shown in a message.",
  "An auth packet that someone recorded can be sent again by anyone; `--auth-max-time-discrepancy` bounds for " +
  "how long. The secret that is the default one is known to everybody. A token is sent in the clear.",
  "Auth packets are limited in the kernel, before they reach the program; all else that does not come from an " +
  "admitted client is dropped there. Whoever removes these rules (`nft flush ruleset`) opens the FOU port until " +
  "the server is told to reload (SIGHUP).",
];

const AFTER_EXAMPLES: readonly Block[] = [
  "The same as a service, and its log:",
  { lines: "systemctl enable --now ipipou@office\njournalctl -u ipipou@office" },
];

/** The page ipipou(8). @param date when it was last changed, `YYYY-MM-DD` */
export function ipipou8(version: string, date: string): Page {
  const groups = OPTION_GROUPS.flatMap(({ title, options }): Block[] => [
    { heading: title },
    ...options.map(optionEntry),
  ]);
  const examples = EXAMPLES.flatMap((
    [what, command],
  ): Block[] => [`${what}:`, { lines: shellLines(command) }]);
  return {
    name: "ipipou",
    section: 8,
    version,
    date,
    sections: [
      { title: "NAME", blocks: ["ipipou - authenticated IPIP-over-UDP (FOU) tunnels"] },
      { title: "SYNOPSIS", blocks: SYNOPSIS },
      { title: "DESCRIPTION", blocks: DESCRIPTION },
      { title: "COMMANDS", blocks: COMMANDS.map(commandEntry) },
      { title: "OPTIONS", blocks: groups },
      { title: "EXIT STATUS", blocks: exitStatus() },
      { title: "ENVIRONMENT", blocks: entries(ENVIRONMENT) },
      { title: "FILES", blocks: entries(FILES) },
      { title: "SIGNALS", blocks: entries(SIGNALS) },
      { title: "SECURITY", blocks: SECURITY },
      { title: "EXAMPLES", blocks: [...examples, ...AFTER_EXAMPLES] },
      {
        title: "SEE ALSO",
        blocks: ["`ipipou.toml`(5), `ip-fou`(8), `ip-link`(8), `nft`(8), `systemd.service`(5)"],
      },
    ],
  };
}

const SYNOPSIS = ["`ipipou` [OPTIONS]", ...COMMANDS.map(({ name, usage }) => `\`ipipou ${name}\` ${usage}`)];

function commandEntry({ name, usage, help, details, listed }: Command): Block {
  const own = listed.filter((option) => !OPTIONS.some(({ long }) => long === option.long));
  return {
    tag: `${bold(name)} ${plain(usage)}`,
    text: [`${help}.`, ...details, ...own.map(ownOption)],
  };
}

function ownOption({ long, metavar, help }: Option): string {
  return `\`--${long}\`${metavar === undefined ? "" : ` ${metavar}`}: ${help}.`;
}

function exitStatus(): Block[] {
  return Object.entries(EXIT).flatMap(([name, code]) => {
    const meaning = EXIT_MEANINGS[name as keyof typeof EXIT];
    return meaning === undefined ? [] : [{ tag: bold(String(code)), text: [meaning] }];
  });
}

function entries(described: Readonly<Record<string, string>>): Block[] {
  return Object.entries(described).map(([name, text]) => ({
    tag: name.split(/(NAME)/).map((part) => part === "NAME" ? italic(part) : bold(part)).join(""),
    text: [text],
  }));
}

/** The command, an option a line where it is long. */
function shellLines(command: string): string {
  const lines: string[] = [];
  for (const word of command.split(/ (?=-)/)) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > 66) lines.push(word);
    else lines.splice(-1, 1, `${line} ${word}`);
  }
  return lines.join(" \\\n    ");
}
