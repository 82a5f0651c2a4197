// Every form of proof, against packets that the stand-in for version 0.1 makes, in few runs of the program.
import assert from "node:assert/strict";
import { ADDRESS } from "../lab/network.ts";
import { originalServer } from "./original.ts";
import { INNER, type Keys, makeKeys, PATIENCE, PORT, Scenario, STAND_IN } from "./scenario.ts";

/** Has characters beyond ASCII, and one that takes two UTF-16 units. */
const SECRET = "žluťoučký 🔑";
const BINARY = Uint8Array.from({ length: 20 }, (_, index) => index);
const SOURCE = `${ADDRESS.direct}:4444`;

interface Case {
  readonly name: string;
  /** Lines of our TOML for either side. */
  readonly server: string;
  readonly client: string;
  /** Options of the stand-in as a server. */
  readonly original: readonly string[];
  /** Options of the stand-in's auth packet, and its payload; null: the payload varies. */
  readonly packet: readonly string[];
  readonly payload: Uint8Array | null;
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function base64(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes));
}

function ofToken(name: string, token: Uint8Array): Case {
  const toml = `auth.token-b64 = "${base64(token)}"`;
  const original = ["--token-hex", hex(token)];
  return { name, server: toml, client: toml, original, packet: ["--hex", hex(token)], payload: token };
}

function ofText(token: string): Case {
  const toml = `auth.token = ${JSON.stringify(token)}`;
  const payload = new TextEncoder().encode(token);
  const original = ["--token-hex", hex(payload)];
  return {
    name: "a UTF-8 token",
    server: toml,
    client: toml,
    original,
    packet: ["--token", token],
    payload,
  };
}

/** @param form our TOML lines for keys and secret */
function ofKeys(name: string, keys: Keys, secret: string, form: { server: string; client: string }): Case {
  const original = ["--pubkey", keys.publicKey, "--secret", secret];
  const packet = ["--key", keys.privateKey, "--secret", secret];
  return { name, ...form, original, packet, payload: null };
}

async function cases(scenario: Scenario): Promise<Case[]> {
  const keys = makeKeys();
  await scenario.write("key", `${keys.privateKey}\n`);
  await scenario.write("secret", `${SECRET}\n`);
  await scenario.write("token", `${"t".repeat(20)}\n`);
  const secretText = `auth.secret = ${JSON.stringify(SECRET)}`;
  return [
    ofToken("a token of 1 byte", Uint8Array.of(0)),
    ofToken("a token of 20 bytes, none of them a letter", BINARY),
    ofToken("a token of 1472 bytes", new Uint8Array(1472).map((_, index) => 255 - index % 256)),
    ofText("pâte à crêpes 🥞"),
    { ...ofText("t".repeat(20)), name: "a token in a file", client: 'auth.token-file = "token"' },
    ofKeys("a key, and a UTF-8 secret", keys, SECRET, {
      server: `auth.remote-pubkey-b64 = "${keys.publicKey}"\n${secretText}`,
      client: `auth.key-b64 = "${keys.privateKey}"\n${secretText}`,
    }),
    ofKeys("key and secret in files", keys, SECRET, {
      server: `auth.remote-pubkey-b64 = "${keys.publicKey}"\nauth.secret-file = "secret"`,
      client: 'auth.key-file = "key"\nauth.secret-file = "secret"',
    }),
    ofKeys("a key and the default secret", keys, "netprickle.com", {
      server: `auth.remote-pubkey-b64 = "${keys.publicKey}"`,
      client: `auth.key-b64 = "${keys.privateKey}"`,
    }),
  ];
}

/** Sends the server an auth packet of the stand-in. @returns the last reply's payload, in hex, and its time */
async function exchange(scenario: Scenario, ...packet: readonly string[]): Promise<string[]> {
  const ends = ["--from", SOURCE, "--to", `${ADDRESS.server}:${PORT}`];
  const argv = ["/usr/bin/python3", "-B", STAND_IN, "exchange", ...ends, ...packet];
  const replies = (await scenario.network.must("direct", argv)).trimEnd().split("\n");
  for (const reply of replies) assert.equal(reply.split(" ")[0], `${ADDRESS.server}:${PORT}`);
  return replies.at(-1)!.trim().split(" ").slice(1);
}

