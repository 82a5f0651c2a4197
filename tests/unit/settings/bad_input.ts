import { nameOf, type Option, tomlPathOf } from "../../../lib/settings/option.ts";
import { OPTIONS } from "../../../lib/settings/options.ts";
import { BASES, GOOD_FILES, GOOD_INPUTS, PUBLIC_KEY } from "./good_input.ts";

/** A command line that must be refused. */
export interface BadInput {
  readonly name: string;
  /** `{dir}` stands for the folder that holds the files. */
  readonly argv: readonly string[];
  /** File names in that folder, and their content; a name that ends in `/` is a folder. */
  readonly files?: Readonly<Record<string, string>>;
  readonly exit: 2 | 127;
  /** What one line of the error must look like, to its end. */
  readonly message: RegExp;
}

/** Turns a message into a pattern; `{dir}` stands for any folder. */
function says(message: string): RegExp {
  const literal = message.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  return new RegExp(`(^|\\s)${literal.replaceAll("\\{dir\\}", "[^\\s:]+")}$`, "mu");
}

type Words = string | readonly string[];

function onCommandLine([argv, message]: readonly [Words, string | RegExp]): BadInput {
  const words = typeof argv === "string" ? argv.split(" ") : argv;
  const pattern = typeof message === "string" ? says(message) : message;
  return { name: words.join(" "), argv: words, exit: 2, message: pattern };
}

/** `@:` in the message stands for the file, to be followed by `LINE:COLUMN`. */
function inFile([toml, message]: readonly [string, string]): BadInput {
  return {
    name: `TOML ${toml}`,
    argv: ["--config", "{dir}/bad.toml"],
    files: { ...GOOD_FILES, "bad.toml": toml },
    exit: 2,
    message: says(message.replace("@:", "{dir}/bad.toml:")),
  };
}

const PORT = "must be a whole number from 1 to 65535";
const PORTS = "must be a UDP port from 1 to 65535, or up to 64 different ones";
const THE_PORT = "the port must be a whole number from 1 to 65535";
const IP = "must be an IPv4 address of a host, like 192.0.2.1";
const DEVICE = "must be a device name: 1 to 15 of A-Z a-z 0-9 _ . -";
const LOCAL = "must be [IP][:PORT][@DEV] with at least one of them";
const REMOTE = "must be [HOST|IP][:PORT] with at least one of them";
const NET = "must be a network like 172.28.16.0/20, of length 8 to 30";
const NETS = "must be networks like 10.1.0.0/16";
const MANY_PORTS = Array.from({ length: 65 }, (_, index) => index + 1).join(",");
const HOST = "the host must be an IPv4 address or a host name";
const DURATION = "must be whole seconds from 0 to 2147483, or a time like 25s, 5m or 2h";
const HUB_FILE = "must be a file /etc/ipipou/NAME.toml, NAME of A-Z a-z 0-9 _ . @ -";
const KEY = "must be 32 bytes in standard base64";
const TABLE = "must be a table name: A-Z a-z 0-9 _ . - beginning with a letter or _";
const BOTH = "they set the same, give one";

const OK_CLIENT = ["-b", "192.0.2.1", "-r", "198.51.100.1:10000", "--tunl-ip", "172.28.0.1"];
const OK_SERVER = ["-s", "-b", "192.0.2.1"];
const SHORT_KEY = "AAAA";
const WEAK_KEY = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

const WORDS = [
  ["start", 'Unknown command "start": ipipou --help lists the commands'],
  ["clenup -n1", 'Unknown command "clenup": did you mean ipipou cleanup?'],
  [
    "-s start",
    'Cannot take "start" on the command line: a value with spaces needs quotes, and every other word an option before it',
  ],
  ["convert", "Cannot convert without a file: give NAME or a path"],
  ["convert a b", "Cannot print several files as one: give one NAME, or --write, or --hub HUB"],
  ["convert --force a", "Cannot use --force without --write: give --write too"],
  ["convert --wirtes a", 'Unknown option "--wirtes": ipipou convert --help lists the options'],
  ["convert --writes a", 'Unknown option "--writes": did you mean --write?'],
  ["convert -n1 a", 'Unknown option "-n": ipipou convert --help lists the options'],
  ["convert /x.toml", "Cannot convert /x.toml: it is TOML already by its name"],
  [
    "convert nonexistent",
    "Cannot read /etc/ipipou/nonexistent.conf (ipipou convert): No such file or directory; make it, or name another",
  ],
  ["peer", 'Unknown command "peer": ipipou peer --help lists the commands'],
  ["peer ad hub a", 'Unknown command "peer ad": did you mean ipipou peer add?'],
  ["peer add", "Cannot run ipipou peer add without HUB: give ipipou peer add HUB PEER [OPTIONS]"],
  ["peer add hub", "Cannot run ipipou peer add without PEER: give ipipou peer add HUB PEER [OPTIONS]"],
  ["peer add hub a b", 'Cannot take "b" on the command line: give ipipou peer add HUB PEER [OPTIONS]'],
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
      "Cannot read /etc/ipipou/nonexistent.toml (--config): No such file or directory; make it, or name another",
    ] as const
  ),
  [
    `peer add hub a --make-key --auth-remote-pubkey-b64 ${PUBLIC_KEY}`,
    `Cannot take both --make-key and --auth-remote-pubkey-b64: ${BOTH}`,
  ],
  ["peer add hub a --endpoint", "Cannot use --endpoint without a value: give HOST[:PORT] after it"],
  ["peer add hub a --endpoint h:0", `Cannot use "h:0" as --endpoint: ${THE_PORT}`],
  ["peer add hub a --client-dev @eth0", `Cannot use "@eth0" as --client-dev: ${DEVICE}`],
  ["peer add hub a --number 1", 'Unknown option "--number": ipipou peer add --help lists the options'],
  [
    "peer add hub a --auth-secret hunter2 hunter2",
    "Cannot take the word after the value of --auth-secret: a value with spaces needs quotes, and every other word an option before it",
  ],
  ["cleanup", "Cannot clean up without knowing after whom: give NAME, or -n N"],
  ["cleanup -vv --no-log-time", "Cannot clean up without knowing after whom: give NAME, or -n N"],
  ["cleanup a b", "Cannot clean up after several at once: give one NAME"],
  ["cleanup --auth-keygen", "Cannot use --auth-keygen with ipipou cleanup: give it alone"],
  ["cleanup -n 70000", `Cannot use "70000" as -n/--number: must be a whole number from 0 to 65535`],
  [
    "cleanup nonexistent",
    "Cannot read /etc/ipipou/nonexistent.toml (--config): No such file or directory; make it, or name another",
  ],
  [
    "cleanup --auth-secret my secret",
    "Cannot take the word after the value of --auth-secret: a value with spaces needs quotes, and every other word an option before it",
  ],
  [
    "cleanup -n 60000",
    "Cannot use 60000 as -n/--number: UDP port 10000+N would be above 65535, give --fou-local-port too",
  ],
  [
    "-s -",
    'Cannot take "-" on the command line: a value with spaces needs quotes, and every other word an option before it',
  ],
  [
    "-- -s",
    "Cannot take words after -- on the command line: put options before it",
  ],
  [
    "--auth-token my secret",
    "Cannot take the word after the value of --auth-token: a value with spaces needs quotes, and every other word an option before it",
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
] as const;

