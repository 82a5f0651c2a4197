import assert from "node:assert/strict";
import { keyPairOf } from "../../../lib/auth/key_pair.ts";
import { PRIVATE_KEY, PUBLIC_KEY } from "../settings/bases.ts";
import { load } from "../settings/memory_files.ts";
import {
  ADD,
  clientOf,
  EMPTY,
  HUB,
  OFFICE,
  refused,
  SECRET,
  SEED,
  succeed,
  WITH_OFFICE,
} from "./peer_scene.ts";

const OTHER_KEY = Buffer.from(keyPairOf(new Uint8Array(32).fill(9)).publicKey).toString("base64");

Deno.test("addPeer() writes the peer's file, makes the hub reload, and returns the client's file", () => {
  const { result, notes, written, told } = succeed(ADD, EMPTY);
  const [file] = written;
  const { settings } = load(["--config", "hub"], { ...EMPTY, [file!.path]: file!.text });
  const [peer] = settings.peers;
  assert.deepEqual(file, {
    path: "/etc/ipipou/hub.peers/office.toml",
    text: `reply-on-auth-ok = true\ntunl.peer-ip = "${
      peer!.tunnel.peerIp
    }"\nauth.remote-pubkey-b64 = "${PUBLIC_KEY}"\n`,
    mode: 0o644,
    replace: false,
  });
  assert.deepEqual(notes, ["wrote /etc/ipipou/hub.peers/office.toml", "told hub (pid 123) to reload"]);
  assert.deepEqual(told, ["/etc/ipipou/hub.toml"]);
  assert.equal(
    result,
    `number = 1
keepalive = 25
reply-on-auth-ok = true
[fou]
local-port = 10001
remote = "vpn.example:10001"
[tunl]
ip = "${peer!.tunnel.peerIp}"
peer-ip = "172.28.16.1"
[auth]
key-file = "hub.key"
secret = "shared"
`,
  );
});

Deno.test("addPeer() returns a client's file that matches the peer, whatever its options", () => {
  const cases: [words: string, hub?: string][] = [
    [""],
    ["--reply-on-auth-ok"],
    [`--reply-on-auth-ok --auth-key-b64 ${PRIVATE_KEY}`],
    ["--auth-secret own"],
    ["--tunl-peer-ip 10.9.9.9 --tunl-ip 10.9.9.1"],
    ["--routes 10.1.0.0/16 --allowed-ips 0.0.0.0/0 --auth-lifetime 1h --tunl-dev tun7"],
    ["--auth-by-remote-port --fou-remote :777"],
    ["--tunl-mtu 1372"],
    ["--endpoint 198.51.100.9:77 --client-dev wan0"],
    ["", `${HUB}reply-on-auth-ok = true\n`],
    ["", HUB.replace(":10001", "192.0.2.1:20000").replace("number = 1", "number = 60000")],
  ];
  for (const [words, hub = HUB] of cases) {
    const files = { ...EMPTY, "/etc/ipipou/hub.toml": hub };
    const { result, written } = succeed(`${ADD} ${words}`.trim(), files);
    const { settings } = load(["--config", "hub"], { ...files, [written[0]!.path]: written[0]!.text });
    const [peer] = settings.peers;
    const client = clientOf(result);
    const [server] = client.peers;
    assert.deepEqual(server!.tunnel.ip, peer!.tunnel.peerIp, words);
    assert.deepEqual(server!.tunnel.peerIp, peer!.tunnel.ip, words);
    assert.equal(server!.tunnel.mtu, peer!.tunnel.mtu, words);
    assert.equal(server!.reply, peer!.reply, words);
    assert.ok(server!.scheme.kind === "ed25519" && peer!.scheme.kind === "ed25519");
    assert.equal(server!.scheme.secret, peer!.scheme.secret, words);
    const { privateKey } = peer!.scheme;
    const hubKey = privateKey === null ? null : keyPairOf(privateKey).publicKey;
    assert.deepEqual(server!.scheme.remotePublicKey, hubKey, words);
    assert.deepEqual(
      client.local.ports,
      [peer!.byRemote.port ? peer!.remote.port : settings.local.ports[0]],
      words,
    );
    assert.equal(client.keepalive, 25);
    const far = words.includes("198.51")
      ? ["198.51.100.9", 77, "wan0"]
      : ["vpn.example", settings.local.ports[0], null];
    assert.deepEqual([server!.remote.host, server!.remote.port, client.local.device], far, words);
  }
});

Deno.test("addPeer() generates a key whose private half is only in the client's file", () => {
  const { result, written } = succeed("add hub a --make-key --endpoint vpn.example", EMPTY);
  const { privateKey, publicKey } = keyPairOf(SEED);
  const base64 = (key: Uint8Array) => Buffer.from(key).toString("base64");
  assert.ok(result.includes(`key-b64 = "${base64(privateKey)}"\n`));
  assert.ok(written[0]!.text.includes(`auth.remote-pubkey-b64 = "${base64(publicKey)}"\n`));
  assert.ok(!written[0]!.text.includes(base64(privateKey)));
  assert.equal(written[0]!.mode, 0o644);
});

