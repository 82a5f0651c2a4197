import assert from "node:assert/strict";
import { parseInvocation } from "../../../lib/settings/command_line.ts";
import type { ReadFile } from "../../../lib/settings/files.ts";
import { loadSettings } from "../../../lib/settings/load.ts";
import type { Peer } from "../../../lib/settings/settings.ts";
import { PRIVATE_KEY, PUBLIC_KEY } from "./bases.ts";
import { filesInMemory, load } from "./memory_files.ts";

const OTHER_KEY = "MsLcKfhC7xQcUJ3hKdtmVVeCXRFkoaGsdfCfHiv0XGM=";
const TOP = `
  server = true
  fou.local = "@eth0"
  tunl.net = "10.9.0.0/16"
  auth.lifetime = 300
  auth.secret-file = "/s"`;
const FILES = { "/s": "secret", "/k": PRIVATE_KEY };

type Files = Readonly<Record<string, string>>;

function loadHub(text: string, files: Files = {}, argv: readonly string[] = []) {
  const all = { ...FILES, "hub.toml": `${TOP}\n${text}`, ...files };
  return load(["--config", "{dir}/hub.toml", ...argv], all);
}

function peersOf(text: string, files: Files = {}, argv: readonly string[] = []): readonly Peer[] {
  return loadHub(text, files, argv).settings.peers;
}

/** The settings of a single named peer with these `lines`. */
function peerOf(lines: string, above = "", argv: readonly string[] = []): Peer {
  const [peer, ...more] = peersOf(`${above}\n[[peer]]\nname = "a"\n${lines}`, {}, argv);
  assert.ok(peer !== undefined && more.length === 0);
  return peer;
}

const named = (name: string) => `[[peer]]\nname = "${name}"\nauth.token = "of ${name}"\n`;
const namesOf = (peers: readonly Peer[]) => peers.map(({ name }) => name);

Deno.test("loadSettings() fills in the defaults of a named peer", () => {
  const { settings, warnings } = loadHub(`[[peer]]\nname = "a"\nauth.remote-pubkey-b64 = "${PUBLIC_KEY}"`);
  assert.deepEqual(warnings, []);
  assert.equal(settings.name, "ipipou0");
  assert.equal(settings.firstAltIp, "172.29.0.0");
  assert.equal(settings.queue.maxLength, 256);
  assert.equal(settings.mssClamp, "auto");
  const [peer] = settings.peers;
  const peerIp = peer?.tunnel.peerIp;
  assert.deepEqual(peer, {
    name: "a",
    tunnel: {
      ...{ device: "a", ip: "10.9.0.1", peerIp, mtu: null },
      header: { ttl: 64, tos: 0, pmtudisc: true },
    },
    remote: { host: null, port: null },
    byRemote: { ip: false, port: false },
    scheme: {
      kind: "ed25519",
      privateKey: null,
      remotePublicKey: Uint8Array.from(atob(PUBLIC_KEY), (character) => character.charCodeAt(0)),
      secret: "secret",
    },
    maxTimeDiscrepancy: 0,
    replay: "strict",
    lifetime: 300,
    reply: false,
    altIp: null,
    forceAlt: false,
    sharedIpip: false,
    allowedIps: [`${peerIp}/32`],
    routes: [],
    moveInterval: 0,
    silentAfter: 0,
  });
});

Deno.test("loadSettings() lets a peer inherit common values from files and the command line", () => {
  const argv = ["--auth-lifetime", "7", "--reply-on-auth-ok", "--tunl-ip", "10.9.9.9"];
  const first = peerOf("auth.token = 'x'", "", argv);
  assert.deepEqual([first.lifetime, first.reply, first.tunnel.ip], [7, true, "10.9.9.9"]);
  const own = 'auth.token = "x"\nauth.lifetime = 0\nreply-on-auth-ok = false\ntunl.ip = "10.9.9.8"';
  const second = peerOf(own, "", argv);
  assert.deepEqual([second.lifetime, second.reply, second.tunnel.ip], [0, false, "10.9.9.8"]);
});