const VALUES = [
  ["-n -1", 'Cannot use "-1" as -n/--number: must be a whole number from 0 to 65535'],
  ["-n 65536", 'Cannot use "65536" as -n/--number: must be a whole number from 0 to 65535'],
  ["-nx", 'Cannot use "x" as -n/--number: must be a whole number from 0 to 65535'],
  ["--number=1.5", 'Cannot use "1.5" as -n/--number: must be a whole number from 0 to 65535'],
  [
    "-n 60000 -b 192.0.2.1",
    "Cannot use 60000 as -n/--number: UDP port 10000+N would be above 65535, give --fou-local-port too",
  ],
  ["--verb 100", 'Cannot use "100" as --verb: must be a whole number from 0 to 99'],
  [["-b", ""], `Cannot use "" as -b/--fou-local: ${LOCAL}`],
  ["-b 192.0.2.256", `Cannot use "192.0.2.256" as -b/--fou-local: the address ${IP}`],
  ["-b 0.0.0.0:1", `Cannot use "0.0.0.0:1" as -b/--fou-local: the address ${IP}`],
  ["-b eth0", `Cannot use "eth0" as -b/--fou-local: the address ${IP}`],
  ["-b 192.0.2.1:", `Cannot use "192.0.2.1:" as -b/--fou-local: ${THE_PORT}`],
  ["-b 192.0.2.1:0", `Cannot use "192.0.2.1:0" as -b/--fou-local: ${THE_PORT}`],
  ["-b 192.0.2.1:65536@eth0", `Cannot use "192.0.2.1:65536@eth0" as -b/--fou-local: ${THE_PORT}`],
  ["-b 192.0.2.1@", `Cannot use "192.0.2.1@" as -b/--fou-local: the device ${DEVICE}`],
  ["-b @abcdefghijklmnop", `Cannot use "@abcdefghijklmnop" as -b/--fou-local: the device ${DEVICE}`],
  ["--fou-local-ip 192.0.2.01", `Cannot use "192.0.2.01" as --fou-local-ip: ${IP}`],
  ["--fou-local-ip 224.0.0.1", `Cannot use "224.0.0.1" as --fou-local-ip: ${IP}`],
  ["--fou-local-ip ::1", `Cannot use "::1" as --fou-local-ip: ${IP}`],
  ["--fou-local-port 0", `Cannot use "0" as --fou-local-port: ${PORTS}`],
  ["--fou-local-port 70000", `Cannot use "70000" as --fou-local-port: ${PORTS}`],
  ["--fou-local-port http", `Cannot use "http" as --fou-local-port: ${PORTS}`],
  ["--fou-local-port 1,70000", `Cannot use "1,70000" as --fou-local-port: ${PORTS}`],
  ["--fou-local-port 1,2,1", `Cannot use "1,2,1" as --fou-local-port: ${PORTS}`],
  [["--fou-local-port", "1,"], `Cannot use "1," as --fou-local-port: ${PORTS}`],
  [
    ["--fou-local-port", MANY_PORTS],
    new RegExp(`Cannot use "1,2,3,.*…" as --fou-local-port: ${PORTS}$`, "m"),
  ],
  ["--fou-dev ..", `Cannot use ".." as --fou-dev: ${DEVICE}`],
  ["--fou-dev eth0/1", `Cannot use "eth0/1" as --fou-dev: ${DEVICE}`],
  [["-r", ""], `Cannot use "" as -r/--fou-remote: ${REMOTE}`],
  ["-r 1.2.3:1", `Cannot use "1.2.3:1" as -r/--fou-remote: ${HOST}`],
  [
    "-r -x.example:1",
    "Cannot use -r/--fou-remote without a value: give [HOST|IP][:PORT] after it, or with = between them if it begins with a hyphen",
  ],
  ["-r=-x.example:1", `Cannot use "-x.example:1" as -r/--fou-remote: ${HOST}`],
  ["-r a..b:1", `Cannot use "a..b:1" as -r/--fou-remote: ${HOST}`],
  ["-r vpn.example.com:x", `Cannot use "vpn.example.com:x" as -r/--fou-remote: ${THE_PORT}`],
  ["-r [::1]:10000", `Cannot use "[::1]:10000" as -r/--fou-remote: ${HOST}`],
  ["--fou-remote-ip vpn.example.com", `Cannot use "vpn.example.com" as --fou-remote-ip: ${IP}`],
  ["--fou-remote-port 65536", `Cannot use "65536" as --fou-remote-port: ${PORT}`],
  ["--tunl-dev abcdefghijklmnop", `Cannot use "abcdefghijklmnop" as --tunl-dev: ${DEVICE}`],
  [["--tunl-dev", "a b"], `Cannot use "a b" as --tunl-dev: ${DEVICE}`],
  [["--tunl-dev", "a\nb"], `Cannot use "a\\nb" as --tunl-dev: ${DEVICE}`],
  ["--tunl-ip 172.28.0", `Cannot use "172.28.0" as --tunl-ip: ${IP}`],
  ["--tunl-peer-ip 255.255.255.255", `Cannot use "255.255.255.255" as --tunl-peer-ip: ${IP}`],
  ["--tunl-net 172.28.16.0", `Cannot use "172.28.16.0" as --tunl-net: ${NET}`],
  ["--tunl-net 172.28.16.0/31", `Cannot use "172.28.16.0/31" as --tunl-net: ${NET}`],
  ["--tunl-net 0.0.0.0/7", `Cannot use "0.0.0.0/7" as --tunl-net: ${NET}`],
  ["--tunl-net 10.0.0.0/08", `Cannot use "10.0.0.0/08" as --tunl-net: ${NET}`],
  [
    "--tunl-net 172.28.17.0/20",
    `Cannot use "172.28.17.0/20" as --tunl-net: ${NET}, but "172.28.17.0/20" has bits of a host set: give 172.28.16.0/20`,
  ],
  ["--routes 10.0.0.0/33", `Cannot use "10.0.0.0/33" as --routes: ${NETS}, but "10.0.0.0/33" is none`],
  ["--routes 10.1.0.0/16,", `Cannot use "10.1.0.0/16," as --routes: ${NETS}, but "" is none`],
  ["--routes lan", `Cannot use "lan" as --routes: ${NETS}, but "lan" is none`],
  [
    "--routes 10.1.0.0/16,10.1.0.1/31",
    `Cannot use "10.1.0.0/16,10.1.0.1/31" as --routes: ${NETS}, but "10.1.0.1/31" has bits of a host set: give 10.1.0.0/31`,
  ],
  [
    "--routes 10.0.0.0/8,10.0.0.0/8",
    `Cannot use "10.0.0.0/8,10.0.0.0/8" as --routes: ${NETS}, but "10.0.0.0/8" is there twice`,
  ],
  [
    "--allowed-ips 10.1.2.3/16",
    `Cannot use "10.1.2.3/16" as --allowed-ips: ${NETS}, but "10.1.2.3/16" has bits of a host set: give 10.1.0.0/16`,
  ],
  ["--auth-move-interval 5d", `Cannot use "5d" as --auth-move-interval: ${DURATION}`],
  [`--auth-key-b64 ${SHORT_KEY}`, `Cannot use (hidden) as --auth-key-b64: ${KEY}, but it is 3 bytes`],
  ["--auth-key-b64 no_key", `Cannot use (hidden) as --auth-key-b64: ${KEY}`],
  [
    `--auth-remote-pubkey-b64 ${SHORT_KEY}`,
    `Cannot use "AAAA" as --auth-remote-pubkey-b64: ${KEY}, but it is 3 bytes`,
  ],
  ["--auth-remote-pubkey-b64 x", `Cannot use "x" as --auth-remote-pubkey-b64: ${KEY}`],
  [
    `--auth-remote-pubkey-b64 ${WEAK_KEY}`,
    `Cannot use "${WEAK_KEY}" as --auth-remote-pubkey-b64: must be a key made with --auth-keygen: this one is weak, anyone can sign for it`,
  ],
  ["--auth-key-type rsa --auth-keygen", 'Cannot use "rsa" as --auth-key-type: must be ed25519'],
  ["--auth-token-b64 a", "Cannot use (hidden) as --auth-token-b64: must be standard base64"],
  [["--auth-key-file", ""], 'Cannot use "" as --auth-key-file: must be the path of a file'],
  [["--auth-token-file", ""], 'Cannot use "" as --auth-token-file: must be the path of a file'],
  ["--auth-secret-file x/", 'Cannot use "x/" as --auth-secret-file: must be the path of a file'],
  ["--auth-packet-ttl 0", 'Cannot use "0" as --auth-packet-ttl: must be a whole number from 1 to 255'],
  ["--auth-packet-ttl 256", 'Cannot use "256" as --auth-packet-ttl: must be a whole number from 1 to 255'],
  ["--keepalive -5", `Cannot use "-5" as --keepalive: ${DURATION}`],
  ["--keepalive 5d", `Cannot use "5d" as --keepalive: ${DURATION}`],
  ["--keepalive 2147484", `Cannot use "2147484" as --keepalive: ${DURATION}`],
  ["--auth-max-time-discrepancy 1.5", `Cannot use "1.5" as --auth-max-time-discrepancy: ${DURATION}`],
  ["--auth-lifetime never", `Cannot use "never" as --auth-lifetime: ${DURATION}`],
  ["--auth-lifetime 600h", `Cannot use "600h" as --auth-lifetime: ${DURATION}`],
  ["--fou-local-ip-alt 300.0.0.1", `Cannot use "300.0.0.1" as --fou-local-ip-alt: ${IP}`],
  ["-q 65536", 'Cannot use "65536" as -q/--queue-number: must be a whole number from 0 to 65535'],
  ["--nfq-max-len 0", 'Cannot use "0" as --nfq-max-len: must be a whole number from 1 to 4294967295'],
  ["--nft-table 1st", `Cannot use "1st" as --nft-table: ${TABLE}`],
  [["--nft-table", "a; flush ruleset"], `Cannot use "a; flush ruleset" as --nft-table: ${TABLE}`],
] as const;

