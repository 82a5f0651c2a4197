import assert from "node:assert/strict";
import { keyPairOf } from "../../../lib/auth/keys.ts";
import { addPeer, listPeers, type PeerSystem, removePeer } from "../../../lib/commands/peer.ts";
import { parseInvocation } from "../../../lib/settings/command_line.ts";
import type { WriteOptions } from "../../../lib/settings/files.ts";
import { PRIVATE_KEY, PUBLIC_KEY } from "../settings/bases.ts";
import { filesInMemory, load } from "../settings/memory_files.ts";

const HUB = `server = true
number = 1
fou.local = ":10001@eth0"
tunl.net = "172.28.16.0/24"
auth.secret-file = "hub.secret"
`;
const SECRET = { "/etc/ipipou/hub.secret": "shared\n" };
const EMPTY = { ...SECRET, "/etc/ipipou/hub.toml": HUB, "/etc/ipipou/hub.peers/": "" };
const OFFICE = `tunl.peer-ip = "172.28.16.9"\nauth.remote-pubkey-b64 = "${PUBLIC_KEY}"\n`;
const WITH_OFFICE = { ...EMPTY, "/etc/ipipou/hub.peers/office.toml": OFFICE };
const SEED = new Uint8Array(32).fill(7);
const OTHER_KEY = Buffer.from(keyPairOf(new Uint8Array(32).fill(9)).publicKey).toString("base64");

interface Written extends WriteOptions {
  readonly path: string;
  readonly text: string;
}

/** What a command printed, wrote and removed, and whom it told. */
function outcomeOf(words: string, files: Readonly<Record<string, string>>, running: number | null = 123) {
  const written: Written[] = [];
  const removed: string[] = [];
  const told: string[] = [];
  const locks: string[] = [];
  const system: PeerSystem = {
    ...filesInMemory(files),
    write: (path, text, options) => {
      assert.deepEqual(locks, ["/etc/ipipou/"]);
      written.push({ path, text, ...options });
      return true;
    },
    remove: (path) => {
      assert.deepEqual(locks, ["/etc/ipipou/"]);
      removed.push(path);
    },
    lock: (folder) => {
      locks.push(folder);
      return { [Symbol.dispose]: () => void locks.pop() };
    },
    tellToReload: (path) => {
      told.push(path);
      return running;
    },
  };
  const invocation = parseInvocation(["peer", ...words.split(" ")]);
  const run = () => {
    switch (invocation.kind) {
      case "peer-add":
        return addPeer(invocation, system, SEED);
      case "peer-remove":
        return removePeer(invocation, system);
      case "peer-list":
        return listPeers(invocation.hub, system);
      default:
        throw new TypeError(invocation.kind);
    }
  };
  return { run, written, removed, told, locks };
}

/** Runs a command that must succeed. */
function succeed(words: string, files: Readonly<Record<string, string>>, running: number | null = 123) {
  const { run, ...rest } = outcomeOf(words, files, running);
  const outcome = run();
  assert.deepEqual(rest.locks, []);
  return { ...outcome, ...rest };
}

const ADD = `add hub office --auth-remote-pubkey-b64 ${PUBLIC_KEY} --endpoint vpn.example`;

