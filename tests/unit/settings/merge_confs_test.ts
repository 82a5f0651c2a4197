import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { keyPairOf } from "../../../lib/auth/key_pair.ts";
import { convert } from "../../../lib/commands/convert.ts";
import { SettingsError } from "../../../lib/settings/errors.ts";
import { readConf } from "../../../lib/settings/conf.ts";
import { resolve } from "../../../lib/settings/resolve.ts";
import { PRIVATE_KEY, PUBLIC_KEY } from "./bases.ts";
import { filesInMemory, load } from "./memory_files.ts";

const HUB = "/etc/ipipou/hub.toml";

/** Files by name, without folder and extension. */
type Confs = Readonly<Record<string, string>>;

function pathsOf(confs: Confs): Record<string, string> {
  return Object.fromEntries(Object.entries(confs).map(([name, text]) => [`/etc/ipipou/${name}.conf`, text]));
}

function tomlOf(confs: Confs): string {
  const options = { names: Object.keys(confs), hub: "hub", write: false, force: false };
  return convert(options, filesInMemory(pathsOf(confs)), () => false);
}

function settingsOf(conf: string) {
  const { given } = readConf(conf, "/x.conf");
  return resolve({ given, peers: null, unusable: [] }, filesInMemory({}).read).settings;
}

/** Two servers' files of version 0.1. */
const OFFICE = `# the office
server
number 1
fou-local @eth0
# its key
auth-remote-pubkey-b64 ${PUBLIC_KEY}
auth-secret topsecret
auth-lifetime 3600
reply-on-auth-ok
verb 1
`;
const HOME = `server
n 2
fou-dev eth0
fou-local-port 20002
tunl-dev home0
tunl-ip 10.0.0.1
auth-token hunter2

auth-secret topsecret
nfq-max-len 100
`;

Deno.test("mergeServers() merges several servers into one, and keeps their comments", () => {
  assert.equal(
    tomlOf({ office: OFFICE, home: HOME }),
    `# Merged from /etc/ipipou/office.conf, /etc/ipipou/home.conf.
server = true
number = 1
verb = 1
fou.dev = "eth0"
fou.local-port = [10001, 20002]
nfq.max-len = 100
auth.secret = "topsecret"

[[peer]]
name = "office"
# Its client sends to UDP port 10001.
# the office
# its key
auth.remote-pubkey-b64 = "${PUBLIC_KEY}"
auth.lifetime = 3600
reply-on-auth-ok = true
tunl.dev = "ipipou1"
tunl.ip = "172.28.0.2"
tunl.peer-ip = "172.28.0.3"
fou.local-ip-alt = "172.29.0.1"
allowed-ips = ["0.0.0.0/0"]

[[peer]]
name = "home"
# Its client sends to UDP port 20002.
auth.token = "hunter2"
tunl.dev = "home0"
tunl.ip = "10.0.0.1"
tunl.peer-ip = "10.0.0.2"
fou.local-ip-alt = "172.29.0.2"
allowed-ips = ["0.0.0.0/0"]

# One port is enough: let these clients send to port 10001 instead, as in fou.remote = "HOST:10001",
# and take out of fou.local-port what no client sends to any more:
#   home: 20002
`,
  );
});

function keyOfNumber(number: number): string {
  const seed = new Uint8Array(32);
  new DataView(seed.buffer).setUint32(0, number);
  return Buffer.from(keyPairOf(seed).publicKey).toString("base64");
}

const anyConf = fc.record({
  number: fc.nat(65_000),
  port: fc.option(fc.integer({ min: 1, max: 65_535 })),
  scheme: fc.constantFrom("key", "token", "address"),
  lines: fc.subarray([
    "auth-lifetime 1h",
    "auth-max-time-discrepancy 60",
    "reply-on-auth-ok",
    "force-fou-local-ip-alt",
    `auth-key-b64 ${PRIVATE_KEY}`,
    "auth-secret one",
    "# remark",
    "",
    "verb 2",
    "nfq-max-len 7",
    "no-log-time",
    "auth-move-interval 5",
    "allowed-ips 10.7.0.0/16",
  ]),
});