const FIT = [
  [[], "Cannot run without an own address or device: give -b/--fou-local IP or @DEV"],
  ["-b :10000", "Cannot run without an own address or device: give -b/--fou-local IP or @DEV"],
  [
    "-b 192.0.2.1 --tunl-ip 10.0.0.2",
    "Cannot run as a client without the server's address: give -r/--fou-remote HOST:PORT",
  ],
  [
    "-b 192.0.2.1 --tunl-ip 10.0.0.2 -r :1",
    "Cannot run as a client without the server's address: give -r/--fou-remote HOST:PORT",
  ],
  [
    "-b 192.0.2.1 --tunl-ip 10.0.0.2 -r vpn.example.com",
    "Cannot run as a client without the server's UDP port: give -r/--fou-remote HOST:PORT",
  ],
  [
    "-b 192.0.2.1 -r 198.51.100.1:1",
    "Cannot run as a client without an own address in the tunnel: give --tunl-ip, the server's --tunl-peer-ip",
  ],
  [
    [...OK_CLIENT, "--fou-local-port", "1,2"],
    "Cannot use 1,2 as --fou-local-port on a client: it has one UDP port",
  ],
  [
    [...OK_CLIENT, "--routes", "10.0.0.0/8,0.0.0.0/0"],
    "Cannot use 0.0.0.0/0 as --routes: the far side's address 198.51.100.1 is in it, and the tunnel's own packets would go into the tunnel; give networks without that address",
  ],
  [
    [...OK_CLIENT, "-r", "vpn.example.com:1", "--routes", "0.0.0.0/0"],
    "Cannot use 0.0.0.0/0 as --routes: the far side's address is in it, and the tunnel's own packets would go into the tunnel; give networks without that address",
  ],
  [
    [...OK_CLIENT, "--routes", "0.0.0.0/1,128.0.0.0/1"],
    "Cannot use 128.0.0.0/1 as --routes: the far side's address 198.51.100.1 is in it, and the tunnel's own packets would go into the tunnel; give networks without that address",
  ],
  [[...OK_SERVER, "--reauth-only"], "Cannot use --reauth-only on a server: it is for clients"],
  [
    [...OK_SERVER, "--auth-by-remote-ip"],
    "Cannot use --auth-by-remote-ip without the address to compare with: give -r/--fou-remote",
  ],
  [
    [...OK_SERVER, "--auth-by-remote-port", "-r", "198.51.100.1"],
    "Cannot use --auth-by-remote-port without the port to compare with: give -r/--fou-remote",
  ],
  [[...OK_SERVER, "--tunl-dev", "tunl0"], 'Cannot use "tunl0" as --tunl-dev: it is the kernel\'s own'],
  [
    [...OK_SERVER, "--fou-dev", "ipipou0"],
    'Cannot use "ipipou0" as --fou-dev: it is the tunnel\'s own device',
  ],
  [
    [...OK_SERVER, "--tunl-ip", "10.0.0.1", "--tunl-peer-ip", "10.0.0.1"],
    "Cannot use 10.0.0.1 as --tunl-peer-ip: it is the own address in the tunnel",
  ],
  [
    [...OK_SERVER, "--tunl-ip", "223.255.255.255"],
    "Cannot use 223.255.255.255 as --tunl-ip: no host address is next to it, give --tunl-peer-ip",
  ],
  [
    [...OK_CLIENT, "--tunl-ip", "0.0.0.1"],
    "Cannot use 0.0.0.1 as --tunl-ip: no host address is next to it, give --tunl-peer-ip",
  ],
  [
    [...OK_SERVER, "--fou-local-ip-alt", "192.0.2.1"],
    "Cannot use 192.0.2.1 as -b/--fou-local: it is the private local address too, give another --fou-local-ip-alt",
  ],
  [
    [...OK_CLIENT, "--auth-token", ""],
    "Cannot use (hidden) as --auth-token: must be 1 to 1472 bytes, but it is 0",
  ],
  [
    [...OK_CLIENT, "--auth-token", "é".repeat(737)],
    "Cannot use (hidden) as --auth-token: must be 1 to 1472 bytes, but it is 1474",
  ],
  [
    [...OK_CLIENT, "--auth-token-b64", "RQAAFAAAAAAAAAAAAAAAAAAAAAA="],
    "Cannot use (hidden) as --auth-token-b64: it looks like an IPv4 packet, choose another",
  ],
  [
    [...OK_CLIENT, "--auth-token-b64", "AAAAAAAAAAAAAAAAAAAAABQAAEU=", "--reply-on-auth-ok"],
    "Cannot use (hidden) as --auth-token-b64: backwards, as it is answered, it looks like an IPv4 packet, choose another",
  ],
  [
    [...OK_CLIENT, "--auth-token-b64="],
    "Cannot use (hidden) as --auth-token-b64: must be 1 to 1472 bytes, but it is 0",
  ],
  [
    [...OK_CLIENT, "--auth-token", "a", "--auth-token-b64", "AAAA"],
    `Cannot take both --auth-token and --auth-token-b64: ${BOTH}`,
  ],
  [
    [...OK_CLIENT, "--auth-token-file", "x", "--auth-token", "a"],
    `Cannot take both --auth-token-file and --auth-token: ${BOTH}`,
  ],
  [
    [...OK_CLIENT, "--auth-key-file", "x", "--auth-key-b64", WEAK_KEY],
    `Cannot take both --auth-key-file and --auth-key-b64: ${BOTH}`,
  ],
  [
    [...OK_CLIENT, "--auth-secret", "x", "--auth-secret-file", "y"],
    `Cannot take both --auth-secret and --auth-secret-file: ${BOTH}`,
  ],
  [
    [...OK_CLIENT, "--fou-local-ip", "192.0.2.2"],
    `Cannot take both -b/--fou-local and --fou-local-ip: ${BOTH}`,
  ],
  [
    [...OK_CLIENT, "--fou-remote-port", "1"],
    `Cannot take both -r/--fou-remote and --fou-remote-port: ${BOTH}`,
  ],
  ["-b @eth0 --fou-dev eth0", `Cannot take both -b/--fou-local and --fou-dev: ${BOTH}`],
  [
    [...OK_CLIENT, "--auth-key-file", "/nonexistent/key"],
    "Cannot read /nonexistent/key (--auth-key-file): No such file or directory; make it, or name another",
  ],
  [
    ["--config", "nonexistent"],
    "Cannot read /etc/ipipou/nonexistent.toml (--config): No such file or directory; make it, or name another",
  ],
  [
    ["--config", "/nonexistent"],
    "Cannot read /nonexistent (--config): No such file or directory; make it, or name another",
  ],
  [
    ["--config", "nonexistent.conf"],
    "Cannot read /etc/ipipou/nonexistent.conf (--config): it is a file of version 0.1; make TOML of it: ipipou convert --write nonexistent.conf",
  ],
] as const;

