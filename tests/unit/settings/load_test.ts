import assert from "node:assert/strict";
import { SettingsError } from "../../../lib/settings/errors.ts";
import { nameOf } from "../../../lib/settings/option.ts";
import { OPTIONS } from "../../../lib/settings/options.ts";
import { BAD_INPUTS } from "./bad_input.ts";
import { BASES, PRIVATE_KEY, PUBLIC_KEY } from "./bases.ts";
import { load } from "./memory_files.ts";

const CLIENT = ["-b", "192.0.2.1", "-r", "198.51.100.1:10000", "--tunl-ip", "172.28.0.1"];
const SERVER = ["-s", "-b", "@eth0"];

for (const { name, argv, files, message } of BAD_INPUTS) {
  Deno.test(`loadSettings() rejects ${JSON.stringify(name).slice(0, 100)}`, () => {
    assert.throws(() => load(argv, files), (error) => {
      assert.ok(error instanceof SettingsError, String(error));
      assert.match(error.message, message);
      assert.equal(error.exitCode, 2);
      assert.doesNotMatch(error.message, /[\n\r]|hunter2/);
      return true;
    });
  });
}

Deno.test("BAD_INPUTS has a bad value for each option that checks its value", () => {
  const takesAnything = ["command", "config", "count", "flag", "text"];
  const names = OPTIONS.filter(({ kind }) => !takesAnything.includes(kind)).map(nameOf);
  const messages = BAD_INPUTS.map(({ message }) => message.source.replaceAll("\\", ""));
  const isRefused = (name: string) =>
    messages.some((message) =>
      [`as ${name}: must be `, `as ${name}: the `].some((part) => message.includes(part))
    );
  assert.deepEqual(names.filter((name) => !isRefused(name)), []);
});

const HEADER = { ttl: 64, tos: 0, pmtudisc: true };

Deno.test("loadSettings() fills in a client's defaults", () => {
  assert.deepEqual(load(CLIENT), {
    settings: {
      mode: "client",
      name: "ipipou0",
      number: 0,
      firstAltIp: "172.29.0.0",
      privateNet: "172.29.0.0/16",
      local: { ip: "192.0.2.1", device: null, ports: [10000] },
      fouMark: 0,
      encapCsum: null,
      mssClamp: null,
      queue: { number: 0, maxLength: 256 },
      nft: { table: "ipipou", counter: true },
      keepalive: null,
      fallbacks: [],
      monitor: { port: true, ping: false },
      authPacketTtl: null,
      reauthOnly: false,
      wait: false,
      log: { verbosity: 0, time: null, pid: null, format: "text", addresses: true },
      isOfMany: false,
      peers: [{
        name: "ipipou0",
        tunnel: { device: "ipipou0", ip: "172.28.0.1", peerIp: "172.28.0.0", mtu: null, header: HEADER },
        remote: { host: "198.51.100.1", port: 10000 },
        byRemote: { ip: false, port: false },
        scheme: { kind: "port" },
        maxTimeDiscrepancy: 0,
        replay: "strict",
        lifetime: 0,
        reply: false,
        altIp: "172.29.0.0",
        forceAlt: false,
        sharedIpip: false,
        allowedIps: null,
        routes: [],
        moveInterval: 0,
        silentAfter: 0,
      }],
    },
    localPlaces: { ip: "-b/--fou-local", device: "--fou-local" },
    warnings: [],
  });
});

Deno.test("loadSettings() fills in a server's defaults from N", () => {
  const { settings } = load([...SERVER, "-n", "200", "--auth-remote-pubkey-b64", PUBLIC_KEY]);
  const [peer] = settings.peers;
  assert.deepEqual(settings.local, { ip: null, device: "eth0", ports: [10200] });
  assert.deepEqual(settings.queue, { number: 200, maxLength: 256 });
  const inner = { ip: "172.28.1.144", peerIp: "172.28.1.145" };
  assert.deepEqual(peer?.tunnel, { device: "ipipou200", ...inner, mtu: null, header: HEADER });
  assert.equal(peer?.altIp, "172.29.0.200");
  assert.equal(peer?.scheme.kind === "ed25519" && peer.scheme.secret, "netprickle.com");
});

Deno.test("loadSettings() uses the queue number as N only on a server, and only up to 999", () => {
  assert.equal(load([...SERVER, "-q", "999"]).settings.number, 999);
  assert.equal(load([...SERVER, "-q", "1000"]).settings.number, 0);
  assert.equal(load([...SERVER, "-q", "9", "-n", "0"]).settings.number, 0);
  assert.equal(load([...CLIENT, "-q", "9"]).settings.number, 0);
});

