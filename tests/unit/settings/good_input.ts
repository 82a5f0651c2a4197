/** What each mode needs before anything else can be tried, as a configuration file. */
export const BASES = {
  client: `
    [fou]
    local-ip = "192.0.2.1"
    remote = "198.51.100.1:10000"
    [tunl]
    ip = "172.28.0.1"
    [auth]
    secret = "base secret"`,
  server: `
    server = true
    [fou]
    local-ip = "192.0.2.1"
    remote = "198.51.100.1:10000"
    [auth]
    secret = "base secret"`,
} as const;

/** The key pair of the original's README. */
export const PRIVATE_KEY = "RuBZkT23na2Q4QH1xfmZCfRgSgPt5s362UPAFbecTso=";
export const PUBLIC_KEY = "eQYNhD/Xwl6Zaq+z3QXDzNI77x8CEKqY1n5kt9bKeEI=";

/** One way of giving one option, after the base. */
export interface GoodInput {
  /** Long name, or the letter of an option that has none. */
  readonly option: string;
  readonly mode: keyof typeof BASES;
  readonly argv: readonly string[];
  /** The same said in TOML; null for what is for the command line only. */
  readonly toml: string | null;
  /** Dotted names in the settings, and what they must hold then. */
  readonly gives: Readonly<Record<string, unknown>>;
}

const bytes = (base64: string) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
const text = (plain: string) => new TextEncoder().encode(plain);

/** Files that the inputs name; `{dir}` stands for their folder. */
export const GOOD_FILES: Readonly<Record<string, string>> = {
  "more.toml": "keepalive = 77\n",
  "a.key": `${PRIVATE_KEY}\n${PUBLIC_KEY}\n`,
  "a.token": "from a file\n",
  "a.secret": "secret of a file\n",
};