const WITH_FILES: readonly (readonly [Words, Readonly<Record<string, string>>, string])[] = [
  [
    [...OK_CLIENT, "--auth-key-file", "{dir}/k"],
    { k: "" },
    "Cannot use the content of {dir}/k (--auth-key-file): it is empty",
  ],
  [
    [...OK_CLIENT, "--auth-key-file", "{dir}/k"],
    { k: "AAAA\nhunter2" },
    `Cannot use the content of {dir}/k (--auth-key-file): its first line ${KEY}, but it is 3 bytes`,
  ],
  [
    [...OK_CLIENT, "--auth-key-file", "{dir}"],
    {},
    "Cannot read {dir} (--auth-key-file): Is a directory; make it a UTF-8 text file that this user can read",
  ],
  [
    [...OK_CLIENT, "--auth-token-file", "{dir}/t"],
    { t: "\n" },
    "Cannot use the content of {dir}/t (--auth-token-file): it is empty",
  ],
  [
    [...OK_CLIENT, "--auth-token-file", "{dir}/t"],
    { t: "x".repeat(1473) },
    "Cannot use the content of {dir}/t (--auth-token-file): must be 1 to 1472 bytes, but it is 1473",
  ],
  [[...OK_CLIENT, "--auth-key-file", "{dir}/k", "--auth-secret-file", "{dir}/s"], {
    ...GOOD_FILES,
    k: GOOD_FILES["a.key"] ?? "",
    s: "",
  }, "Cannot use the content of {dir}/s (--auth-secret-file): it is empty"],
  [
    "--config {dir}",
    {},
    "Cannot read {dir} (--config): Is a directory; make it a UTF-8 text file that this user can read",
  ],
  [
    "--config {dir}/old.conf",
    { "old.conf": "client\nnumber 1\n" },
    "Cannot read {dir}/old.conf (--config): it is a file of version 0.1; make TOML of it: ipipou convert {dir}/old.conf > {dir}/old.toml",
  ],
  [
    "--config {dir}/old.toml",
    { "old.conf": "client\nnumber 1\n" },
    "Cannot read {dir}/old.conf (--config): it is a file of version 0.1; make TOML of it: ipipou convert {dir}/old.conf > {dir}/old.toml",
  ],
  ["--config {dir}/a.toml --config {dir}/b.toml", {
    "a.toml": BASES.client,
    "b.toml": "keepalive = 1\nverb = -1",
  }, "Cannot use -1 as verb at {dir}/b.toml:2:8: must be a whole number from 0 to 99"],
];

