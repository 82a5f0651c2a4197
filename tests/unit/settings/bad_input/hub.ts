import { BASES, PRIVATE_KEY, PUBLIC_KEY } from "../bases.ts";
import { type BadInput, says } from "./input.ts";
import { BRACKET, DEVICE, QUOTES } from "./phrases.ts";

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
    message: says(message.replaceAll("@:", "{dir}/hub.toml:")),
  };
}

/** A [[peer]] in two lines: its name, and everything else. */
const peer = (name: string, more = `tunl.peer-ip = "10.0.0.${name.charCodeAt(0)}"`) =>
  `[[peer]]\nname = "${name}"\n${more}\n`;
const token = (name: string) =>
  `auth.token = "hunter2-${name}"\ntunl.peer-ip = "10.0.0.${name.charCodeAt(0)}"`;
const BOTH_PEERS = `peer "a" (name at @:6:8) and peer "b" (name at @:10:8)`;
const CASES: readonly Parameters<typeof inHub>[0][] = [
  ["peer = 1", "Cannot give peer a value at @:5:1: write each peer as [[peer]]"],
  ['peer.name = "a"', "Cannot give peer.name a value at @:5:1: write each peer as [[peer]]"],
  ['[peer]\nname = "a"', "Unknown table [peer] at @:5:1: did you mean [[peer]]?"],
  [
    '[peer.auth]\ntoken = "hunter2"',
    "Unknown table [peer.auth] at @:5:1: the tables are [fou] [tunl] [auth] [nft] [nfq] [log] [encap] [monitor] [[peer]]",
  ],
  [
    "[[peer.auth]]",
    "Unknown table [[peer.auth]] at @:5:1: the tables are [fou] [tunl] [auth] [nft] [nfq] [log] [encap] [monitor] [[peer]]",
  ],
  ["[[peer]]", 'Cannot use [[peer]] at @:5:1 without a name: give it name = "NAME"'],
  ['[[peer]]\nname = "a b"', `Cannot use "a b" as name at @:6:8: ${DEVICE}`],
  ['[[peer]]\nname = "abcdefghijklmnop"', `Cannot use "abcdefghijklmnop" as name at @:6:8: ${DEVICE}`],
  ["[[peer]]\nname = 1", `Cannot use 1 as name at @:6:8: ${DEVICE}, in quotes`],
  ["[[peer]]\nname = []", `Cannot use a list as name at @:6:8: ${DEVICE}, in quotes`],
  [
    '[[peer]]\nname = "a"\nname = "a"',
    "Cannot read @:7:1 as TOML: this key or table is given twice (as TABLE.KEY is [TABLE], too): keep one",
  ],
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
  [peer("a", token("a")) + peer("b", "x = y"), `Cannot read @:11:5 as TOML: ${QUOTES}`],
  [peer("a", token("a")) + "[[peer]\nname = 'b'", `Cannot read @:9:8 as TOML: ${BRACKET}`],
  [
    peer("a", ""),
    'Cannot use peer "a" (name at @:6:8) without a tunnel address: give it tunl.peer-ip, or tunl.net for all peers',
  ],
  [
    peer("a", 'tunl.peer-ip = "172.28.0.0"'),
    "Cannot use 172.28.0.0 as tunl.peer-ip at @:7:16: it is also the local tunnel address",
  ],
  [
    'tunl.net = "10.7.0.0/29"',
    "Cannot use 10.7.0.0/29 as tunl.net at @:5:12 without a peer: make the folder {dir}/hub.peers, or give the --auth-remote-pubkey-b64 of a single client",
  ],
  [
    peer("a"),
    'Cannot use peer "a" (name at @:6:8) without a way to identify it: give it auth.remote-pubkey-b64, auth.token-file, or auth.by-remote-ip',
  ],
  ...['auth.secret = "x"', `auth.key-b64 = "${PRIVATE_KEY}"`].map((line) =>
    [
      peer("a", `tunl.peer-ip = "10.0.0.97"\nfou.remote = "192.0.2.9"\nauth.by-remote-ip = true\n${line}`),
      `Cannot use ${line.split(" ")[0]} at @:10:${
        line.indexOf('"') + 1
      } without --auth-remote-pubkey-b64: alone it authenticates nothing; give both or neither`,
    ] as const
  ),
  [peer("all"), 'Cannot use "all" as name at @:6:8: the kernel uses this name itself'],
  [
    peer("a", 'tunl.dev = "default"'),
    'Cannot use "default" as tunl.dev at @:7:12: the kernel uses this name itself',
  ],
  [peer("tunl0"), 'Cannot use "tunl0" as name at @:6:8: the kernel uses this name itself'],
  [
    peer("eth0"),
    'Cannot use "eth0" as fou.local at {dir}/hub.toml:3:15: it is the device of peer "eth0" (name at @:6:8)',
  ],
  [
    peer("a", 'fou.local-ip-alt = "192.0.2.1"\ntunl.peer-ip = "10.0.0.2"').replace(
      "",
      "fou.local-ip = '192.0.2.1'\n",
    ),
    "Cannot use 192.0.2.1 as fou.local-ip at @:5:16: it is also the private local address; give another --fou-local-ip-alt",
  ],
  [
    peer("a", token("a")) + peer("a", token("b")),
    `Cannot use both ${BOTH_PEERS.replace('"b"', '"a"')}: they have the same name; give one of them another`,
  ],
  [
    peer("a", token("a")) + peer("b", `tunl.dev = "a"\n${token("b")}`),
    'Cannot use both peer "a" (name at @:6:8) and peer "b" (tunl.dev at @:11:12): they have the same tunnel device, a; give one of them another tunl.dev',
  ],
  [
    peer("a", token("a")) + peer("b", 'auth.token = "x"\ntunl.peer-ip = "10.0.0.97"'),
    'Cannot use both peer "a" (tunl.peer-ip at @:8:16) and peer "b" (tunl.peer-ip at @:12:16): they have the same tunnel address, 10.0.0.97; give one of them another tunl.peer-ip',
  ],
  [
    `tunl.net = "10.7.0.0/30"\n${peer("a", 'auth.token = "x"')}${peer("b", 'auth.token = "y"')}`,
    'Cannot use both peer "a" (name at @:7:8) and peer "b" (name at @:10:8): they have the same tunnel address, 10.7.0.2; give one of them another tunl.peer-ip; --tunl-net has no free one',
  ],
  [
    `tunl.net = "10.7.0.0/29"\n${peer("a", 'auth.token = "x"\ntunl.peer-ip = "10.7.0.2"')}${
      peer("b", 'auth.token = "y"\ntunl.peer-ip = "10.7.0.2"')
    }`,
    'Cannot use both peer "a" (tunl.peer-ip at @:9:16) and peer "b" (tunl.peer-ip at @:13:16): they have the same tunnel address, 10.7.0.2; give one of them another tunl.peer-ip, such as 10.7.0.3',
  ],
  [
    peer("a", token("a")) + peer("b", token("a").replace("97", "98")),
    'Cannot use both peer "a" (auth.token at @:7:14) and peer "b" (auth.token at @:11:14): they have the same token; give each its own',
  ],
  [
    `auth.token = "hunter2"\n${peer("a")}${peer("b")}`,
    'Cannot use both peer "a" (name at @:7:8) and peer "b" (name at @:10:8): they have the same token; give each its own',
  ],
  [
    ["a", "b"].map((name) =>
      peer(name, `${token(name).split("\n")[1]}\nauth.remote-pubkey-b64 = "${PUBLIC_KEY}"`)
    ).join(""),
    `Cannot use both peer "a" (auth.remote-pubkey-b64 at @:8:26) and peer "b" (auth.remote-pubkey-b64 at @:12:26): they have the same auth.remote-pubkey-b64, ${PUBLIC_KEY}; give each its own key`,
  ],
  [
    ["1", "2"].map((n) =>
      peer(`p${n}`, `fou.remote = ":9"\nauth.by-remote-port = true\ntunl.peer-ip = "10.0.0.${n}"`)
    ).join(""),
    'Cannot use both peer "p1" (name at @:6:8) and peer "p2" (name at @:11:8): nothing tells them apart; give each its own key, or auth.by-remote-ip and its own address in fou.remote',
  ],
  [
    ["a", "b"].map((name) => peer(name, `${token(name)}\nfou.local-ip-alt = "10.9.9.9"`)).join(""),
    'Cannot use both peer "a" (fou.local-ip-alt at @:9:20) and peer "b" (fou.local-ip-alt at @:14:20): they have the same fou.local-ip-alt, 10.9.9.9; give one of them another',
  ],
  [
    ["a", "b"].map((name) => peer(name, `${token(name)}\nroutes = ["10.1.0.0/16"]`)).join(""),
    'Cannot use both peer "a" (routes at @:9:10) and peer "b" (routes at @:14:10): they have the same network in routes, 10.1.0.0/16; remove it from one of them',
  ],
  [
    "server = false\n[[peer]]\nname = 'a'".replace("server = false\n", ""),
    "Cannot use peers on a client (name at {dir}/hub.toml:3:8): its only peer is the server; give server = true, or -s, on a server",
    { "hub.toml": "fou.local = '@eth0'\n[[peer]]\nname = 'a'" },
  ],
  [
    "",
    "Cannot use peers on a client ({dir}/hub.peers): its only peer is the server; give server = true, or -s, on a server",
    { "hub.toml": BASES.client, "hub.peers/": "" },
  ],
  [
    "",
    "Cannot list {dir}/hub.peers: Not a directory; make it a folder that this user can list, or remove it",
    {
      "hub.peers": "",
    },
  ],
  ["", "Cannot read {dir}/hub.peers/a.toml:1:16 as TOML: this text does not end: it needs a closing quote", {
    "hub.peers/a.toml": "tunl.ip = '10.0",
  }],
  ["", `Cannot use "a b" as the name of a peer ("{dir}/hub.peers/a b.toml"): ${DEVICE}; rename the file`, {
    "hub.peers/a b.toml": "",
  }],
  ["", 'Cannot use "b" as name at {dir}/hub.peers/a.toml:1:8: the file is named "a", remove the key', {
    "hub.peers/a.toml": "name = 'b'",
  }],
  ["", "Cannot use verb at {dir}/hub.peers/a.toml:1:1 for one peer: it belongs in {dir}/hub.toml", {
    "hub.peers/a.toml": "verb = 1",
  }],
  ["", "Cannot use [[peer]] at {dir}/hub.peers/a.toml:1:1: the file describes one peer, give only its keys", {
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
    'Cannot use both peer "a" (name at @:6:8) and peer "a" ({dir}/hub.peers/a.toml): they have the same name; give one of them another',
    { "hub.peers/a.toml": token("b") },
  ],
  [
    "[[peer]]\n".repeat(4097),
    "Cannot use 4097 peers of {dir}/hub.toml: a server can have at most 4096, use several servers",
  ],
  [
    `#${"x".repeat(2 * 1024 * 1024)}`,
    "Cannot read {dir}/hub.toml (--config): it is larger than 2 MiB; name a configuration file, or split it",
  ],
];

/** Errors in the file of a server with several peers, and in the peers' files. */
/** Secrets that are missing show while there is no peer yet. */
const WITHOUT_PEERS: readonly BadInput[] = ["secret-file", "key-file", "token-file"].map((key) => ({
  name: `hub without peers, and without its ${key}`,
  argv: ["--config", "{dir}/hub.toml"],
  files: { "hub.toml": `server = true\nfou.local = "@eth0"\nauth.${key} = "gone"`, "hub.peers/": "" },
  message: says(
    `Cannot read {dir}/gone (auth.${key} at {dir}/hub.toml:3:${
      key.length + 9
    }): No such file or directory; make it, or name another`,
  ),
}));

export const HUBS: readonly BadInput[] = [...CASES.map(inHub), ...WITHOUT_PEERS];
