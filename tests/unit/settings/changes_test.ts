import assert from "node:assert/strict";
import { describeChanges, describeRestart } from "../../../lib/settings/changes.ts";
import { parseInvocation } from "../../../lib/settings/command_line.ts";
import { loadSettings } from "../../../lib/settings/load.ts";
import { tomlPathOf } from "../../../lib/settings/option.ts";
import { OPTIONS } from "../../../lib/settings/options.ts";
import type { Peer, Settings } from "../../../lib/settings/settings.ts";
import { ed25519 } from "../auth/vectors.ts";
import { samplePeer, sampleSettings } from "../samples.ts";
import { filesInMemory } from "./memory_files.ts";

/** Without an effect of its own: other settings are derived from it. */
const WITHOUT_EFFECT = new Set(["number", "isOfMany"]);

/** Settings that differ in one value, for each value, by path. */
function* variations(settings: Settings): Generator<[path: string, settings: Settings]> {
  for (const path of pathsOf(settings)) {
    const copy = structuredClone(settings);
    const keys = path.split(".");
    const last = keys.pop()!;
    // deno-lint-ignore no-explicit-any
    const owner = keys.reduce((owner, key) => owner[key], copy as any);
    owner[last] = last === "allowedIps" ? ["10.0.0.0/8"] : different(owner[last]);
    yield [path, copy];
  }
}

function pathsOf(value: object, prefix = ""): string[] {
  return Object.entries(value).flatMap(([key, inner]) =>
    typeof inner === "object" && inner !== null && !(inner instanceof Uint8Array)
      ? pathsOf(inner, `${prefix}${key}.`)
      : [`${prefix}${key}`]
  );
}

function different(value: unknown): unknown {
  if (typeof value === "boolean") return !value;
  if (typeof value === "number") return value + 1;
  if (value instanceof Uint8Array) return value.map((byte) => byte ^ 1);
  return value === null ? "x" : value === "server" ? "client" : `${value}x`;
}

Deno.test("describeChanges() and describeRestart() find no difference in equal settings", () => {
  assert.deepEqual(describeChanges(sampleSettings(), sampleSettings()), []);
  assert.equal(describeRestart(sampleSettings(), sampleSettings()), null);
});

Deno.test("describeChanges() or describeRestart() reports a change of every setting", () => {
  const keys = ed25519({ privateKey: new Uint8Array(32), remotePublicKey: new Uint8Array(32), secret: "s" });
  const bare = samplePeer({
    scheme: keys,
    altIp: null,
    allowedIps: ["10.0.0.1/32"],
    routes: ["10.1.0.0/16"],
  });
  for (const settings of [sampleSettings(), sampleSettings({ peers: [bare] })]) {
    for (const [path, varied] of variations(settings)) {
      if (path.endsWith(".kind") || WITHOUT_EFFECT.has(path)) continue;
      if (path === "firstAltIp" && settings.peers.every(({ altIp }) => altIp !== null)) continue;
      const lines = [...describeChanges(settings, varied), describeRestart(settings, varied) ?? []].flat();
      assert.ok(lines.length > 0, path);
      for (const line of lines) assert.doesNotMatch(line, /\n/);
    }
  }
});

Deno.test("describeChanges() names the key, its old and new value, and the peer", () => {
  const tunnel = { device: "ipipou0", ip: "172.28.0.8", peerIp: "172.28.0.1" };
  const to = sampleSettings({
    keepalive: 25,
    encapCsum: true,
    local: { ip: null, device: "eth0", ports: [10000] },
    nft: { table: "ipipou", counter: false },
    peers: [samplePeer({ tunnel })],
  });
  assert.deepEqual(describeChanges(sampleSettings(), to), [
    "fou.local-ip changed from 192.0.2.1 to unset",
    "encap.csum changed from unset to on",
    "nft.counter changed from on to off",
    "keepalive changed from 0 to 25",
    "ipipou0: tunl.ip changed from 172.28.0.0 to 172.28.0.8",
  ]);
});

Deno.test("describeChanges() calls settings as files do", () => {
  const keys = new Set(OPTIONS.map((option) => tomlPathOf(option)?.join(".")));
  const peer = samplePeer({ routes: ["10.1.0.0/16"] });
  const settings = sampleSettings({ peers: [peer] });
  for (const [path, varied] of variations(settings)) {
    if (path.includes(".scheme.")) continue;
    const lines = [...describeChanges(settings, varied), describeRestart(settings, varied) ?? ""];
    for (const [, key] of lines.join("\n").matchAll(/([\w.-]+) changed from/g)) {
      assert.ok(keys.has(key!), key);
    }
  }
});

Deno.test("describeChanges() does not tell of a queue's length that follows from the number of peers", () => {
  const [a, b] = ["a", "b"].map((name) => samplePeer({ name }));
  const hub = (peers: Peer[], maxLength: number) =>
    sampleSettings({ peers, queue: { number: 0, maxLength } });
  assert.deepEqual(describeChanges(hub([a!], 256), hub([a!, b!], 1024)), ["b: added"]);
  assert.deepEqual(describeChanges(hub([a!, b!], 1024), hub([a!, b!], 256)), [
    "nfq.max-len changed from auto to 256",
  ]);
});

Deno.test("describeChanges() shows no secret", () => {
  const withScheme = (scheme: ReturnType<typeof ed25519>) =>
    sampleSettings({ peers: [samplePeer({ scheme })] });
  const [old, now] = ["old secret", "new secret"].map((secret) => withScheme(ed25519({ secret })));
  assert.deepEqual(describeChanges(old!, now!), ["ipipou0: shared secret changed"]);
  const token = samplePeer({ scheme: { kind: "token", token: new TextEncoder().encode("t") } });
  assert.deepEqual(describeChanges(sampleSettings(), sampleSettings({ peers: [token] })), [
    "ipipou0: token changed",
  ]);
  assert.deepEqual(describeChanges(sampleSettings(), now!), [
    "ipipou0: authentication changed from token to keys",
  ]);
});