const TOML = [
  ["a = 1", "Unknown key a at @:1:1: ipipou --help lists the options; --TABLE-KEY is KEY in [TABLE]"],
  ["\n[fou]\nlocal_port = 1", "Unknown key fou.local_port at @:3:1: did you mean `local-port`?"],
  ["[fou]\n  localPort = 1", "Unknown key fou.localPort at @:2:3: did you mean `local-port`?"],
  ["[fou]\nlokal-port = 1", "Unknown key fou.lokal-port at @:2:1: did you mean `local-port`?"],
  ["[fou]\nfou-local-port = 1", "Unknown key fou.fou-local-port at @:2:1: did you mean `local-port`?"],
  ["fou_local_port = 1", "Unknown key fou_local_port at @:1:1: did you mean `local-port` in [fou]?"],
  ["fou-local-port = 1", "Unknown key fou-local-port at @:1:1: did you mean `local-port` in [fou]?"],
  [
    "[fou]\nkeepalive = 1",
    "Unknown key fou.keepalive at @:2:1: did you mean `keepalive` above the first [table]?",
  ],
  ["[fou]\ntoken = 'hunter2'", "Unknown key fou.token at @:2:1: did you mean `token` in [auth]?"],
  ["token = 'hunter2'", "Unknown key token at @:1:1: did you mean `token` in [auth]?"],
  ["no-nft-counter = true", "Unknown key no-nft-counter at @:1:1: did you mean `counter` in [nft]?"],
  ["servre = true", "Unknown key servre at @:1:1: did you mean `server`?"],
  ["config = 'x'", "Unknown key config at @:1:1: --config is for the command line only"],
  ["[auth]\nkeygen = true", "Unknown key auth.keygen at @:2:1: --auth-keygen is for the command line only"],
  ["fou.local.ip = '192.0.2.1'", "Unknown key fou.local.ip at @:1:1: did you mean `local-ip` in [fou]?"],
  [
    '"fou.local-port" = 1',
    'Unknown key "fou.local-port" at @:1:1: did you mean `local-port` in [fou]?',
  ],
  ["fou = 1", "Cannot give fou a value at @:1:1: it is a table, [fou]"],
  ["auth = 'hunter2'", "Cannot give auth a value at @:1:1: it is a table, [auth]"],
  ["[peers]", "Unknown table [peers] at @:1:1: did you mean [[peer]]?"],
  [
    "[tunnel]",
    "Unknown table [tunnel] at @:1:1: did you mean [tunl]?",
  ],
  ["[tun]\nip = '10.0.0.1'", "Unknown table [tun] at @:1:1: did you mean [tunl]?"],
  [
    "[fou.local]\nip = '192.0.2.1'",
    "Unknown table [fou.local] at @:1:1: the tables are [fou] [tunl] [auth] [nft] [nfq] [log] [encap] [[peer]]",
  ],
  ["\n [[fou]]", "Cannot use [[fou]] at @:2:2: write it once, as [fou]"],
  [
    "number = '1'",
    'Cannot use "1" as number at @:1:10: must be a whole number from 0 to 65535, without quotes',
  ],
  ["number = 1.0", "Cannot use 1.0 as number at @:1:10: must be a whole number from 0 to 65535"],
  ["number = inf", "Cannot use inf as number at @:1:10: must be a whole number from 0 to 65535"],
  [
    "[fou]\nlocal-port =  70_000",
    `Cannot use 70000 as fou.local-port at @:2:15: ${PORTS}`,
  ],
  ["server = 'yes'", 'Cannot use "yes" as server at @:1:10: must be true or false, without quotes'],
  ["server = 1", "Cannot use 1 as server at @:1:10: must be true or false"],
  ["keepalive = '5 minutes'", `Cannot use "5 minutes" as keepalive at @:1:13: ${DURATION}`],
  ["keepalive = -1", `Cannot use -1 as keepalive at @:1:13: ${DURATION}`],
  ["keepalive = 00:05:00", `Cannot use 00:05:00 as keepalive at @:1:13: ${DURATION}`],
  ["[fou]\nlocal-ip = 192", `Cannot use 192 as fou.local-ip at @:2:12: ${IP}, in quotes`],
  ["[fou]\nlocal-ip = 1979-05-27", `Cannot use 1979-05-27 as fou.local-ip at @:2:12: ${IP}, in quotes`],
  ["[fou]\nremote = ['a:1', 'b:1']", `Cannot use a list as fou.remote at @:2:10: ${REMOTE}, in quotes`],
  [
    "fou = { local = { ip = '192.0.2.1' } }",
    `Cannot use a table as fou.local at @:1:17: ${LOCAL}, in quotes`,
  ],
  ["[auth]\ntoken = 123", "Cannot use (hidden) as auth.token at @:2:9: must be text, in quotes"],
  ["[auth]\nkey-b64 = 'hunter2!'", `Cannot use (hidden) as auth.key-b64 at @:2:11: ${KEY}`],
  [
    "[auth]\nby-remote-ip = '192.0.2.1'",
    'Cannot use "192.0.2.1" as auth.by-remote-ip at @:2:16: must be true or false, without quotes',
  ],
  [
    "client = true\nserver = true",
    `Cannot take both client at {dir}/bad.toml:1:10 and server at @:2:10: ${BOTH}`,
  ],
  [
    "[fou]\nlocal = ':1'\nlocal-port = 1",
    `Cannot take both fou.local at {dir}/bad.toml:2:9 and fou.local-port at @:3:14: ${BOTH}`,
  ],
  [
    "[auth]\ntoken = 'a'\ntoken-b64 = 'AAAA'",
    `Cannot take both auth.token at {dir}/bad.toml:2:9 and auth.token-b64 at @:3:13: ${BOTH}`,
  ],
  ["number = 1\nnumber = 2", "Cannot read @:2:1 as TOML: defining a key multiple times is invalid"],
  ["[fou]\n[fou]", "Cannot read @:2:2 as TOML: defining a key multiple times is invalid"],
  [
    "fou.dev = 'a'\n[fou]\nlocal-port = 1",
    "Cannot read @:2:2 as TOML: defining a key multiple times is invalid",
  ],
  ["number = ", "Cannot read @:1:10 as TOML: unspecified values are invalid"],
  ["number", "Cannot read @:1:7 as TOML: expected equal (=) token"],
  ["number 1", "Cannot read @:1:8 as TOML: expected equal (=) token"],
  ["number = 1 verb = 2", "Cannot read @:1:12 as TOML: must be a newline"],
  ["number = 01", "Cannot read @:1:10 as TOML: leading zeros are not allowed"],
  ["number = one", "Cannot read @:1:10 as TOML: unexpected character"],
  ["server = True", "Cannot read @:1:10 as TOML: unexpected character"],
  [
    "[fou\nlocal-port = 1",
    "Cannot read @:2:1 as TOML: the key, equals sign, and value must be on the same line",
  ],
  ["[auth]\ntoken = 'hunter2", "Cannot read @:2:17 as TOML: unterminated string constant"],
  ['[auth]\ntoken = "hunter\\x2"', "Cannot read @:2:17 as TOML: invalid character in escape sequence"],
  ["local = @eth0", "Cannot read @:1:9 as TOML: unexpected character"],
  ["client\nnumber 1", "Cannot read @:2:1 as TOML: the key, equals sign, and value must be on the same line"],
  ["server = true", "Cannot run without an own address or device: give -b/--fou-local IP or @DEV"],
  [
    `${BASES.server}\n[tunl]\nip = '10.0.0.1'\npeer-ip = '10.0.0.1'`,
    "Cannot use 10.0.0.1 as tunl.peer-ip at @:10:11: it is the own address in the tunnel",
  ],
  [`reauth-only = true\n${BASES.server}`, "Cannot use reauth-only at @:1:15 on a server: it is for clients"],
  [
    `${BASES.server}\nkey-file = "missing.key"\nremote-pubkey-b64 = "eQYNhD/Xwl6Zaq+z3QXDzNI77x8CEKqY1n5kt9bKeEI="`,
    "Cannot read {dir}/missing.key (auth.key-file at @:8:12): No such file or directory; make it, or name another",
  ],
] as const;

