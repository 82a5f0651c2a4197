import { EXIT } from "../../lib/errors.ts";
import { type Command, COMMANDS } from "../../lib/settings/commands.ts";
import { ABOUT, EXAMPLES } from "../../lib/settings/help.ts";
import type { Option } from "../../lib/settings/option.ts";
import { OPTION_GROUPS, OPTIONS } from "../../lib/settings/options.ts";
import { optionEntry } from "./entries.ts";
import { type Block, bold, italic, type Page, plain } from "./roff.ts";

const DESCRIPTION = [
  ABOUT,
  "The kernel carries the data: an ipip device with `encap fou` sends, a FOU port receives. The program " +
  "authenticates the peer by an ed25519 key, a token, or its address, sets up the tunnel, follows a client " +
  "whose public address or port changes, and cleans up. No data packet crosses user space. If the server's " +
  "process is killed, admitted clients keep working, strangers stay out, and the next start takes over both.",
  "Without a command it runs one instance, a server or a client, in the foreground until it is told to stop. " +
  "Settings come from options, from a file (`--config`), or both; a server with several clients needs a file. " +
  "Options can be abbreviated while unambiguous, and the value of a short option can follow without a space.",
];

const EXIT_MEANINGS: Record<keyof typeof EXIT, string> = {
  ok: "Success, or stopped on request.",
  failure: "Another failure.",
  usage: "Invalid arguments or configuration; nothing was changed.",
  notRunning:
    "`ipipou status`: an instance does not run. `ipipou doctor`: something keeps a tunnel from working.",
  degraded: "`ipipou status`: not all is up. `ipipou doctor`: a warning.",
  notAnswering: "`ipipou status`: an instance runs and does not answer.",
  modprobe: "Kernel modules (`fou`, `ipip`) are missing.",
  queue: "The netfilter queue cannot be used.",
  nft: "`nft` failed.",
  ipAddress: "`ip address` failed.",
  ipLink: "`ip link` failed.",
  ipFou: "`ip fou` failed.",
  send: "The auth packet of `--reauth-only` could not be sent, or was not answered.",
  cleanup: "Cleaning up failed.",
};

const ENVIRONMENT = {
  PATH:
    "Where `ip`, `nft`, `modprobe` and `ss` are looked for. They get no other variable than this, and a locale of C.",
  IPIPOU_LIBC: "Path of the C library, if it has an unusual name.",
  IPIPOU_LIBNETFILTER_QUEUE: "Path of libnetfilter_queue, if it has an unusual name; used only by a server.",
  "NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID":
    "Set by a service manager that wants to be notified of the state, " +
    "see `sd_notify`(3). Under such a manager the program waits for the device and address of `--fou-local`; " +
    "started by hand it fails if they are missing.",
  CREDENTIALS_DIRECTORY: "A file in this folder is read instead of a file of the same name in the settings.",
  STATE_DIRECTORY: "Folder of what one run leaves to the next, instead of /var/lib/ipipou.",
  RUNTIME_DIRECTORY:
    "Folder of the socket that `ipipou status` asks, instead of one in /run/ipipou with the name of the instance or its file.",
  JOURNAL_STREAM:
    "If the log goes to the journal, lines have priorities, and no time and process ID unless the settings ask for " +
    "them.",
};

const FILES = {
  "/etc/ipipou/NAME.toml":
    "The file that `--config NAME` reads, see `ipipou.toml`(5). A NAME that begins with `/`, `./` or " +
    "`../` is a path.",
  "/etc/ipipou/NAME.peers": "A folder with a file for each peer of a server with several peers.",
  "/etc/ipipou/NAME.conf": "A file of version 0.1, which `ipipou convert` converts to TOML.",
  "/var/lib/ipipou/NAME.replays.json":
    "The auth packets that the server NAME accepted last, for the next run: none is good twice.",
  "/var/lib/ipipou/NAME.places.json":
    "Where the clients of the server NAME were last, for the next run to tell them that it has started.",
  "/run/ipipou/NAME/status.sock": "Where a running instance can be asked how it is, see docs/status.md.",
  "ipipou@.service":
    "The systemd unit: `systemctl enable --now ipipou@NAME` runs /etc/ipipou/NAME.toml now and at every boot.",
  "/usr/share/doc/ipipou/examples": "Example configuration files.",
};