Deno.test("loadSettings() warns of a common key that a peer does not use, and says nothing of a common secret", () => {
  const lines =
    '\nauth.key-file = "/k"\n[[peer]]\nname = "a"\nfou.remote = "192.0.2.9"\nauth.by-remote-ip = true';
  assert.deepEqual(loadHub(lines).warnings, [
    "auth.key-file at /dir/hub.toml:8:17 has no effect on a server without --auth-remote-pubkey-b64",
  ]);
});

Deno.test("loadSettings() lets a peer's token or key replace the common ones without a warning", () => {
  const token = `[auth]\nsecret = "s"\ntoken = "all"`;
  const keys = `[auth]\nsecret = "s"\nkey-file = "/k"\nremote-pubkey-b64 = "${PUBLIC_KEY}"`;
  const top = TOP.replaceAll(/\n.*auth.*/g, "");
  const schemeOf = (above: string, lines: string) => {
    const text = `${top}\n${above}\n[[peer]]\nname = "a"\n${lines}`;
    const { settings, warnings } = load(["--config", "{dir}/h.toml"], { ...FILES, "h.toml": text });
    assert.deepEqual(warnings, []);
    return settings.peers[0]!.scheme;
  };
  assert.equal(schemeOf(token, "").kind, "token");
  assert.equal(schemeOf(token, `auth.remote-pubkey-b64 = "${PUBLIC_KEY}"`).kind, "ed25519");
  assert.deepEqual(schemeOf(keys, 'auth.token = "own"'), {
    kind: "token",
    token: new TextEncoder().encode("own"),
  });
});

Deno.test("loadSettings() names the device after the peer, and the instance after --tunl-dev", () => {
  const { settings } = loadHub(
    `tunl.dev = "hub"\nfou.local-ip-alt = "172.30.0.1"\n${named("a")}${named("b")}tunl.dev = "tun5"`,
  );
  assert.equal(settings.name, "hub");
  assert.deepEqual(settings.peers.map(({ name, tunnel }) => [name, tunnel.device]), [["a", "a"], [
    "b",
    "tun5",
  ]]);
  assert.equal(settings.firstAltIp, "172.30.0.1");
  assert.deepEqual(settings.peers.map(({ altIp }) => altIp), [null, null]);
});

Deno.test("loadSettings() makes two halves of a client's default route, where a device or a mark leads past it", () => {
  const client = ["-r", "198.51.100.1:10001", "--tunl-ip", "172.28.0.3"];
  const routesOf = (...words: readonly string[]) => load([...client, ...words], {}).settings.peers[0]!.routes;
  const halves = ["0.0.0.0/1", "128.0.0.0/1"];
  assert.deepEqual(routesOf("-b", "@eth0", "--routes", "0.0.0.0/0"), halves);
  assert.deepEqual(
    routesOf("-b", "192.0.2.1@eth0", "--routes", "128.0.0.0/1,0.0.0.0/0"),
    halves.toReversed(),
  );
  assert.deepEqual(routesOf("--fou-mark", "0x66", "--routes", "10.0.0.0/8,0.0.0.0/0"), [
    "10.0.0.0/8",
    ...halves,
  ]);
  assert.deepEqual(routesOf("-b", "@eth0", "--routes", "198.51.100.0/24"), ["198.51.100.0/24"]);
  assert.deepEqual(routesOf("-r", "vpn.example.com:1", "--routes", "128.0.0.0/1"), ["128.0.0.0/1"]);
  const toml = `fou.local = "@eth0"
    fou.remote = "vpn.example.com:10001"
    tunl.ip = "172.28.0.3"
    routes = ["0.0.0.0/0"]`;
  const { settings } = load(["--config", "{dir}/c.toml"], { "c.toml": toml });
  assert.deepEqual(settings.peers.map(({ routes }) => routes), [halves]);
});

Deno.test("loadSettings() allows a peer its tunnel address and its networks as sources", () => {
  const own = 'auth.token = "x"\ntunl.peer-ip = "10.1.0.9"\n';
  const allowedOf = (lines: string) => peerOf(own + lines).allowedIps;
  assert.deepEqual(allowedOf(""), ["10.1.0.9/32"]);
  assert.deepEqual(allowedOf('routes = ["10.2.0.0/16"]'), ["10.1.0.9/32", "10.2.0.0/16"]);
  assert.deepEqual(allowedOf('routes = ["10.2.0.0/16"]\nallowed-ips = ["10.3.0.0/16"]'), [
    "10.1.0.9/32",
    "10.3.0.0/16",
  ]);
  assert.deepEqual(allowedOf('allowed-ips = ["10.1.0.0/16", "10.1.2.0/24", "10.0.0.0/15"]'), ["10.0.0.0/15"]);
  assert.equal(allowedOf('allowed-ips = ["10.1.0.0/16", "0.0.0.0/0"]'), null);
});