const HUB = `
  server = true
  fou.local = "@eth0"
  auth.secret = "s"`;

/** `@:` in the message stands for the hub's file. */
function inHub(
  [toml, message, files = {}]: readonly [
    toml: string,
    message: string,
    files?: Readonly<Record<string, string>>,
  ],
): BadInput {
  return {
    name: `hub ${toml}`,
    argv: ["--config", "{dir}/hub.toml"],
    files: { "hub.toml": `${HUB}\n${toml}`, ...files },
    exit: 2,
    message: says(message.replaceAll("@:", "{dir}/hub.toml:")),
  };
}

/** One [[peer]] in as few lines as it can be: its name, and anything else as one line. */
const peer = (name: string, more = `tunl.peer-ip = "10.0.0.${name.charCodeAt(0)}"`) =>
  `[[peer]]\nname = "${name}"\n${more}\n`;
const token = (name: string) =>
  `auth.token = "hunter2-${name}"\ntunl.peer-ip = "10.0.0.${name.charCodeAt(0)}"`;
const BOTH_PEERS = `peer "a" (name at @:6:8) and peer "b" (name at @:10:8)`;

const HUBS: readonly Parameters<typeof inHub>[0][] = [
  ["peer = 1", "Cannot give peer a value at @:5:1: write each peer as [[peer]]"],
  ['peer.name = "a"', "Cannot give peer.name a value at @:5:1: write each peer as [[peer]]"],
  ['[peer]\nname = "a"', "Unknown table [peer] at @:5:1: did you mean [[peer]]?"],
  [
    '[peer.auth]\ntoken = "hunter2"',
    "Unknown table [peer.auth] at @:5:1: the tables are [fou] [tunl] [auth] [nft] [nfq] [log] [encap] [[peer]]",
  ],
  [
    "[[peer.auth]]",
    "Unknown table [[peer.auth]] at @:5:1: the tables are [fou] [tunl] [auth] [nft] [nfq] [log] [encap] [[peer]]",
  ],
  ["[[peer]]", 'Cannot use [[peer]] at @:5:1 without a name: give it name = "NAME"'],
  ['[[peer]]\nname = "a b"', `Cannot use "a b" as name at @:6:8: ${DEVICE}`],
  ['[[peer]]\nname = "abcdefghijklmnop"', `Cannot use "abcdefghijklmnop" as name at @:6:8: ${DEVICE}`],
  ["[[peer]]\nname = 1", `Cannot use 1 as name at @:6:8: ${DEVICE}, in quotes`],
  ["[[peer]]\nname = []", `Cannot use a list as name at @:6:8: ${DEVICE}, in quotes`],
  ['[[peer]]\nname = "a"\nname = "a"', "Cannot read @:7:1 as TOML: defining a key multiple times is invalid"],
  ['name = "a"', "Unknown key name at @:5:1: ipipou --help lists the options; --TABLE-KEY is KEY in [TABLE]"],
  [
    peer("a", "fou.local-port = 1"),
    "Cannot use fou.local-port at @:7:1 for one peer: it belongs in the part above the first [[peer]]",
  ],
  [
    peer("a", "server = true"),
    "Cannot use server at @:7:1 for one peer: it belongs in the part above the first [[peer]]",
  ],
  [peer("a", "token = 'hunter2'"), "Unknown key token at @:7:1: did you mean `auth.token`?"],
  [peer("a", "[peer.auth]\ntokn = 'hunter2'"), "Unknown key auth.tokn at @:8:1: did you mean `token`?"],
  [peer("a", "auth = 1"), "Cannot give auth a value at @:7:1: it is a table, [auth]"],
  [
    peer("a", token("a")) + peer("b", "x = 1"),
    "Unknown key x at @:11:1: ipipou --help lists the options; --TABLE-KEY is KEY in [TABLE]",
  ],
  [peer("a", token("a")) + peer("b", "x = y"), "Cannot read @:11:5 as TOML: unexpected character"],
  [
    peer("a", ""),
    'Cannot use peer "a" (name at @:6:8) without an address in the tunnel: give it tunl.peer-ip, or tunl.net for all',
  ],
  [
    peer("a", 'tunl.peer-ip = "172.28.0.0"'),
    "Cannot use 172.28.0.0 as tunl.peer-ip at @:7:16: it is the own address in the tunnel",
  ],
  [
    'tunl.net = "10.7.0.0/29"',
    "Cannot use 10.7.0.0/29 as tunl.net at @:5:12 for nobody: make the folder NAME.peers beside NAME.toml for peers, or give --auth-remote-pubkey-b64 of the only one",
  ],
  [
    peer("a"),
    'Cannot use peer "a" (name at @:6:8) without a way to know it: give it auth.remote-pubkey-b64, auth.token-file, or auth.by-remote-ip',
  ],
  [peer("all"), 'Cannot use "all" as name at @:6:8: it is the kernel\'s own'],
  [
    peer("a", 'tunl.dev = "default"'),
    'Cannot use "default" as tunl.dev at @:7:12: it is the kernel\'s own',
  ],
  [peer("tunl0"), 'Cannot use "tunl0" as name at @:6:8: it is the kernel\'s own'],
  [
    peer("eth0"),
    'Cannot use "eth0" as fou.local at {dir}/hub.toml:3:15: it is the device of peer "eth0" (name at @:6:8)',
  ],
  [
    peer("a", 'fou.local-ip-alt = "192.0.2.1"\ntunl.peer-ip = "10.0.0.2"').replace(
      "",
      "fou.local-ip = '192.0.2.1'\n",
    ),
    "Cannot use 192.0.2.1 as fou.local-ip at @:5:16: it is the private local address too, give another --fou-local-ip-alt",
  ],
  [
    peer("a", token("a")) + peer("a", token("b")),
    `Cannot take both ${BOTH_PEERS.replace('"b"', '"a"')}: they have the same name, give one another`,
  ],
  [
    peer("a", token("a")) + peer("b", `tunl.dev = "a"\n${token("b")}`),
    'Cannot take both peer "a" (name at @:6:8) and peer "b" (tunl.dev at @:11:12): they have the same tunnel device, a, give one another tunl.dev',
  ],
  [
    peer("a", token("a")) + peer("b", 'auth.token = "x"\ntunl.peer-ip = "10.0.0.97"'),
    'Cannot take both peer "a" (tunl.peer-ip at @:8:16) and peer "b" (tunl.peer-ip at @:12:16): they have the same address in the tunnel, 10.0.0.97, give one another tunl.peer-ip',
  ],
  [
    `tunl.net = "10.7.0.0/30"\n${peer("a", 'auth.token = "x"')}${peer("b", 'auth.token = "y"')}`,
    'Cannot take both peer "a" (name at @:7:8) and peer "b" (name at @:10:8): they have the same address in the tunnel, 10.7.0.2, give one another tunl.peer-ip; --tunl-net has no free one',
  ],
  [
    `tunl.net = "10.7.0.0/29"\n${peer("a", 'auth.token = "x"\ntunl.peer-ip = "10.7.0.2"')}${
      peer("b", 'auth.token = "y"\ntunl.peer-ip = "10.7.0.2"')
    }`,
    'Cannot take both peer "a" (tunl.peer-ip at @:9:16) and peer "b" (tunl.peer-ip at @:13:16): they have the same address in the tunnel, 10.7.0.2, give one another tunl.peer-ip, like 10.7.0.3',
  ],
  [
    peer("a", token("a")) + peer("b", token("a").replace("97", "98")),
    'Cannot take both peer "a" (auth.token at @:7:14) and peer "b" (auth.token at @:11:14): they have the same token, give each its own',
  ],
  [
    `auth.token = "hunter2"\n${peer("a")}${peer("b")}`,
    'Cannot take both peer "a" (name at @:7:8) and peer "b" (name at @:10:8): they have the same token, give each its own',
  ],
  [
    ["a", "b"].map((name) =>
      peer(name, `${token(name).split("\n")[1]}\nauth.remote-pubkey-b64 = "${PUBLIC_KEY}"`)
    ).join(""),
    `Cannot take both peer "a" (auth.remote-pubkey-b64 at @:8:26) and peer "b" (auth.remote-pubkey-b64 at @:12:26): they have the same auth.remote-pubkey-b64, ${PUBLIC_KEY}, give each its own key`,
  ],
  [
    ["1", "2"].map((n) =>
      peer(`p${n}`, `fou.remote = ":9"\nauth.by-remote-port = true\ntunl.peer-ip = "10.0.0.${n}"`)
    ).join(""),
    'Cannot take both peer "p1" (name at @:6:8) and peer "p2" (name at @:11:8): nothing tells them apart, give each a key, or auth.by-remote-ip and an address in fou.remote of its own',
  ],
  [
    ["a", "b"].map((name) => peer(name, `${token(name)}\nfou.local-ip-alt = "10.9.9.9"`)).join(""),
    'Cannot take both peer "a" (fou.local-ip-alt at @:9:20) and peer "b" (fou.local-ip-alt at @:14:20): they have the same fou.local-ip-alt, 10.9.9.9, give one another',
  ],
  [
    ["a", "b"].map((name) => peer(name, `${token(name)}\nroutes = ["10.1.0.0/16"]`)).join(""),
    'Cannot take both peer "a" (routes at @:9:10) and peer "b" (routes at @:14:10): they have the same network in routes, 10.1.0.0/16, leave it to one of them',
  ],
  [
    "server = false\n[[peer]]\nname = 'a'".replace("server = false\n", ""),
    "Cannot take peers on a client (name at {dir}/hub.toml:3:8): its only one is its server; give server = true or -s on a server",
    { "hub.toml": "fou.local = '@eth0'\n[[peer]]\nname = 'a'" },
  ],
  [
    "",
    "Cannot take peers on a client ({dir}/hub.peers): its only one is its server; give server = true or -s on a server",
    { "hub.toml": BASES.client, "hub.peers/": "" },
  ],
  [
    "",
    "Cannot list {dir}/hub.peers: Not a directory; make it a folder that this user can list, or remove it",
    {
      "hub.peers": "",
    },
  ],
  ["", "Cannot read {dir}/hub.peers/a.toml:1:16 as TOML: unterminated string constant", {
    "hub.peers/a.toml": "tunl.ip = '10.0",
  }],
  ["", `Cannot use "a b" as the name of a peer ("{dir}/hub.peers/a b.toml"): ${DEVICE}; rename the file`, {
    "hub.peers/a b.toml": "",
  }],
  ["", 'Cannot use "b" as name at {dir}/hub.peers/a.toml:1:8: the file says "a", leave the key out', {
    "hub.peers/a.toml": "name = 'b'",
  }],
  ["", "Cannot use verb at {dir}/hub.peers/a.toml:1:1 for one peer: it belongs in {dir}/hub.toml", {
    "hub.peers/a.toml": "verb = 1",
  }],
  ["", "Cannot use [[peer]] at {dir}/hub.peers/a.toml:1:1: the file is about one peer, give its keys alone", {
    "hub.peers/a.toml": "[[peer]]",
  }],
  [
    "",
    "Cannot read {dir}/hub.peers/a.toml (a peer of {dir}/hub.toml): Is a directory; make it a UTF-8 text file that this user can read",
    {
      "hub.peers/a.toml/": "",
    },
  ],
  [
    peer("a", token("a")),
    'Cannot take both peer "a" (name at @:6:8) and peer "a" ({dir}/hub.peers/a.toml): they have the same name, give one another',
    { "hub.peers/a.toml": token("b") },
  ],
  [
    "[[peer]]\n".repeat(4097),
    "Cannot take 4097 peers of {dir}/hub.toml: a server can have at most 4096, use several servers",
  ],
  [
    `#${"x".repeat(2 * 1024 * 1024)}`,
    "Cannot read {dir}/hub.toml (--config): it is larger than 2 MiB; name a configuration file, or split it",
  ],
];