Deno.test("describeChanges() reports added and removed peers", () => {
  const [a, b, c] = ["a", "b", "c"].map((name) => samplePeer({ name }));
  const lines = describeChanges(sampleSettings({ peers: [a!, b!] }), sampleSettings({ peers: [a!, c!] }));
  assert.deepEqual(lines, ["b: removed", "c: added"]);
});

Deno.test("describeChanges() lists twenty lines and counts the rest", () => {
  const peers = Array.from({ length: 1000 }, (_, index) => samplePeer({ name: `p${index}` }));
  const [none, all] = [sampleSettings({ peers: [] }), sampleSettings({ peers })];
  const lines = describeChanges(none, all);
  assert.deepEqual([lines.length, lines[0], lines[19], lines[20]], [
    21,
    "p0: added",
    "p19: added",
    "… and 980 more",
  ]);
  assert.deepEqual(describeChanges(sampleSettings({ peers: peers.slice(0, 20) }), none).length, 20);
  const routed = peers.map((peer) => ({ ...peer, routes: ["10.0.0.0/8"] }));
  assert.equal(describeChanges(all, sampleSettings({ peers: routed })).at(-1), "… and 980 more");
  assert.deepEqual(describeChanges(all, sampleSettings({ peers: peers.toReversed() })), []);
});

Deno.test("describeRestart() refuses to turn a server with peers into one with a single client", () => {
  const ofMany = (...names: string[]) =>
    sampleSettings({ name: "ipipou0", isOfMany: true, peers: names.map((name) => samplePeer({ name })) });
  const single = sampleSettings();
  const all = [ofMany(), ofMany("a"), ofMany("ipipou0"), ofMany("ipipou0", "a")];
  for (const from of all) {
    assert.match(describeRestart(from, single) ?? "", /put its \[\[peer\]\] or folder NAME\.peers back/);
    for (const to of all) assert.equal(describeRestart(from, to), null);
    assert.equal(describeRestart(single, from), null);
  }
});

Deno.test("describeRestart() names a change that needs a restart, and the cure", () => {
  const from = sampleSettings();
  const cases: [Partial<Settings>, string][] = [
    [{ mode: "client" }, "server changed from on to off"],
    [{ peers: [samplePeer({ name: "tun7" })] }, "tunl.dev changed from ipipou0 to tun7"],
    [{ nft: { table: "other", counter: true } }, "nft.table changed from ipipou to other"],
  ];
  for (const [fields, change] of cases) {
    const line = `Cannot apply this while running (${change}): restart it`;
    assert.equal(describeRestart(from, sampleSettings(fields)), line);
  }
  const client = { mode: "client" } as const;
  const other = { ...client, nft: { table: "other", counter: true } };
  assert.equal(describeRestart(sampleSettings(client), sampleSettings(other)), null);
});

Deno.test("describeChanges() reports a hub's first peer as added, and nothing else", () => {
  const peers = [samplePeer({ name: "a", altIp: null })];
  const [none, one] = [[], peers].map((peers) => sampleSettings({ name: "hub", peers }));
  assert.deepEqual(describeChanges(none!, one!), ["a: added"]);
  assert.deepEqual(describeChanges(one!, none!), ["a: removed"]);
  assert.deepEqual(describeChanges(one!, { ...one!, firstAltIp: "172.29.1.0" }), [
    `fou.local-ip-alt changed from ${one!.firstAltIp} to 172.29.1.0`,
  ]);
});

Deno.test("describeRestart() recognizes a server with named peers even if its only peer has the server's name", () => {
  const invocation = parseInvocation(["--config", "hub"]);
  if (invocation.kind !== "run") throw new TypeError();
  const load = (files: Readonly<Record<string, string>>) => {
    const hub = 'server = true\nfou.local = "192.0.2.1"\ntunl.dev = "hub"\n';
    return loadSettings(invocation, filesInMemory({ "/etc/ipipou/hub.toml": hub, ...files })).settings;
  };
  const peer = 'tunl.peer-ip = "10.0.0.2"\nauth.token = "t"\n';
  assert.match(
    describeRestart(load({ "/etc/ipipou/hub.peers/hub.toml": peer }), load({})) ?? "",
    /put its \[\[peer\]\] or folder NAME\.peers back/,
  );
});

Deno.test("describeRestart() refuses to open a server that asked for a proof, as a file without its end would", () => {
  const proof = samplePeer({ scheme: { kind: "token", token: new Uint8Array(9) } });
  const open = samplePeer({ scheme: { kind: "port" } });
  const known = { host: "192.0.2.9", port: null };
  const byAddress = { ...open, remote: known, byRemote: { ip: true, port: false } };
  const [asked, anyone, someone] = [proof, open, byAddress].map((peer) => sampleSettings({ peers: [peer] }));
  assert.match(
    describeRestart(asked!, anyone!) ?? "",
    /^Cannot let in anyone as ipipou0 while running, .* or restart it$/,
  );
  assert.equal(describeRestart(asked!, someone!), null);
  assert.equal(describeRestart(someone!, anyone!), null);
  assert.equal(describeRestart(anyone!, asked!), null);
  const client = (peers: Peer[]) => sampleSettings({ mode: "client", peers });
  assert.equal(describeRestart(client([proof]), client([open])), null);
});