Deno.test("loadSettings() reads a peer's tables and inline tables", () => {
  const keys = `[peer.auth]\nremote-pubkey-b64 = "${PUBLIC_KEY}"\n[peer.tunl]\npeer-ip = "10.0.0.7"`;
  const expected = peerOf(keys);
  assert.equal(expected.tunnel.peerIp, "10.0.0.7");
  const inline = `auth = { remote-pubkey-b64 = "${PUBLIC_KEY}" }\ntunl = { peer-ip = "10.0.0.7" }`;
  assert.deepEqual(peerOf(inline), expected);
});

Deno.test("loadSettings() accepts a common table after the peers", () => {
  const files = { "/etc/ipipou/hub.toml": `${TOP}\n${named("a")}${named("b")}[nft]\ncounter = false` };
  assert.equal(load(["--config", "hub"], { ...FILES, ...files }).settings.nft.counter, false);
});

Deno.test("loadSettings() reads each file in the folder NAME.peers as a peer, in order of names", () => {
  const files = {
    "hub.peers/b.toml": 'auth.token = "of b"',
    "hub.peers/a.b.toml": 'name = "a.b"\n[auth]\ntoken-file = "t"',
    "hub.peers/t": "token of a file",
    "hub.peers/.c.toml": "broken",
    "hub.peers/.d.toml.swp": "broken",
    "hub.peers/e.toml~": "broken",
    "hub.peers/f.toml.bak": "broken",
    "hub.peers/g": "broken",
  };
  const peers = peersOf(named("z"), files);
  assert.deepEqual(namesOf(peers), ["z", "a.b", "b"]);
  assert.deepEqual(peers[1]?.scheme, { kind: "token", token: new TextEncoder().encode("token of a file") });
});

Deno.test("loadSettings() makes a hub without peers if the folder is empty, and a single-client server if it is missing", () => {
  assert.deepEqual(peersOf("", { "hub.peers/": "" }), []);
  assert.deepEqual(namesOf(peersOf('auth.token = "x"')), ["ipipou0"]);
  assert.deepEqual(namesOf(peersOf("", { "hub.peers/": "" }, ["--auth-token", "x"])), []);
});

Deno.test("loadSettings() combines the peers of several files and their folders", () => {
  const files = {
    "more.toml": named("b"),
    "more.peers/c.toml": 'auth.token = "of c"',
    "hub.peers/d.toml": 'auth.token = "of d"',
  };
  assert.deepEqual(namesOf(peersOf(named("a"), files, ["--config", "{dir}/more.toml"])), [
    "a",
    "b",
    "d",
    "c",
  ]);
});

Deno.test("loadSettings() warns in one line of all public peers' files with secrets", () => {
  const files = { ...FILES, "hub.toml": TOP, "hub.peers/a.toml": 'auth.token = "x"', "hub.peers/b.toml": "" };
  const key = `auth.remote-pubkey-b64 = "${PUBLIC_KEY}"`;
  const { warnings } = load(["--config", "{dir}/hub.toml"], { ...files, "hub.peers/b.toml": key }, 0o644);
  assert.deepEqual(
    warnings,
    ["/dir/hub.peers/a.toml", "/s"].map((path) =>
      `${path} holds secrets and every user of this host can read it: chmod o-r ${path}`
    ),
  );
  const both = { ...files, "hub.peers/b.toml": 'auth.token = "y"' };
  assert.deepEqual(load(["--config", "{dir}/hub.toml"], both, 0o644).warnings, [
    "2 files in /dir/hub.peers hold secrets and every user of this host can read them: chmod o-r /dir/hub.peers/*.toml",
  ]);
});

