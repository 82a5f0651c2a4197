import assert from "node:assert/strict";
import { BASES, PRIVATE_KEY, PUBLIC_KEY } from "./bases.ts";
import { GOOD_INPUTS } from "./good_input.ts";
import { nameOf } from "../../../lib/settings/option.ts";
import { OPTIONS } from "../../../lib/settings/options.ts";
import { load } from "./memory_files.ts";

const CLIENT = ["-b", "192.0.2.1", "-r", "198.51.100.1:10000", "--tunl-ip", "172.28.0.1"];
const SERVER = ["-s", "-b", "@eth0", "--auth-remote-pubkey-b64", PUBLIC_KEY];
const PLAIN = { client: CLIENT, server: ["-s", "-b", "@eth0"] };
const FILES = { key: PRIVATE_KEY, secret: "hunter2", token: "hunter2" };
const PROOF = `secret = "hunter2"\nremote-pubkey-b64 = "${PUBLIC_KEY}"`;
const SECRET = ["--auth-secret-file", "{dir}/secret"];

const CASES: readonly {
  name: string;
  argv: string[];
  files?: Record<string, string>;
  mode?: number;
  warnings: string[];
}[] = [
  {
    name: "nothing about a client with key and secret in files",
    argv: [...CLIENT, ...SECRET, "--auth-key-file", "{dir}/key"],
    warnings: [],
  },
  { name: "nothing about a server with key and secret", argv: [...SERVER, ...SECRET], warnings: [] },
  { name: "nothing about a client that proves nothing", argv: CLIENT, warnings: [] },
  {
    name: "the default secret, given or not",
    argv: [...SERVER],
    warnings: [
      "The shared secret is the default, which everyone knows: give both sides the same --auth-secret-file",
    ],
  },
  {
    name: "an empty secret",
    argv: [...SERVER, "--auth-secret", ""],
    warnings: [
      "The value of --auth-secret is visible to every user of this host in the process list: use --auth-secret-file or a configuration file",
      "The shared secret is empty: give both sides the same --auth-secret-file",
    ],
  },
  {
    name: "each secret on the command line, once",
    argv: [...CLIENT, "--auth-secret", "hunter2", "--auth-secret", "hunter2", "--auth-key-b64", PRIVATE_KEY],
    warnings: [
      "The value of --auth-secret is visible to every user of this host in the process list: use --auth-secret-file or a configuration file",
      "The value of --auth-key-b64 is visible to every user of this host in the process list: use --auth-key-file or a configuration file",
    ],
  },
  {
    name: "a token on the command line",
    argv: [...CLIENT, "--auth-token-b64", "AAAA"],
    warnings: [
      "The value of --auth-token-b64 is visible to every user of this host in the process list: use --auth-token-file or a configuration file",
    ],
  },
  {
    name: "a flag that a later one of the command line contradicts, once",
    argv: ["-ccs", "-s", ...SERVER, ...SECRET, "--encap-csum", "--no-encap-csum"],
    warnings: [
      "-c/--client has no effect, as -s/--server comes after it",
      "--encap-csum has no effect, as --no-encap-csum comes after it",
    ],
  },
  {
    name: "a server open to anyone",
    argv: ["-s", "-b", "@eth0"],
    warnings: [
      "Anyone who can send to the server's UDP port is admitted, because nothing is authenticated: give --auth-remote-pubkey-b64",
    ],
  },
  {
    name: "nothing about a server that lets in one address",
    argv: ["-s", "-b", "@eth0", "-r", "192.0.2.9", "--auth-by-remote-ip"],
    warnings: [],
  },
  {
    name: "a remote that a server does not compare with",
    argv: [...SERVER, ...SECRET, "-r", "192.0.2.9:1"],
    warnings: [
      "The address of -r/--fou-remote has no effect on a server without --auth-by-remote-ip",
      "The port of -r/--fou-remote has no effect on a server without --auth-by-remote-port",
    ],
  },
  {
    name: "a server's key on a client that expects no replies",
    argv: [...CLIENT, ...SECRET, "--auth-key-file", "{dir}/key", "--auth-remote-pubkey-b64", PUBLIC_KEY],
    warnings: ["--auth-remote-pubkey-b64 has no effect on a client without --reply-on-auth-ok"],
  },
  {
    name: "nothing about a server's key on a client that expects replies",
    argv: [
      ...[...CLIENT, ...SECRET, "--auth-key-file", "{dir}/key", "--auth-remote-pubkey-b64", PUBLIC_KEY],
      "--reply-on-auth-ok",
    ],
    warnings: [],
  },
  {
    name: "nothing about a token that only backwards looks like a packet, where it gets no reply",
    argv: [...CLIENT, "--auth-token-file", "{dir}/backwards"],
    files: { backwards: "\0".repeat(16) + "\x14\0\0\x45" },
    warnings: [],
  },
  {
    name: "keys and a secret beside a token",
    argv: [...SERVER, ...SECRET, "--auth-token-file", "{dir}/token", "--auth-key-file", "{dir}/key"],
    warnings: [
      "--auth-remote-pubkey-b64 has no effect together with --auth-token-file",
      "--auth-key-file has no effect together with --auth-token-file",
      "--auth-secret-file has no effect together with --auth-token-file",
    ],
  },
  {
    name: "a long token",
    argv: [...CLIENT, "--auth-token-file", "{dir}/long"],
    files: { long: "x".repeat(549) },
    warnings: ["--auth-token-file is 549 bytes: more than 548 may not pass every network"],
  },
  {
    name: "nothing about a token that always fits",
    argv: [...CLIENT, "--auth-token-file", "{dir}/fits"],
    files: { fits: "x".repeat(548) },
    warnings: [],
  },
  {
    name: "a place in a file",
    argv: ["--config", "{dir}/c.toml"],
    files: { "c.toml": `keepalive = 5\n${BASES.server}\n${PROOF}\n[tunl]` },
    warnings: [
      "The address of fou.remote at /dir/c.toml:6:14 has no effect on a server without --auth-by-remote-ip",
      "The port of fou.remote at /dir/c.toml:6:14 has no effect on a server without --auth-by-remote-port",
    ],
  },
  {
    name: "a file with a secret in it that all can read",
    argv: ["--config", "{dir}/c.toml"],
    files: { "c.toml": `${BASES.client}\ntoken = "hunter2"` },
    mode: 0o644,
    warnings: ["/dir/c.toml holds secrets and every user of this host can read it: chmod o-r /dir/c.toml"],
  },
  {
    name: "nothing about a file with a secret that its group can read",
    argv: ["--config", "{dir}/c.toml"],
    files: { "c.toml": `${BASES.client}\ntoken = "hunter2"` },
    mode: 0o640,
    warnings: [],
  },
  {
    name: "public secret files, not the public file that names them",
    argv: [...CLIENT, "--config", "{dir}/c.toml"],
    files: { "c.toml": "auth = { key-file = 'key', secret-file = 'secret' }" },
    mode: 0o604,
    warnings: [
      "/dir/secret holds secrets and every user of this host can read it: chmod o-r /dir/secret",
      "/dir/key holds secrets and every user of this host can read it: chmod o-r /dir/key",
    ],
  },
  {
    name: "an empty line at the end of a secret, which is part of it",
    argv: [...CLIENT, "--config", "{dir}/c.toml"],
    files: { "c.toml": "auth = { key-file = 'key', secret-file = 'secret' }", secret: "s\n\n" },
    mode: 0o600,
    warnings: [
      "/dir/secret begins or ends with white space, or has several lines: all but its last line break is part of the secret, and has to be the same on both sides",
    ],
  },
  {
    name: "a blank before a secret, which is part of it",
    argv: [...CLIENT, "--config", "{dir}/c.toml"],
    files: { "c.toml": "auth = { key-file = 'key', secret-file = 'secret' }", secret: " s\n" },
    mode: 0o600,
    warnings: [
      "/dir/secret begins or ends with white space, or has several lines: all but its last line break is part of the secret, and has to be the same on both sides",
    ],
  },
  {
    name: "several lines in a secret, which is part of it",
    argv: [...CLIENT, "--config", "{dir}/c.toml"],
    files: { "c.toml": "auth = { key-file = 'key', secret-file = 'secret' }", secret: "s\nt\n" },
    mode: 0o600,
    warnings: [
      "/dir/secret begins or ends with white space, or has several lines: all but its last line break is part of the secret, and has to be the same on both sides",
    ],
  },
  {
    name: "nothing about a key's file as --auth-keygen makes it",
    argv: [...CLIENT, "--config", "{dir}/c.toml"],
    files: {
      "c.toml": "auth = { key-file = 'key', secret-file = 'secret' }",
      key: `${PRIVATE_KEY}\n${PUBLIC_KEY}\n`,
    },
    mode: 0o600,
    warnings: [],
  },
  {
    name: "nothing about a secret with one line break at its end",
    argv: [...CLIENT, "--config", "{dir}/c.toml"],
    files: { "c.toml": "auth = { key-file = 'key', secret-file = 'secret' }", secret: "s s\n" },
    mode: 0o600,
    warnings: [],
  },
  {
    name: "nothing about a secret with none",
    argv: [...CLIENT, "--config", "{dir}/c.toml"],
    files: { "c.toml": "auth = { key-file = 'key', secret-file = 'secret' }", secret: "s" },
    mode: 0o600,
    warnings: [],
  },
  {
    name: "nothing about a secret with one of Windows",
    argv: [...CLIENT, "--config", "{dir}/c.toml"],
    files: { "c.toml": "auth = { key-file = 'key', secret-file = 'secret' }", secret: "s\r\n" },
    mode: 0o600,
    warnings: [],
  },
];

for (const { name, argv, files, mode, warnings } of CASES) {
  Deno.test(`loadSettings() warns of ${name}`, () => {
    assert.deepEqual(load(argv, { ...FILES, ...files }, mode).warnings, warnings);
  });
}

const OTHER = { client: "server", server: "client" } as const;

for (const option of OPTIONS) {
  const input = GOOD_INPUTS.find((input) => input.option === option.long);
  if (option.mode === undefined || option.long === "reauth-only" || input === undefined) continue;
  const other = OTHER[option.mode];
  Deno.test(`loadSettings() warns that ${nameOf(option)} has no effect on a ${other}`, () => {
    const warning = `${nameOf(option)} has no effect on a ${other}`;
    assert.ok(load([...PLAIN[other], ...input.argv]).warnings.includes(warning));
    assert.ok(
      !load([...PLAIN[option.mode ?? other], ...input.argv, "-r", "192.0.2.9:1"]).warnings.includes(warning),
    );
  });
}
