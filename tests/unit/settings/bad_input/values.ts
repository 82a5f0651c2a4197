import { type BadInput, onCommandLine } from "./input.ts";
import { DEVICE, DURATION, IP, KEY, LOCAL, MARK, PORTS, REMOTE, THE_PORT, WEAK_KEY } from "./phrases.ts";

const PORT = "must be a whole number from 1 to 65535";
const NET = "must be a network like 172.28.16.0/20, of length 8 to 30";
const NETS = "must be networks like 10.1.0.0/16";
const MANY_PORTS = Array.from({ length: 65 }, (_, index) => index + 1).join(",");
const HOST = "the host must be an IPv4 address of a host, or a host name";
const TABLE = "must be a table name: A-Z a-z 0-9 _ . - beginning with a letter or _";
const TTL = "must be inherit, or a whole number from 1 to 255";
const TOS =
  "must be inherit, a value like 0x20 (from 0x00 to 0xfc, in steps of 4), or a name: CS0 to CS7, AF11 to AF43, EF";
const MTU = "must be auto, or a whole number from 68 to 65507";
const SHORT_KEY = "AAAA";
/** The key of `PUBLIC_KEY` with one character changed, so that it is no point of the curve. */
const NO_POINT = "AQYNhD/Xwl6Zaq+z3QXDzNI77x8CEKqY1n5kt9bKeEI=";

/** Values that are invalid whatever else is given. */
export const VALUES: readonly BadInput[] = ([
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
  [
    "-b @eth0:10001",
    'Cannot use "@eth0:10001" as -b/--fou-local: the port comes before the device: :10001@eth0',
  ],
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
  ["--fou-private-net 172.29.0.0/31", `Cannot use "172.29.0.0/31" as --fou-private-net: ${NET}`],
  ["--tunl-net 172.28.16.0", `Cannot use "172.28.16.0" as --tunl-net: ${NET}`],
  ["--tunl-net 172.28.16.0/31", `Cannot use "172.28.16.0/31" as --tunl-net: ${NET}`],
  ["--tunl-net 0.0.0.0/7", `Cannot use "0.0.0.0/7" as --tunl-net: ${NET}`],
  ["--tunl-net 10.0.0.0/08", `Cannot use "10.0.0.0/08" as --tunl-net: ${NET}`],
  [
    "--tunl-net 172.28.17.0/20",
    `Cannot use "172.28.17.0/20" as --tunl-net: ${NET}, but "172.28.17.0/20" has host bits set: give 172.28.16.0/20`,
  ],
  ["--routes 10.0.0.0/33", `Cannot use "10.0.0.0/33" as --routes: ${NETS}, but "10.0.0.0/33" is not one`],
  ["--routes 10.1.0.0/16,", `Cannot use "10.1.0.0/16," as --routes: ${NETS}, but "" is not one`],
  ["--routes lan", `Cannot use "lan" as --routes: ${NETS}, but "lan" is not one`],
  [
    "--routes 10.1.0.0/16,10.1.0.1/31",
    `Cannot use "10.1.0.0/16,10.1.0.1/31" as --routes: ${NETS}, but "10.1.0.1/31" has host bits set: give 10.1.0.0/31`,
  ],
  [
    "--routes 10.0.0.0/8,10.0.0.0/8",
    `Cannot use "10.0.0.0/8,10.0.0.0/8" as --routes: ${NETS}, but "10.0.0.0/8" is given twice`,
  ],
  [
    "--allowed-ips 10.1.2.3/16",
    `Cannot use "10.1.2.3/16" as --allowed-ips: ${NETS}, but "10.1.2.3/16" has host bits set: give 10.1.0.0/16`,
  ],
  ["--auth-replay on", 'Cannot use "on" as --auth-replay: must be strict or window or off'],
  ["--log-format xml", 'Cannot use "xml" as --log-format: must be text or json'],
  ["--silent-after 5d", `Cannot use "5d" as --silent-after: ${DURATION}`],
  ["--auth-move-interval 5d", `Cannot use "5d" as --auth-move-interval: ${DURATION}`],
  [`--auth-key-b64 ${SHORT_KEY}`, `Cannot use (hidden) as --auth-key-b64: ${KEY}, but it is 3 bytes`],
  ["--auth-key-b64 no_key", `Cannot use (hidden) as --auth-key-b64: ${KEY}`],
  [
    `--auth-remote-pubkey-b64 ${SHORT_KEY}`,
    `Cannot use "AAAA" as --auth-remote-pubkey-b64: ${KEY}, but it is 3 bytes`,
  ],
  [
    `--auth-remote-pubkey-b64 ${NO_POINT}`,
    "Cannot use (hidden) as --auth-remote-pubkey-b64: must be a public key, the second line of --auth-keygen: this is a private key, or a character is wrong",
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
  ["--tunl-ttl 0", `Cannot use "0" as --tunl-ttl: ${TTL}`],
  ["--tunl-ttl 256", `Cannot use "256" as --tunl-ttl: ${TTL}`],
  ["--tunl-ttl auto", `Cannot use "auto" as --tunl-ttl: ${TTL}`],
  ["--tunl-tos 32", `Cannot use "32" as --tunl-tos: ${TOS}`],
  ["--tunl-tos 0x22", `Cannot use "0x22" as --tunl-tos: ${TOS}`],
  ["--tunl-tos AF44", `Cannot use "AF44" as --tunl-tos: ${TOS}`],
  ["--tunl-mtu 67", `Cannot use "67" as --tunl-mtu: ${MTU}`],
  ["--tunl-mtu 65508", `Cannot use "65508" as --tunl-mtu: ${MTU}`],
  ["--tunl-mtu inherit", `Cannot use "inherit" as --tunl-mtu: ${MTU}`],
  [
    "--tunl-mss-clamp 47",
    'Cannot use "47" as --tunl-mss-clamp: must be auto or off, or a whole number from 48 to 65467',
  ],
  ["--auth-packet-ttl 0", 'Cannot use "0" as --auth-packet-ttl: must be a whole number from 1 to 255'],
  ["--auth-packet-ttl 256", 'Cannot use "256" as --auth-packet-ttl: must be a whole number from 1 to 255'],
  ["--fou-mark 4294967296", `Cannot use "4294967296" as --fou-mark: ${MARK}`],
  ["--fou-mark 66h", `Cannot use "66h" as --fou-mark: ${MARK}`],
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
] as const).map(onCommandLine);