Deno.test("loadSettings() gives a warning once if it is the same for all peers", () => {
  const keys = [PUBLIC_KEY, OTHER_KEY];
  const peers = keys.map((key, index) => `[[peer]]\nname = "p${index}"\nauth.remote-pubkey-b64 = "${key}"\n`);
  const top = TOP.replace("secret-file", "key-file").replace("/s", "/k");
  const { settings, warnings } = load(["--config", "{dir}/h.toml"], {
    ...FILES,
    "h.toml": top + "\n" + peers.join(""),
  });
  assert.equal(settings.queue.maxLength, 1024);
  assert.deepEqual(warnings.map((warning) => warning.slice(0, 43)), [
    "The shared secret is the default, which eve",
  ]);
});

Deno.test("loadSettings() reads a secret file once for all peers", () => {
  const keys = [PUBLIC_KEY, OTHER_KEY];
  const peers = keys.map((key, index) => `[[peer]]\nname = "p${index}"\nauth.remote-pubkey-b64 = "${key}"\n`);
  const memory = filesInMemory({ ...FILES, "h.toml": `${TOP}\n${peers.join("")}` });
  const paths: string[] = [];
  const read: ReadFile = (path) => {
    paths.push(path);
    return memory.read(path);
  };
  const invocation = parseInvocation(["--config", "/dir/h.toml"]);
  assert.ok(invocation.kind === "run");
  assert.equal(loadSettings(invocation, { ...memory, read }).settings.peers.length, 2);
  assert.deepEqual(paths.filter((path) => path === "/s"), ["/s"]);
});

Deno.test("loadSettings() names the peer that anyone is admitted as", () => {
  const { warnings } = loadHub('[[peer]]\nname = "a"\nfou.remote = ":9"\nauth.by-remote-port = true');
  assert.deepEqual(warnings, [
    'Anyone who can send to the server\'s UDP port is admitted as "a", because nothing is authenticated: ' +
    "give --auth-remote-pubkey-b64",
  ]);
});

Deno.test("loadSettings() rejects a peer's file truncated anywhere", () => {
  const whole = `tunl.peer-ip = "10.8.0.9"\nallowed-ips = ["10.9.0.0/16"]\nauth.token = "x"\n`;
  assert.deepEqual(namesOf(peersOf("", { "hub.peers/a.toml": whole })), ["a"]);
  for (let length = 0; length < whole.length - 1; length++) {
    assert.throws(() => peersOf("", { "hub.peers/a.toml": whole.slice(0, length) }), {
      message: /^Cannot .*\/hub\.peers\/a\.toml/,
    });
  }
});

Deno.test("loadSettings() accepts peers without authentication if their address or port tells them apart", () => {
  const remotes = ["192.0.2.1:1", "192.0.2.1:2", "192.0.2.2:1", "192.0.2.3", ":9"];
  const text = (chosen: readonly string[]) =>
    chosen.map((remote, index) => {
      const [host, port] = remote.split(":");
      const checks = [host && "auth.by-remote-ip = true", port && "auth.by-remote-port = true"];
      return `[[peer]]\nname = "p${index}"\nfou.remote = "${remote}"\n${checks.filter(Boolean).join("\n")}\n`;
    }).join("");
  assert.equal(peersOf(text(remotes.slice(0, 4))).length, 4);
  assert.equal(peersOf(text([remotes[0]!, remotes[4]!])).length, 2);
  const clashing = [
    ["192.0.2.1:1", "192.0.2.1:1"],
    ["192.0.2.1:1", "192.0.2.1"],
    ["192.0.2.1", "192.0.2.1:1"],
    [
      "192.0.2.3",
      ":9",
    ],
    ["192.0.2.1:9", ":9"],
    [":9", ":9"],
  ];
  for (const pair of clashing) {
    assert.throws(() => peersOf(text(pair)), {
      message: /^Cannot use both peer "p0" .* and peer "p1" .*: nothing/,
    });
  }
});

Deno.test("loadSettings() accepts at most 4096 peers in all files together", () => {
  const text = Array.from(
    { length: 4096 },
    (_, index) => `${named(`p${index}`)}tunl.peer-ip = "10.8.${index >> 8}.${index & 255}"\n`,
  ).join("");
  assert.equal(peersOf(text).length, 4096);
  assert.throws(() => peersOf(text, { "hub.peers/a.toml": "" }), {
    message: "Cannot use 4097 peers of all files: a server can have at most 4096, use several servers",
  });
});
