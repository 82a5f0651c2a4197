import { METRICS_FOLDERS } from "../../../../lib/settings/metrics_place.ts";
import { PUBLIC_KEY } from "../bases.ts";
import { type BadInput, onCommandLine } from "./input.ts";
import { BOTH, DEVICE, THE_PORT } from "./phrases.ts";

const HUB_FILE = "must be a file /etc/ipipou/NAME.toml, with NAME of A-Z a-z 0-9 _ . @ -";

/** Unknown or misplaced words. */
export const WORDS: readonly BadInput[] = ([
  ["start", 'Unknown command "start": ipipou --help lists the commands'],
  ["clenup -n1", 'Unknown command "clenup": did you mean ipipou cleanup?'],
  [
    "-s start",
    'Cannot use "start" on the command line: quote a value that has spaces; every other word needs an option before it',
  ],
  ["status a b", "Cannot show several instances by name: give one NAME, or none for all"],
  ["status --jason", 'Unknown option "--jason": did you mean --json?'],
  ["status --peer a/b", `Cannot use "a/b" as --peer: ${DEVICE}`],
  ["metrics a b", "Cannot make metrics of several instances by name: give one NAME, or none for all"],
  ["metrics --file /run/ipipou/x --listen 127.0.0.1:1", "Cannot use both --file and --listen: give one"],
  ...["/tmp/x.prom", "/run/ipipou/../x", "x", "/run/ipipou/"].map((path) =>
    [
      `metrics --file ${path}`,
      `Cannot use "${path}" as --file: must be a path in ${METRICS_FOLDERS.join(" or ")}`,
    ] as const
  ),
  ...["/tmp/x", "0.0.0.0:9586", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.256:1", ":9586"].map((
    place,
  ) =>
    [
      `metrics --listen ${place}`,
      `Cannot use "${place}" as --listen: must be a loopback address and a port, as 127.0.0.1:9586, or a path in /run/ipipou`,
    ] as const
  ),
  ["convert", "Cannot convert without a file: give NAME or a path"],
  ["convert a b", "Cannot print several files as one: give one NAME, or --write, or --hub HUB"],
  ["convert --force a", "Cannot use --force without --write: give --write too"],
  ["convert --wirtes a", 'Unknown option "--wirtes": ipipou convert --help lists the options'],
  ["convert --writes a", 'Unknown option "--writes": did you mean --write?'],
  ["convert -n1 a", 'Unknown option "-n": ipipou convert --help lists the options'],
  ["convert /x.toml", "Cannot convert /x.toml: its name says that it is already TOML"],
  [
    "convert nonexistent",
    "Cannot read /etc/ipipou/nonexistent.conf (ipipou convert): No such file or directory; make it, or name another",
  ],
  ["peer", 'Unknown command "peer": ipipou peer --help lists the commands'],
  ["peer --auth-token=hunter2 add", 'Unknown command "peer": ipipou peer --help lists the commands'],
  ["peer ad hub a", 'Unknown command "peer ad": did you mean ipipou peer add?'],
  ["peer add", "Cannot run ipipou peer add without HUB: give ipipou peer add HUB PEER [OPTIONS]"],
  ["peer add hub", "Cannot run ipipou peer add without PEER: give ipipou peer add HUB PEER [OPTIONS]"],
  ["peer add hub a b", 'Cannot use "b" on the command line: give ipipou peer add HUB PEER [OPTIONS]'],
  ["peer remove hub", "Cannot run ipipou peer remove without PEER: give ipipou peer remove HUB PEER"],
  ["peer list", "Cannot run ipipou peer list without HUB: give ipipou peer list HUB"],
  ["peer add hub ../x --make-key", `Cannot use "../x" as PEER: ${DEVICE}`],
  ["peer remove hub ..", `Cannot use ".." as PEER: ${DEVICE}`],
  ["peer remove hub sixteen-letters-", `Cannot use "sixteen-letters-" as PEER: ${DEVICE}`],
  ["peer add ../x a --make-key", `Cannot use ../x as HUB: ${HUB_FILE}`],
  ["peer remove /tmp/hub.toml a", `Cannot use /tmp/hub.toml as HUB: ${HUB_FILE}`],
  ["peer list a/../b", `Cannot use /etc/ipipou/a/../b.toml as HUB: ${HUB_FILE}`],
  ...["add nonexistent a --make-key", "remove nonexistent a", "list nonexistent"].map((words) =>
    [
      `peer ${words}`,
      "Cannot read /etc/ipipou/nonexistent.toml (HUB): No such file or directory; make it, or name another",
    ] as const
  ),
  [
    `peer add hub a --make-key --auth-remote-pubkey-b64 ${PUBLIC_KEY}`,
    `Cannot use both --make-key and --auth-remote-pubkey-b64: ${BOTH}`,
  ],
  ["peer add hub a --endpoint", "Cannot use --endpoint without a value: give HOST[:PORT] after it"],
  ["peer add hub a --endpoint h:0", `Cannot use "h:0" as --endpoint: ${THE_PORT}`],
  ["peer add hub a --client-dev @eth0", `Cannot use "@eth0" as --client-dev: ${DEVICE}`],
  ["peer add hub a --number 1", 'Unknown option "--number": ipipou peer add --help lists the options'],
  [
    "peer add hub a --auth-secret hunter2 hunter2",
    "Cannot use the word after the value of --auth-secret: quote a value that has spaces; every other word needs an option before it",
  ],
  ["export", "Cannot export without a format: give one of sh, networkd, openwrt, then NAME"],
  ["export a sh", 'Cannot export to "a": give one of sh, networkd, openwrt, then NAME'],
  ["export sh", "Cannot export 0 instances: give one NAME"],
  ["export sh a b", "Cannot export 2 instances: give one NAME"],
  ["export sh a -n 1", 'Unknown option "-n": ipipou export --help lists the options'],
  ["cleanup", "Cannot clean up without an instance: give NAME, or -n N"],
  ["cleanup -vv --no-log-time", "Cannot clean up without an instance: give NAME, or -n N"],
  ["cleanup a b", "Cannot clean up several instances at once: give one NAME"],
  ["cleanup --auth-keygen", "Cannot use --auth-keygen with ipipou cleanup: leave it out"],
  ["cleanup -n 1 --dry-run", "Cannot use --dry-run with ipipou cleanup: leave it out"],
  ["cleanup -n 70000", `Cannot use "70000" as -n/--number: must be a whole number from 0 to 65535`],
  [
    "cleanup nonexistent",
    "Cannot read /etc/ipipou/nonexistent.toml (NAME): No such file or directory; make it, or name another",
  ],
  [
    "cleanup --auth-secret my secret",
    "Cannot use the word after the value of --auth-secret: quote a value that has spaces; every other word needs an option before it",
  ],
  [
    "cleanup -n 60000",
    "Cannot use 60000 as -n/--number: UDP port 10000+N would be above 65535, give --fou-local-port too",
  ],
  [
    "-s -",
    'Cannot use "-" on the command line: quote a value that has spaces; every other word needs an option before it',
  ],
  [
    "-- -s",
    "Cannot use words after -- on the command line: put options before it",
  ],
  [
    "--auth-token my secret",
    "Cannot use the word after the value of --auth-token: quote a value that has spaces; every other word needs an option before it",
  ],
  ["--fou-locl-port 1", 'Unknown option "--fou-locl-port": did you mean --fou-local-port?'],
  ["--fou_local_port=1", 'Unknown option "--fou_local_port": did you mean --fou-local-port?'],
  ["--fouLocalPort 1", 'Unknown option "--fouLocalPort": did you mean --fou-local-port?'],
  ["--local-port 1", 'Unknown option "--local-port": did you mean --fou-local-port?'],
  ["--frobnicate", 'Unknown option "--frobnicate": ipipou --help lists the options'],
  ["--=x", 'Unknown option "--": ipipou --help lists the options'],
  ["--auth-token-fil x", 'Unknown option "--auth-token-fil": did you mean --auth-token-file?'],
  ["--auth-tokn=hunter2", 'Unknown option "--auth-tokn": did you mean --auth-token?'],
  [
    "--auth-tokenhunter2",
    "Unknown option that begins with --auth-token: its value needs a space or = before it",
  ],
  ["-x", 'Unknown option "-x": ipipou --help lists the options'],
  ["-vx", 'Unknown option "-x": ipipou --help lists the options'],
  ["-s=1", 'Unknown option "-=": ipipou --help lists the options'],
  [
    "--fou-loc 1",
    "Cannot tell which option --fou-loc is: it could be -b/--fou-local, --fou-local-ip, --fou-local-port, --fou-local-ip-alt",
  ],
  ["--no-log", "Cannot tell which option --no-log is: it could be --no-log-time, --no-log-pid"],
  [
    "--keepalive -s",
    "Cannot use --keepalive without a value: give SEC after it, or with = between them if it begins with a hyphen",
  ],
  [
    "--auth-token -hunter2",
    "Cannot use --auth-token without a value: give TEXT after it, or with = between them if it begins with a hyphen",
  ],
] as const).map(onCommandLine);