Deno.test("loadSettings() lets the command line override files, and a later file an earlier one", () => {
  const files = {
    "a.toml": "number = 1\nkeepalive = 1\n[fou]\nlocal = '192.0.2.1:1@eth0'\n[auth]\ntoken = 'a'",
    "b.toml": "keepalive = 2\nverb = 2\n[fou]\nlocal-port = 2",
  };
  const configs = ["--config", "{dir}/a.toml", "--config", "{dir}/b.toml"];
  const argv = [
    "-v",
    ...CLIENT.slice(2),
    ...configs,
    "--fou-local-ip",
    "192.0.2.2",
    "--auth-token-b64",
    "YmI=",
  ];
  const { settings } = load(argv, files);
  assert.equal(settings.number, 1);
  assert.equal(settings.keepalive, 2);
  assert.equal(settings.log.verbosity, 3);
  assert.deepEqual(settings.local, { ip: "192.0.2.2", ports: [2], device: "eth0" });
  assert.deepEqual(settings.peers[0]?.scheme, { kind: "token", token: new TextEncoder().encode("bb") });
});

Deno.test("loadSettings() uses the last of two values on the command line, and the last of two flags", () => {
  const { settings } = load([...CLIENT, "-n", "1", "-n2", "-s", "-c", "--no-encap-csum", "--encap-csum"]);
  assert.equal(settings.number, 2);
  assert.equal(settings.mode, "client");
  assert.equal(settings.encapCsum, true);
});

Deno.test("loadSettings() finds --config NAME in /etc/ipipou, and relative paths next to the file that names them", () => {
  const files = {
    "/etc/ipipou/office.toml": `${BASES.client}\nkey-file = "keys/office.key"`,
    "/etc/ipipou/keys/office.key": PRIVATE_KEY,
    "./here.toml": BASES.client,
    "../there": BASES.client,
  };
  for (const name of ["office", "office.toml", "/etc/ipipou/office.toml"]) {
    assert.equal(load(["--config", name], files).settings.peers[0]?.scheme.kind, "ed25519", name);
  }
  for (const path of ["./here.toml", "../there"]) {
    assert.equal(load(["--config", path], files).settings.mode, "client", path);
  }
});

Deno.test("loadSettings() says how to convert a file of version 0.1 if NAME.toml is missing", () => {
  const files = { "/etc/ipipou/office.conf": "client\n" };
  assert.throws(() => load(["--config", "office"], files), {
    message: "Cannot read /etc/ipipou/office.conf (--config): it is a file of version 0.1; " +
      "convert it to TOML: ipipou convert --write office",
    exitCode: 2,
  });
  const both = { ...files, "/etc/ipipou/office.toml": BASES.client };
  assert.equal(load(["--config", "office"], both).settings.mode, "client");
});

Deno.test("loadSettings() accepts an empty shared secret, and keeps spaces in one", () => {
  const secretOf = (argv: readonly string[], files = {}) => {
    const scheme = load([...CLIENT, "--auth-key-b64", PRIVATE_KEY, ...argv], files).settings.peers[0]?.scheme;
    return scheme?.kind === "ed25519" ? scheme.secret : null;
  };
  assert.equal(secretOf(["--auth-secret="]), "");
  assert.equal(secretOf(["--auth-secret", " a "]), " a ");
  assert.equal(secretOf(["--auth-secret-file", "{dir}/s"], { s: " a \r\n" }), " a ");
  assert.equal(secretOf(["--auth-secret-file", "{dir}/s"], { s: "a\n\n" }), "a\n");
});

Deno.test("loadSettings() takes no server of a list that a later remote replaces", () => {
  const file = { "a.toml": 'fou.remote = ["a.example:1", "b.example:2"]\n' };
  const hosts = (...more: readonly string[]) => {
    const { settings } = load(
      ["--config", "{dir}/a.toml", "-b", "192.0.2.1", "--tunl-ip", "10.0.0.2", ...more],
      file,
    );
    return [settings.peers[0]!.remote.host, ...settings.fallbacks.map(({ host }) => host)];
  };
  assert.deepEqual(hosts(), ["a.example", "b.example"]);
  assert.deepEqual(hosts("-r", "c.example:3"), ["c.example"]);
});