/** What follows from the table of options alone. */
function fromTable(option: Option): BadInput[] {
  const name = nameOf(option);
  const given = option.long === null ? `-${option.short}` : `--${option.long}`;
  const takesNone = option.kind === "flag" || option.kind === "count" || option.kind === "command";
  const found: BadInput[] = [];
  if (!takesNone) {
    found.push(onCommandLine([given, `Cannot use ${name} without a value: give ${option.metavar} after it`]));
  } else if (option.long !== null) {
    found.push(onCommandLine([`${given}=x`, `Cannot give a value to ${name}: it takes none`]));
  }
  const key = tomlPathOf(option)?.join(".");
  if (key === undefined) return found;
  for (
    const [value, shown] of [["[]", "a list"], ["{}", "a table"], [
      "1979-05-27T07:32:00Z",
      "1979-05-27T07:32:00Z",
    ], ["1e3", "1e3"]] as const
  ) {
    const [bad] = [inFile([`${key} = ${value}`, ""])];
    const start = `Cannot use ${option.secret ? "(hidden)" : shown} as ${key} at {dir}/bad.toml:1:${
      key.length + 4
    }: must be `;
    found.push({ ...bad, message: new RegExp(says(start).source.replace(/\$$/, "\\S"), "mu") });
  }
  return found;
}

/** Options that are in the table but not available yet, given as they should be once they are. */
function notAvailable(): BadInput[] {
  return GOOD_INPUTS.filter(({ option }) =>
    OPTIONS.some(({ long, short, later }) => later && option === (long ?? short))
  )
    .map(({ mode, argv, option }) => ({
      name: `not available yet: ${argv.join(" ")}`,
      argv: ["--config", "{dir}/base.toml", ...argv],
      files: { ...GOOD_FILES, "base.toml": BASES[mode] },
      exit: 127,
      message: new RegExp(`Cannot use (-./)?--${option}: it is not available yet$`, "m"),
    }));
}

/** Every kind of wrong command line and wrong file. */
export const BAD_INPUTS: readonly BadInput[] = [
  ...[...WORDS, ...VALUES, ...FIT].map(onCommandLine),
  ...WITH_FILES.map(([argv, files, message]) => ({ ...onCommandLine([argv, message]), files })),
  ...TOML.map(inFile),
  ...HUBS.map(inHub),
  ...OPTIONS.flatMap(fromTable),
  ...notAvailable(),
];