Deno.test("a server accepts every form of auth packet from a client of version 0.1, and replies each time", async (t) => {
  await using scenario = await Scenario.create({ direct: true });
  const base = 'server = true\nnumber = 1\nreply-on-auth-ok = true\nfou.local = "@eth0"\n';
  const file = await scenario.write("server.toml", `${base}auth.token = "at first"\n`);
  const server = scenario.start("server", "-vvv", "--config", file);
  await server.waitForLine(/waiting for clients/, PATIENCE);
  for (const { name, server: lines, packet, payload } of await cases(scenario)) {
    await t.step(name, async () => {
      await scenario.reload(server, "server.toml", `${base}${lines}\n`);
      // A repeated packet gets a reply too.
      const [reply] = await exchange(scenario, ...packet, "--count", "2");
      assert.equal(reply!.length, 2 * (payload?.length ?? 73));
      if (payload !== null) assert.equal(reply, hex(payload.toReversed()));
    });
  }
  const [client, own] = [makeKeys(), makeKeys()];
  const signed = ["--key", client.privateKey, "--verify", own.publicKey];
  const keys = `auth.remote-pubkey-b64 = "${client.publicKey}"\nauth.key-b64 = "${own.privateKey}"\n`;
  await t.step("a time beyond 32 bits; the reply is signed", async () => {
    await scenario.reload(server, "server.toml", `${base}${keys}`);
    const [reply, time] = await exchange(scenario, ...signed, "--time", String(2 ** 33));
    assert.equal(reply!.length, 2 * 73);
    assert.ok(Math.abs(Number(time) - Date.now() / 1000) < PATIENCE / 1000, `the time in it is ${time}`);
  });
  await t.step("with a private local address the reply comes from the public one", async () => {
    await scenario.reload(server, "server.toml", `${base}force-fou-local-ip-alt = true\n${keys}`);
    await exchange(scenario, ...signed);
    const device = await scenario.network.must("server", ["ip", "-d", "link", "show", "dev", "ipipou1"]);
    assert.match(device, / local 172\.29\.0\.1 /);
  });
  await t.step("--auth-max-time-discrepancy, just within and just beyond both limits", async () => {
    // Otherwise times before those of earlier packets are refused anyway.
    const limit = 'auth.replay = "off"\nauth.max-time-discrepancy = 3600\n';
    await scenario.reload(server, "server.toml", `${base}${keys}${limit}`);
    const at = (seconds: number) => String(Math.floor(Date.now() / 1000) + seconds);
    for (const seconds of [-3540, 3540]) await exchange(scenario, ...signed, "--time", at(seconds));
    for (const seconds of [-3660, 3660]) {
      const ends = ["--from", SOURCE, "--to", `${ADDRESS.server}:${PORT}`];
      await scenario.send("direct", ...ends, ...signed.slice(0, 2), "--time", at(seconds));
      await server.waitForLine(/refused .*: time too far from ours/, PATIENCE);
    }
  });
  await t.step("an empty payload, only from the right port", async () => {
    const known = `auth.by-remote-ip = true\nauth.by-remote-port = true\nfou.remote = "${SOURCE}"\n`;
    await scenario.reload(server, "server.toml", `${base}${known}`);
    assert.equal((await exchange(scenario)).join(""), "");
    const other = ["--from", `${ADDRESS.direct}:4445`, "--to", `${ADDRESS.server}:${PORT}`];
    await scenario.send("direct", ...other);
    await server.waitForLine(/refused .*:4445: wrong remote port/, PATIENCE);
  });
});

Deno.test("a server of version 0.1 accepts every form of our auth packet", async (t) => {
  await using scenario = await Scenario.create();
  const base = `number = 1\nfou.local = "@eth0"\nfou.remote = "${ADDRESS.server}:${PORT}"\n` +
    `tunl.ip = "${INNER.client}"\n`;
  const file = await scenario.write("client.toml", `${base}auth.token = "at first"\n`);
  const client = scenario.start("client", "--config", file);
  await client.waitForLine(/set up/, PATIENCE);
  for (const { name, client: lines, original } of await cases(scenario)) {
    await t.step(name, async () => {
      const server = await originalServer(scenario, ...original);
      await scenario.reload(client, "client.toml", `${base}${lines}\n`);
      await server.waitForLine(/^up /, PATIENCE);
      await server.kill();
    });
  }
});