export const GOOD_INPUTS: readonly GoodInput[] = [
  {
    option: "client",
    mode: "server",
    argv: ["-c", "--tunl-ip", "172.28.0.9"],
    toml: 'client = true\ntunl.ip = "172.28.0.9"',
    gives: { mode: "client" },
  },
  {
    option: "server",
    mode: "client",
    argv: ["-s"],
    toml: "server = true",
    gives: { mode: "server" },
  },
  {
    option: "number",
    mode: "server",
    argv: ["-n7"],
    toml: "number = 7",
    gives: {
      number: 7,
      "local.ports": [10007],
      "queue.number": 7,
      "peers.0.name": "ipipou7",
      "peers.0.tunnel.device": "ipipou7",
      "peers.0.tunnel.ip": "172.28.0.14",
      "peers.0.tunnel.peerIp": "172.28.0.15",
      "peers.0.altIp": "172.29.0.7",
    },
  },
  {
    option: "number",
    mode: "client",
    argv: ["--number", "300"],
    toml: "number = 300",
    gives: { number: 300, "local.ports": [10300], "peers.0.altIp": "172.29.1.44" },
  },
  {
    option: "v",
    mode: "client",
    argv: ["-vvv"],
    toml: null,
    gives: { "log.verbosity": 3 },
  },
  {
    option: "verb",
    mode: "client",
    argv: ["--verb=3"],
    toml: "verb = 3",
    gives: { "log.verbosity": 3 },
  },
  {
    option: "config",
    mode: "client",
    argv: ["--config", "{dir}/more.toml"],
    toml: null,
    gives: { keepalive: 77 },
  },
  {
    option: "no-log-time",
    mode: "client",
    argv: ["--no-log-time"],
    toml: "log.time = false",
    gives: { "log.time": false },
  },
  {
    option: "no-log-pid",
    mode: "client",
    argv: ["--no-log-pid"],
    toml: "log.pid = false",
    gives: { "log.pid": false },
  },
  {
    option: "fou-local",
    mode: "client",
    argv: ["-b", "192.0.2.9:500@eth0"],
    toml: 'fou.local = "192.0.2.9:500@eth0"',
    gives: { "local.ip": "192.0.2.9", "local.ports": [500], "local.device": "eth0" },
  },
  {
    option: "fou-local",
    mode: "client",
    argv: ["-b@eth0"],
    toml: 'fou.local = "@eth0"',
    gives: { "local.ip": "192.0.2.1", "local.device": "eth0", "local.ports": [10000] },
  },
  {
    option: "fou-local",
    mode: "client",
    argv: ["-b=:500"],
    toml: 'fou.local = ":500"',
    gives: { "local.ports": [500] },
  },
  {
    option: "fou-local-ip",
    mode: "client",
    argv: ["--fou-local-ip", "192.0.2.9"],
    toml: 'fou.local-ip = "192.0.2.9"',
    gives: { "local.ip": "192.0.2.9" },
  },
  {
    option: "fou-local-port",
    mode: "client",
    argv: ["--fou-local-port=500"],
    toml: "fou.local-port = 500",
    gives: { "local.ports": [500] },
  },
  {
    option: "fou-local-port",
    mode: "server",
    argv: ["--fou-local-port", "10002,500"],
    toml: "fou.local-port = [10002, 500]",
    gives: { "local.ports": [10002, 500] },
  },
  {
    option: "fou-dev",
    mode: "client",
    argv: ["--fou-dev", "eth0.100"],
    toml: 'fou.dev = "eth0.100"',
    gives: { "local.device": "eth0.100" },
  },
  {
    option: "fou-remote",
    mode: "client",
    argv: ["-r", "vpn.example.com:77"],
    toml: 'fou.remote = "vpn.example.com:77"',
    gives: { "peers.0.remote.host": "vpn.example.com", "peers.0.remote.port": 77 },
  },
  {
    option: "fou-remote",
    mode: "client",
    argv: ["-r", ":77"],
    toml: 'fou.remote = ":77"',
    gives: { "peers.0.remote.host": "198.51.100.1", "peers.0.remote.port": 77 },
  },
  {
    option: "fou-remote-ip",
    mode: "client",
    argv: ["--fou-remote-ip", "198.51.100.9"],
    toml: 'fou.remote-ip = "198.51.100.9"',
    gives: { "peers.0.remote.host": "198.51.100.9" },
  },
  {
    option: "fou-remote-port",
    mode: "client",
    argv: ["--fou-remote-port", "77"],
    toml: "fou.remote-port = 77",
    gives: { "peers.0.remote.port": 77 },
  },
  {
    option: "encap-csum",
    mode: "client",
    argv: ["--encap-csum"],
    toml: "encap.csum = true",
    gives: { encapCsum: true },
  },
  {
    option: "no-encap-csum",
    mode: "client",
    argv: ["--encap-csum", "--no-encap-csum"],
    toml: "encap.csum = false",
    gives: { encapCsum: false },
  },
  {
    option: "tunl-dev",
    mode: "client",
    argv: ["--tunl-dev", "office"],
    toml: 'tunl.dev = "office"',
    gives: { "peers.0.name": "office", "peers.0.tunnel.device": "office" },
  },
  {
    option: "tunl-ip",
    mode: "client",
    argv: ["--tunl-ip", "10.0.0.2"],
    toml: 'tunl.ip = "10.0.0.2"',
    gives: { "peers.0.tunnel.ip": "10.0.0.2", "peers.0.tunnel.peerIp": "10.0.0.1" },
  },
  {
    option: "tunl-peer-ip",
    mode: "client",
    argv: ["--tunl-peer-ip", "10.0.0.9"],
    toml: 'tunl.peer-ip = "10.0.0.9"',
    gives: { "peers.0.tunnel.peerIp": "10.0.0.9" },
  },
  {
    option: "routes",
    mode: "client",
    argv: ["--routes", "10.1.0.0/16,10.2.3.4"],
    toml: 'routes = ["10.1.0.0/16", "10.2.3.4/32"]',
    gives: { "peers.0.routes": ["10.1.0.0/16", "10.2.3.4/32"] },
  },
  {
    option: "routes",
    mode: "server",
    argv: ["--routes", "10.1.0.0/16"],
    toml: 'routes = ["10.1.0.0/16"]',
    gives: { "peers.0.routes": ["10.1.0.0/16"], "peers.0.allowedIps": null },
  },
  {
    option: "auth-key-file",
    mode: "client",
    argv: ["--auth-key-file", "{dir}/a.key"],
    toml: 'auth.key-file = "a.key"',
    gives: {
      "peers.0.scheme.kind": "ed25519",
      "peers.0.scheme.privateKey": bytes(PRIVATE_KEY),
      "peers.0.scheme.secret": "base secret",
    },
  },
  {
    option: "auth-key-b64",
    mode: "client",
    argv: ["--auth-key-b64", PRIVATE_KEY],
    toml: `auth.key-b64 = "${PRIVATE_KEY}"`,
    gives: {
      "peers.0.scheme.kind": "ed25519",
      "peers.0.scheme.privateKey": bytes(PRIVATE_KEY),
      "peers.0.scheme.remotePublicKey": null,
    },
  },
  {
    option: "auth-remote-pubkey-b64",
    mode: "server",
    argv: ["--auth-remote-pubkey-b64", PUBLIC_KEY.slice(0, -1)],
    toml: `auth.remote-pubkey-b64 = "${PUBLIC_KEY}"`,
    gives: {
      "peers.0.scheme.kind": "ed25519",
      "peers.0.scheme.privateKey": null,
      "peers.0.scheme.remotePublicKey": bytes(PUBLIC_KEY),
    },
  },
  {
    option: "auth-key-type",
    mode: "client",
    argv: ["--auth-key-type", "ed25519"],
    toml: 'auth.key-type = "ed25519"',
    gives: {},
  },
  {
    option: "auth-secret",
    mode: "client",
    argv: ["--auth-secret", "s p", "--auth-key-file", "{dir}/a.key"],
    toml: 'auth.secret = "s p"\nauth.key-file = "a.key"',
    gives: { "peers.0.scheme.secret": "s p" },
  },
  {
    option: "auth-secret-file",
    mode: "client",
    argv: ["--auth-secret-file", "{dir}/a.secret", "--auth-key-file", "{dir}/a.key"],
    toml: 'auth.secret-file = "a.secret"\nauth.key-file = "a.key"',
    gives: { "peers.0.scheme.secret": "secret of a file" },
  },
  {
    option: "auth-token",
    mode: "client",
    argv: ["--auth-token", "пароль"],
    toml: 'auth.token = "пароль"',
    gives: { "peers.0.scheme.kind": "token", "peers.0.scheme.token": text("пароль") },
  },
  {
    option: "auth-token-b64",
    mode: "client",
    argv: ["--auth-token-b64", "AAECAw=="],
    toml: 'auth.token-b64 = "AAECAw"',
    gives: { "peers.0.scheme.token": bytes("AAECAw") },
  },
  {
    option: "auth-token-file",
    mode: "client",
    argv: ["--auth-token-file", "{dir}/a.token"],
    toml: 'auth.token-file = "a.token"',
    gives: { "peers.0.scheme.token": text("from a file") },
  },
  {
    option: "auth-packet-ttl",
    mode: "client",
    argv: ["--auth-packet-ttl", "9"],
    toml: "auth.packet-ttl = 9",
    gives: { authPacketTtl: 9 },
  },
  {
    option: "keepalive",
    mode: "client",
    argv: ["--keepalive", "2m"],
    toml: "keepalive = 120",
    gives: { keepalive: 120 },
  },
  {
    option: "keepalive",
    mode: "client",
    argv: ["--keepalive", "25"],
    toml: 'keepalive = "25s"',
    gives: { keepalive: 25 },
  },
  {
    option: "reauth-only",
    mode: "client",
    argv: ["--reauth-only"],
    toml: "reauth-only = true",
    gives: { reauthOnly: true },
  },
  {
    option: "auth-by-remote-ip",
    mode: "server",
    argv: ["--auth-by-remote-ip"],
    toml: "auth.by-remote-ip = true",
    gives: { "peers.0.byRemote.ip": true },
  },
  {
    option: "auth-by-remote-port",
    mode: "server",
    argv: ["--auth-by-remote-port"],
    toml: "auth.by-remote-port = true",
    gives: { "peers.0.byRemote.port": true },
  },
  {
    option: "auth-max-time-discrepancy",
    mode: "server",
    argv: ["--auth-max-time-discrepancy", "30"],
    toml: "auth.max-time-discrepancy = 30",
    gives: { "peers.0.maxTimeDiscrepancy": 30 },
  },
  {
    option: "auth-max-time-discrepancy",
    mode: "client",
    argv: ["--auth-max-time-discrepancy", "1m"],
    toml: 'auth.max-time-discrepancy = "1m"',
    gives: { "peers.0.maxTimeDiscrepancy": 60 },
  },
  {
    option: "auth-lifetime",
    mode: "server",
    argv: ["--auth-lifetime", "3600"],
    toml: 'auth.lifetime = "1h"',
    gives: { "peers.0.lifetime": 3600 },
  },
  {
    option: "auth-move-interval",
    mode: "server",
    argv: ["--auth-move-interval", "5m"],
    toml: "auth.move-interval = 300",
    gives: { "peers.0.moveInterval": 300 },
  },
  {
    option: "allowed-ips",
    mode: "server",
    argv: ["--allowed-ips", "10.1.0.0/16,10.2.0.0/16,10.1.2.0/24"],
    toml: 'allowed-ips = ["10.1.0.0/16", "10.2.0.0/16", "10.1.2.3"]',
    gives: { "peers.0.allowedIps": ["172.28.0.1/32", "10.1.0.0/16", "10.2.0.0/16"] },
  },
  {
    option: "tunl-net",
    mode: "server",
    argv: ["--tunl-net", "10.9.0.0/30", "--auth-token", "x"],
    toml: 'tunl.net = "10.9.0.0/30"\nauth.token = "x"',
    gives: { "peers.0.tunnel.ip": "10.9.0.1", "peers.0.tunnel.peerIp": "10.9.0.2" },
  },
  {
    option: "reply-on-auth-ok",
    mode: "server",
    argv: ["--reply-on-auth-ok"],
    toml: "reply-on-auth-ok = true",
    gives: { "peers.0.reply": true },
  },
  {
    option: "reply-on-auth-ok",
    mode: "client",
    argv: ["--reply-on-auth-ok"],
    toml: "reply-on-auth-ok = true",
    gives: { "peers.0.reply": true },
  },
  {
    option: "fou-local-ip-alt",
    mode: "server",
    argv: ["--fou-local-ip-alt", "172.29.9.9"],
    toml: 'fou.local-ip-alt = "172.29.9.9"',
    gives: { "peers.0.altIp": "172.29.9.9" },
  },
  {
    option: "force-fou-local-ip-alt",
    mode: "server",
    argv: ["--force-fou-local-ip-alt"],
    toml: "force-fou-local-ip-alt = true",
    gives: { "peers.0.forceAlt": true },
  },
  {
    option: "queue-number",
    mode: "server",
    argv: ["-q", "5"],
    toml: "queue-number = 5",
    gives: { number: 5, "queue.number": 5, "local.ports": [10005] },
  },
  {
    option: "queue-number",
    mode: "server",
    argv: ["-q", "1000"],
    toml: "queue-number = 1000",
    gives: { number: 0, "queue.number": 1000, "local.ports": [10000] },
  },
  {
    option: "queue-number",
    mode: "server",
    argv: ["-q", "5", "-n", "6"],
    toml: "queue-number = 5\nnumber = 6",
    gives: { number: 6, "queue.number": 5, "local.ports": [10006] },
  },
  {
    option: "nfq-max-len",
    mode: "server",
    argv: ["--nfq-max-len", "100"],
    toml: "nfq.max-len = 100",
    gives: { "queue.maxLength": 100 },
  },
  {
    option: "nft-table",
    mode: "server",
    argv: ["--nft-table", "my_table"],
    toml: 'nft.table = "my_table"',
    gives: { "nft.table": "my_table" },
  },
  {
    option: "no-nft-counter",
    mode: "server",
    argv: ["--no-nft-counter"],
    toml: "nft.counter = false",
    gives: { "nft.counter": false },
  },
];