Deno.test("addPeer() copies the content of secret files, readable only by the owner", () => {
  const files = {
    ...EMPTY,
    "/root/t": 'to"ken\n',
    "/root/k": `${PRIVATE_KEY}\n${PUBLIC_KEY}\n`,
    "/root/s": "own\n",
  };
  const token = succeed("add hub a --auth-token-file /root/t --endpoint h", files);
  assert.match(token.written[0]!.text, /^auth\.token = "to\\"ken"$/m);
  assert.match(token.result, /^token = "to\\"ken"$/m);
  assert.doesNotMatch(token.result, /secret|key/);
  assert.equal(token.written[0]!.mode, 0o600);
  assert.match(
    token.notes[0]!,
    /^Warning: \/etc\/ipipou\/hub\.peers\/a\.toml holds a secret and only root can read it/,
  );
  const keys = succeed(`${ADD} --auth-key-file /root/k --auth-secret-file /root/s`, files);
  assert.ok(keys.written[0]!.text.endsWith(`auth.key-b64 = "${PRIVATE_KEY}"\nauth.secret = "own"\n`));
  assert.equal(keys.written[0]!.mode, 0o600);
});

Deno.test("addPeer() keeps a token that is not text", () => {
  const { result } = succeed("add hub a --auth-token-b64 /wAB --endpoint h", EMPTY);
  assert.match(result, /^token-b64 = "\/wAB"$/m);
});

Deno.test("addPeer() assigns the address derived from the name, or the first free one", () => {
  const addressIn = (text: string) => /peer-ip = "([^"]*)"/.exec(text)![1];
  const [file] = succeed(ADD, EMPTY).written;
  const address = addressIn(file!.text);
  const { settings } = load(["--config", "hub"], {
    ...EMPTY,
    "/etc/ipipou/hub.peers/office.toml": `auth.remote-pubkey-b64 = "${PUBLIC_KEY}"\n`,
  });
  assert.equal(settings.peers[0]!.tunnel.peerIp, address);
  const taken = {
    ...EMPTY,
    "/etc/ipipou/hub.peers/a.toml": `tunl.peer-ip = "${address}"\nauth.remote-pubkey-b64 = "${OTHER_KEY}"\n`,
  };
  assert.equal(addressIn(succeed(ADD, taken).written[0]!.text), "172.28.16.2");
});

Deno.test("addPeer() turns a server without peers into a hub, but not one with a single client", () => {
  const fresh = { ...SECRET, "/etc/ipipou/hub.toml": HUB };
  assert.equal(succeed(ADD, fresh).written.length, 1);
  const single = { ...fresh, "/etc/ipipou/hub.toml": `${HUB}auth.remote-pubkey-b64 = "${OTHER_KEY}"\n` };
  refused(
    ADD,
    single,
    /^Cannot add a peer to \/etc\/ipipou\/hub\.toml: it describes a single client \(auth\.remote-pubkey-b64 at \/etc\/ipipou\/hub\.toml:6:26\); move that client to a \[\[peer\]\] of its own$/,
  );
});

Deno.test("addPeer() rejects conflicts, and changes nothing", () => {
  const cases: [words: string, files: Readonly<Record<string, string>>, message: RegExp][] = [
    [
      "add hub office --make-key --endpoint h",
      WITH_OFFICE,
      /^Cannot add peer "office": \/etc\/ipipou\/hub\.peers\/office\.toml already exists; to replace it: ipipou peer remove hub office$/,
    ],
    [ADD.replace("office", "b"), WITH_OFFICE, /they have the same auth\.remote-pubkey-b64/],
    [
      "add hub b --make-key --endpoint h --tunl-peer-ip 172.28.16.9",
      WITH_OFFICE,
      /they have the same tunnel address, 172\.28\.16\.9/,
    ],
    [
      "add hub b --endpoint h",
      EMPTY,
      /^Cannot add peer "b" without a way to identify it: give --auth-remote-pubkey-b64 KEY/,
    ],
    [
      "add hub b --make-key",
      EMPTY,
      /^Cannot tell the client where the hub is: give --endpoint HOST\[:PORT\], as the client reaches it$/,
    ],
    ["add hub b --make-key --endpoint :77", EMPTY, /^Cannot tell the client where the hub is/],
    [
      "add hub b --auth-token-file /nonexistent --endpoint h",
      EMPTY,
      /^Cannot read \/nonexistent \(--auth-token-file\): No such file/,
    ],
    ["add hub tunl0 --make-key --endpoint h", EMPTY, /the kernel uses this name/],
    [
      "add hub .b --make-key --endpoint h",
      EMPTY,
      /^Cannot add peer ".b": a file whose name begins with a dot is not read as a peer's; give another name$/,
    ],
    [
      "add hub b --make-key --endpoint h",
      { ...EMPTY, "/etc/ipipou/hub.toml": HUB.replace(/tunl.*\n/, "") },
      /without a tunnel address/,
    ],
    [
      "add hub b --make-key --endpoint h",
      { ...EMPTY, "/etc/ipipou/hub.toml": `${HUB}nonsense = 1\n` },
      /Unknown key nonsense at \/etc\/ipipou\/hub\.toml:6:1/,
    ],
    [
      "add hub b --make-key --endpoint h",
      {
        ...EMPTY,
        "/etc/ipipou/hub.toml": HUB.replace("172.28.16.0/24", "172.28.16.8/30"),
        "/etc/ipipou/hub.peers/office.toml": OFFICE.replace("16.9", "16.10"),
      },
      /^Cannot add peer "b": all addresses of 172\.28\.16\.8\/30 \(tunl\.net at \/etc\/ipipou\/hub\.toml:4:12\) are taken/,
    ],
  ];
  for (const [words, files, message] of cases) refused(words, files, message);
});