Deno.test("addPeer() writes the peer's file, has the hub reload, and gives the client's file", () => {
  const { result, notes, written, told } = succeed(ADD, EMPTY);
  const [file] = written;
  const { settings } = load(["--config", "hub"], { ...EMPTY, [file!.path]: file!.text });
  const [peer] = settings.peers;
  assert.deepEqual(file, {
    path: "/etc/ipipou/hub.peers/office.toml",
    text: `tunl.peer-ip = "${peer!.tunnel.peerIp}"\nauth.remote-pubkey-b64 = "${PUBLIC_KEY}"\n`,
    mode: 0o644,
    replace: false,
  });
  assert.deepEqual(notes, ["wrote /etc/ipipou/hub.peers/office.toml", "told hub (pid 123) to reload"]);
  assert.deepEqual(told, ["/etc/ipipou/hub.toml"]);
  assert.equal(
    result,
    `number = 1
keepalive = 25
[fou]
local = ":10001@eth0"
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

/** The client that a file makes, with the key that belongs to PUBLIC_KEY beside it. */
function clientOf(file: string) {
  const files = { "/etc/ipipou/hub.toml": file, "/etc/ipipou/hub.key": `${PRIVATE_KEY}\n` };
  const { settings, warnings } = load(["--config", "hub"], files);
  assert.deepEqual(warnings, []);
  assert.equal(settings.mode, "client");
  return settings;
}

Deno.test("addPeer() gives a client's file that fits the peer, whatever is said of it", () => {
  const cases: [words: string, hub?: string][] = [
    [""],
    ["--reply-on-auth-ok"],
    [`--reply-on-auth-ok --auth-key-b64 ${PRIVATE_KEY}`],
    ["--auth-secret own"],
    ["--tunl-peer-ip 10.9.9.9 --tunl-ip 10.9.9.1"],
    ["--routes 10.1.0.0/16 --allowed-ips 0.0.0.0/0 --auth-lifetime 1h --tunl-dev tun7"],
    ["--auth-by-remote-port --fou-remote :777"],
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
      : ["vpn.example", settings.local.ports[0], "eth0"];
    assert.deepEqual([server!.remote.host, server!.remote.port, client.local.device], far, words);
  }
});

Deno.test("addPeer() makes a key whose private half is in the client's file alone", () => {
  const { result, written } = succeed("add hub a --make-key --endpoint vpn.example", EMPTY);
  const { privateKey, publicKey } = keyPairOf(SEED);
  const base64 = (key: Uint8Array) => Buffer.from(key).toString("base64");
  assert.ok(result.includes(`key-b64 = "${base64(privateKey)}"\n`));
  assert.ok(written[0]!.text.includes(`auth.remote-pubkey-b64 = "${base64(publicKey)}"\n`));
  assert.ok(!written[0]!.text.includes(base64(privateKey)));
  assert.equal(written[0]!.mode, 0o644);
});

Deno.test("addPeer() copies what files of secrets hold, for the owner alone", () => {
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

Deno.test("addPeer() keeps a token that is no text", () => {
  const { result } = succeed("add hub a --auth-token-b64 /wAB --endpoint h", EMPTY);
  assert.match(result, /^token-b64 = "\/wAB"$/m);
});

Deno.test("addPeer() gives the address that follows from the name, or the next that is free", () => {
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

Deno.test("addPeer() prints a line that writes the client's file, and nothing over one that is there", async () => {
  const { result } = succeed(`${ADD} --line`, EMPTY);
  assert.match(result, /^[^\n]{1,400}\n$/);
  await using shell = await Shell.create();
  assert.equal(await shell.run(result), 0);
  assert.equal(await shell.read(), succeed(ADD, EMPTY).result);
  assert.equal((await Deno.stat(`${shell.folder}/ipipou/hub.toml`)).mode! & 0o777, 0o600);
  assert.equal((await Deno.stat(`${shell.folder}/ipipou`)).mode! & 0o077, 0o777 & ~Deno.umask() & 0o077);
  await Deno.writeTextFile(`${shell.folder}/ipipou/hub.toml`, "mine");
  assert.notEqual(await shell.run(result), 0);
  assert.equal(await shell.read(), "mine");
});

Deno.test("addPeer() prints a line that means the same to a shell in any locale, whatever the secret is", async () => {
  const secret = 'it\'s "a" \\n $HOME `id` !1 %s \t é 😀';
  const { result } = succeed(`${ADD} --line`, { ...EMPTY, "/etc/ipipou/hub.secret": secret });
  assert.match(result, /^[ -~]+\n$/);
  await using shell = await Shell.create();
  assert.equal(await shell.run(result), 0);
  const { scheme } = clientOf(await shell.read()).peers[0]!;
  assert.equal(scheme.kind === "ed25519" && scheme.secret, secret);
});

/** A router's, which has no base64, and a folder in the place of /etc. */
class Shell implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  static async create(): Promise<Shell> {
    const folder = await Deno.makeTempDir();
    await Deno.symlink("/usr/bin/mkdir", `${folder}/mkdir`);
    return new Shell(folder);
  }

  /** Runs a line. @returns its exit code */
  async run(line: string): Promise<number> {
    const args = ["-c", line.replaceAll("/etc/ipipou", `${this.folder}/ipipou`)];
    const env = { PATH: this.folder };
    return (await new Deno.Command("/bin/sh", { args, env, stderr: "null" }).output()).code;
  }

  /** What it wrote. */
  async read(): Promise<string> {
    return await Deno.readTextFile(`${this.folder}/ipipou/hub.toml`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

Deno.test("addPeer() makes a hub of a server without peers, but not of one client's", () => {
  const fresh = { ...SECRET, "/etc/ipipou/hub.toml": HUB };
  assert.equal(succeed(ADD, fresh).written.length, 1);
  const single = { ...fresh, "/etc/ipipou/hub.toml": `${HUB}auth.remote-pubkey-b64 = "${OTHER_KEY}"\n` };
  refused(
    ADD,
    single,
    /^Cannot add a peer to \/etc\/ipipou\/hub\.toml: it is about one client \(auth\.remote-pubkey-b64 at \/etc\/ipipou\/hub\.toml:6:26\); give that one a \[\[peer\]\] of its own$/,
  );
});

Deno.test("addPeer() and removePeer() say whether the hub was told", () => {
  const last = (running: number | null) => succeed(ADD, EMPTY, running).notes.at(-1);
  assert.equal(last(null), "hub is not running: it takes effect when it starts");
  assert.equal(last(0), "hub is running in another PID namespace: have it reload there");
});

/** Runs a command that must be refused, and change nothing. */
function refused(words: string, files: Readonly<Record<string, string>>, message: RegExp): void {
  const { run, written, removed, told, locks } = outcomeOf(words, files);
  assert.throws(run, (error) => {
    assert.ok(error instanceof Error);
    assert.match(error.message, message);
    assert.equal((error as { exitCode?: number }).exitCode, 2);
    return true;
  });
  assert.deepEqual([written, removed, told, locks], [[], [], [], []]);
}

Deno.test("addPeer() refuses what does not fit together, and changes nothing", () => {
  const cases: [words: string, files: Readonly<Record<string, string>>, message: RegExp][] = [
    [
      "add hub office --make-key --endpoint h",
      WITH_OFFICE,
      /^Cannot add peer "office": \/etc\/ipipou\/hub\.peers\/office\.toml is there already; to replace it: ipipou peer remove hub office$/,
    ],
    [ADD.replace("office", "b"), WITH_OFFICE, /they have the same auth\.remote-pubkey-b64/],
    [
      "add hub b --make-key --endpoint h --tunl-peer-ip 172.28.16.9",
      WITH_OFFICE,
      /they have the same address in the tunnel, 172\.28\.16\.9/,
    ],
    [
      "add hub b --endpoint h",
      EMPTY,
      /^Cannot add peer "b" without a way to know it: give --auth-remote-pubkey-b64 KEY/,
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
    ["add hub tunl0 --make-key --endpoint h", EMPTY, /the kernel's own/],
    [
      "add hub .b --make-key --endpoint h",
      EMPTY,
      /^Cannot add peer ".b": a file whose name begins with a dot is not read as a peer's; give another name$/,
    ],
    [
      "add hub b --make-key --endpoint h",
      { ...EMPTY, "/etc/ipipou/hub.toml": HUB.replace(/tunl.*\n/, "") },
      /without an address in the tunnel/,
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

Deno.test("removePeer() removes a peer that was added, and has the hub reload", () => {
  const { removed, notes, result, told } = succeed("remove hub office", WITH_OFFICE);
  assert.deepEqual(removed, ["/etc/ipipou/hub.peers/office.toml"]);
  assert.deepEqual(notes, ["removed /etc/ipipou/hub.peers/office.toml", "told hub (pid 123) to reload"]);
  assert.equal(result, "");
  assert.deepEqual(told, ["/etc/ipipou/hub.toml"]);
});

const IN_HUB = {
  ...WITH_OFFICE,
  "/etc/ipipou/hub.toml": `${HUB}
[[peer]]
name = "home"
tunl.peer-ip = "172.28.16.2"
auth.token = "hunter2"
[[peer]]
name = "fixed"
tunl.peer-ip = "172.28.16.200"
fou.remote = "198.51.100.1"
auth.by-remote-ip = true
`,
};

Deno.test("removePeer() refuses peers that are not there, or in the hub's own file", () => {
  refused(
    "remove hub home",
    IN_HUB,
    /^Cannot remove peer "home": it is defined at \/etc\/ipipou\/hub\.toml:8:8, remove it there with an editor$/,
  );
  refused(
    "remove hub ofice",
    IN_HUB,
    /^Cannot remove peer "ofice": hub has no such peer; did you mean office\?$/,
  );
  refused(
    "remove hub other",
    IN_HUB,
    /^Cannot remove peer "other": hub has no such peer; ipipou peer list hub lists them$/,
  );
});

Deno.test("removePeer() removes a peer whose file is what is wrong, but nothing from settings that stay wrong", () => {
  const broken = { ...EMPTY, "/etc/ipipou/hub.peers/office.toml": "nonsense" };
  assert.deepEqual(succeed("remove hub office", broken).removed, ["/etc/ipipou/hub.peers/office.toml"]);
  refused("remove hub office", { ...WITH_OFFICE, "/etc/ipipou/hub.peers/b.toml": "nonsense" }, /b\.toml:1:9/);
});

Deno.test("listPeers() shows each peer's address, how it authenticates, and where it is defined", () => {
  assert.equal(
    succeed("list hub", IN_HUB).result,
    `home    172.28.16.2    token    /etc/ipipou/hub.toml:8:8
fixed   172.28.16.200  address  /etc/ipipou/hub.toml:12:8
office  172.28.16.9    key      /etc/ipipou/hub.peers/office.toml
`,
  );
  assert.equal(succeed("list hub", EMPTY).result, "");
});

Deno.test("HUB is the name of a file of /etc/ipipou, or that file's path", () => {
  for (const hub of ["hub", "hub.toml", "/etc/ipipou/hub.toml"]) succeed(`list ${hub}`, WITH_OFFICE);
  const elsewhere = { ...WITH_OFFICE, "/root/hub.toml": HUB, "/etc/hub.toml": HUB };
  for (
    const hub of ["/root/hub.toml", "../hub", "a/../hub", "/etc/ipipou/../hub.toml", "a/hub", ".hub", "a\nb"]
  ) {
    refused(
      `list ${hub}`,
      elsewhere,
      /^Cannot use \S+ as HUB: must be a file \/etc\/ipipou\/NAME\.toml, NAME of/,
    );
  }
  refused("list none", WITH_OFFICE, /^Cannot read \/etc\/ipipou\/none\.toml \(--config\): No such file/);
});