const SIGNALS = {
  "SIGTERM, SIGINT":
    "Remove everything the program made (device, FOU port, addresses, rules) and exit. A second one changes nothing of " +
    "that: it says what to do if the stop hangs.",
  SIGHUP:
    "Read the settings again, apply and log each change, and restore a FOU port that others removed (anything else is " +
    "restored without it); a client then authenticates again. Tunnels that nothing changed for lose no packet. If the " +
    "settings have an error, or the kernel refuses, the old ones stay in effect, and the log says where it is. Switching " +
    "between client and server, `--tunl-dev` and `--nft-table` need a restart, and so does a server that is to let in " +
    "anyone instead of who has a key.",
  SIGUSR1:
    "Authenticate again now (client only). `--reauth-only` does the same from outside, and waits up to 3 seconds for a " +
    "reply where replies are expected.",
  SIGKILL:
    "Leaves a working tunnel, which the next start with the same settings takes over without losing a " +
    "packet. This is how a new executable takes over after an upgrade: " +
    "`systemctl kill --signal=KILL 'ipipou@*'`, and systemd restarts each instance.",
};

const LEFTOVERS = [
  "A stop removes what the program made and nothing else: a FOU port, table or device that was somebody else's stays. " +
  "What is its own is marked: a device by its alias `ipipou:NAME`, which `ip -d link` shows, a gate by a comment on its " +
  "first rule. What cannot be removed is named, with the command that does it, and the exit status is 200.",
  "A kill leaves a working tunnel and a closed gate. The next start takes them over, or `ipipou cleanup` removes them " +
  "and says what that was. A FOU port whose gate and device others removed it only names, with the command that removes " +
  "it. The systemd unit cleans up after a stop that failed, not after a crash, which the restart takes over.",
];

const SECURITY = [
  "The tunnel is not encrypted: run ssh, TLS or WireGuard inside it where that matters. Authentication decides who " +
  "may use the tunnel; an attacker on the path can still read and forge its data.",
  "Keep keys, tokens and secrets in files that only root can read (`--auth-key-file`, `--auth-token-file`, " +
  "`--auth-secret-file`): every user of the host can see the command line. They are never shown in a message.",
  "A recorded auth packet can be replayed by anyone; `--auth-max-time-discrepancy` limits for how long. The default " +
  "secret is public. A token is sent unencrypted.",
  "The kernel rate-limits auth packets before they reach the program, and drops everything else that does not come " +
  "from an admitted client. If something removes these rules (`nft flush ruleset`), the FOU port is open until the " +
  "running server has restored them: up to about a second. If no server runs, it is open until the next start.",
];

const AFTER_EXAMPLES: readonly Block[] = [
  "The same as a service, and its log:",
  { lines: "systemctl enable --now ipipou@office\njournalctl -u ipipou@office" },
];

/** The page ipipou(8). @param date of the last change, `YYYY-MM-DD` */
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
      { title: "LEFTOVERS", blocks: LEFTOVERS },
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
  return Object.entries(EXIT).map(([name, code]) => ({
    tag: bold(String(code)),
    text: [EXIT_MEANINGS[name as keyof typeof EXIT]],
  }));
}

function entries(described: Readonly<Record<string, string>>): Block[] {
  return Object.entries(described).map(([name, text]) => ({
    tag: name.split(/(NAME)/).map((part) => part === "NAME" ? italic(part) : bold(part)).join(""),
    text: [text],
  }));
}

/** A command line, wrapped before options. */
function shellLines(command: string): string {
  const lines: string[] = [];
  for (const word of command.split(/ (?=-)/)) {
    const line = lines.at(-1);
    if (line === undefined || line.length + 1 + word.length > 66) lines.push(word);
    else lines.splice(-1, 1, `${line} ${word}`);
  }
  return lines.join(" \\\n    ");
}