Deno.test("mergeServers() gives each peer its old server's settings, except for the name", () => {
  const confs = fc.uniqueArray(anyConf, { selector: ({ number }) => number, minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(confs, fc.constantFrom("fou-dev eth0", "fou-local 192.0.2.1@eth0"), (parts, local) => {
      const files = parts.map(({ number, port, scheme, lines }) => {
        const proof = {
          key: `auth-remote-pubkey-b64 ${keyOfNumber(number)}`,
          token: `auth-token t${number}`,
          address: `auth-by-remote-ip\nfou-remote 198.51.${number >> 8}.${number & 0xff}`,
        }[scheme];
        const ports = port === null
          ? number > 55_535 ? ["fou-local-port 1"] : []
          : [`fou-local-port ${port}`];
        // Without a client's key these are refused.
        const own = scheme === "address" ? lines.filter((line) => !/key|secret/.test(line)) : lines;
        return ["server", `number ${number}`, local, ...ports, proof, ...own].join("\n");
      });
      const merged = tomlOf(Object.fromEntries(files.map((text, index) => [`p${index}`, text])));
      const { settings } = load(["--config", HUB], { [HUB]: merged });
      const singles = files.map(settingsOf);
      assert.deepEqual(
        settings.peers,
        singles.map(({ peers: [peer] }, index) => ({ ...peer!, name: `p${index}` })),
      );
      assert.deepEqual(new Set(settings.local.ports), new Set(singles.flatMap(({ local }) => local.ports)));
      const [first] = singles;
      for (const key of ["mode", "number", "encapCsum", "nft", "authPacketTtl"] as const) {
        assert.deepEqual(settings[key], first![key], key);
      }
      assert.deepEqual({ ...settings.local, ports: [] }, { ...first!.local, ports: [] });
      assert.equal(settings.queue.number, first!.queue.number);
    }),
    { numRuns: 300 },
  );
});

Deno.test("mergeServers() makes valid and different peer names", () => {
  const long = "a-very-long-name-of-a-site";
  const confs = ["a b", "a_b", long, `${long}-2`, ".", "имя"];
  const files = Object.fromEntries(
    confs.map((name, index) => [name, `server\nn ${index}\nfou-dev eth0\nauth-token t${index}\n`]),
  );
  const { settings } = load(["--config", HUB], { [HUB]: tomlOf(files) });
  assert.deepEqual(settings.peers.map(({ name }) => name), [
    "a_b",
    "a_b-2",
    "a-very-long-nam",
    "a-very-long-n-2",
    "peer",
    "___",
  ]);
});

Deno.test("mergeServers() names both places of a conflict", () => {
  const server = (n: number, more: string) => `server\nnumber ${n}\nfou-dev eth0\n${more}\n`;
  const cases: [a: string, b: string, message: RegExp][] = [
    [
      server(1, "auth-token a"),
      server(2, "auth-token b").replace("eth0", "eth1"),
      /^Cannot merge \/etc\/ipipou\/a\.conf and \/etc\/ipipou\/b\.conf: --fou-dev at \/etc\/ipipou\/a\.conf:3 and --fou-dev at \/etc\/ipipou\/b\.conf:3 differ; /,
    ],
    [
      server(1, "auth-token a"),
      server(2, "auth-token b\nnft-table mine"),
      /the default of \/etc\/ipipou\/a\.conf and --nft-table at \/etc\/ipipou\/b\.conf:5 differ; /,
    ],
    [
      server(1, "auth-token hunter2"),
      server(2, "\nauth-token hunter2"),
      /^Cannot use both peer "a" \(--auth-token at \/etc\/ipipou\/a\.conf:4\) and peer "b" \(--auth-token at \/etc\/ipipou\/b\.conf:5\): they have the same token/,
    ],
    [
      server(1, `auth-remote-pubkey-b64 ${PUBLIC_KEY}`),
      server(2, `auth-remote-pubkey-b64 ${PUBLIC_KEY}`),
      /^Cannot use both peer "a" \(--auth-remote-pubkey-b64 at \/etc\/ipipou\/a\.conf:4\) and peer "b" /,
    ],
    [server(1, "auth-token a"), server(1, "auth-token b"), /they have the same tunnel device, ipipou1/],
    [
      server(1, "auth-token a"),
      "client\nfou-dev eth0\nfou-remote h:1\ntunl-ip 10.0.0.2\n",
      /^Cannot make a peer of \/etc\/ipipou\/b\.conf: it is a client's file$/,
    ],
    [
      server(1, "auth-token a"),
      server(2, ""),
      /^Cannot make a peer of \/etc\/ipipou\/b\.conf: nothing in it identifies its client; /,
    ],
    [
      server(1, "auth-token a"),
      "server\nnumber 2\n",
      /^Cannot make a peer of \/etc\/ipipou\/b\.conf: cannot run without a local address or device: /,
    ],
    [
      server(1, "auth-token a"),
      "server\nnumber x\n",
      /^Cannot use "x" as -n\/--number at \/etc\/ipipou\/b\.conf:2: /,
    ],
  ];
  for (const [a, b, message] of cases) {
    assert.throws(() => tomlOf({ a, b }), (error) => {
      assert.ok(error instanceof SettingsError, String(error));
      assert.match(error.message, message);
      assert.doesNotMatch(error.message, /\n|hunter2/);
      return true;
    });
  }
});
