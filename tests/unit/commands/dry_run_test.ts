import assert from "node:assert/strict";
import { dryRun } from "../../../lib/commands/dry_run.ts";
import type { System } from "../../../lib/ports.ts";
import type { Settings } from "../../../lib/settings/settings.ts";
import { Log } from "../../../lib/log.ts";
import { ACCEPTED, ed25519 } from "../auth/vectors.ts";
import { VirtualClock } from "../fake/clock.ts";
import type { FakeHost, HostOptions } from "../fake/host.ts";
import { newHost } from "../fake/scene.ts";
import { snapshot } from "../fake/snapshot.ts";
import { FakeSysError } from "../fake/sys_error.ts";
import { Node } from "../pair/node.ts";
import { clientSettings, hubOf, peersOf, SERVER_NAME, World } from "../pair/world.ts";

const LATENCY = null;
const SERVER_IP = "198.51.100.1";

/** A client whose server is found, a server of one peer, and hubs of several. */
const SCENES: readonly (readonly [string, Settings])[] = [
  ["client", clientSettings(0)],
  ["server of one peer", { ...hubOf(peersOf().slice(0, 1)), isOfMany: false }],
  ["hub", hubOf(peersOf({ routes: ["10.9.0.0/16"], allowedIps: ["10.9.0.0/16"] }), { mssClamp: "auto" })],
];

function hostOf(options: Partial<HostOptions> = {}): FakeHost {
  const host = newHost({ latency: LATENCY, ...options }, new VirtualClock());
  host.resolver.addresses.set(SERVER_NAME, SERVER_IP);
  return host;
}

/** What a dry run prints, and what the start would log. */
async function tell(host: FakeHost, settings: Settings, more: Partial<System> = {}) {
  const lines: string[] = [];
  const write = (line: string) => lines.push(line);
  const log = new Log({ verbosity: 0, time: false, pid: null, write, now: () => new Date(0) });
  const text = await dryRun({ system: { ...host.start().system, ...more }, settings, log });
  return { text, lines };
}

/** Types a script. */
function paste({ kernel }: FakeHost, script: string): void {
  for (const [, ip, nft] of script.matchAll(/^ip ([^\n]*)$|^nft -f - <<'END'\n(.*?)^END$/gms)) {
    if (ip !== undefined) kernel.ip(ip.replaceAll("'", ""));
    else kernel.nft(nft!.trimEnd().split("\n"));
  }
}

async function startOn(host: FakeHost, settings: Settings): Promise<Node> {
  const node = new Node(host.clock, host, settings);
  node.start();
  await host.clock.advance(1_000);
  assert.ok(node.isRunning, node.lines.join("\n"));
  return node;
}

for (const [name, settings] of SCENES) {
  Deno.test(`dryRun() of a ${name} prints what a start does, once`, async () => {
    const [typed, started] = [hostOf(), hostOf()];
    const before = snapshot(typed.kernel);
    const { text } = await tell(typed, settings);
    assert.deepEqual(snapshot(typed.kernel), before, "it changes nothing");
    const node = await startOn(started, settings);
    paste(typed, text);
    assert.notDeepEqual(snapshot(typed.kernel), before);
    assert.deepEqual(snapshot(typed.kernel), snapshot(started.kernel));
    for (const host of [typed, started]) {
      const { text } = await tell(host, settings);
      assert.match(text, /^# nothing to do: /);
      assert.doesNotMatch(text, /^[^#]/m);
    }
    await node.stop();
  });
}

Deno.test("dryRun() prints the difference alone", async () => {
  const host = hostOf();
  const [first, second, third] = peersOf();
  const node = await startOn(host, hubOf([first!, second!]));
  host.kernel.nft(["flush chain ip ipipou fou-hub"]);
  const { text } = await tell(host, hubOf([first!, second!, third!]));
  assert.match(text, /^nft -f/m);
  assert.doesNotMatch(text, /^ip /m);
  await node.stop();
  const single = await tell(hostOf(), hubOf([first!]));
  assert.match(single.text, /^# a peer gets, when /m);
  const client = hostOf();
  paste(client, (await tell(client, clientSettings(0))).text);
  client.kernel.ip("link set dev ipipou1 down");
  assert.equal((await tell(client, clientSettings(0))).text, "ip link set dev ipipou1 up\n");
});

Deno.test("dryRun() opens no queue or lasting socket, takes no lock, and writes nothing", async () => {
  const refuse = (): never => assert.fail("opened");
  const closed = {
    openNews: refuse,
    openWriter: refuse,
    openPacketQueue: refuse,
    openRawSocket: refuse,
    openReplySocket: refuse,
    openClockWatch: refuse,
    openStatusSocket: refuse,
    openServiceManager: refuse,
    runProgram: refuse,
    locks: {
      ...{ namespace: refuse, folder: refuse, instance: refuse, process: refuse, signalHolder: refuse },
      holderOf: refuse,
    },
  };
  for (const [, settings] of SCENES) {
    const host = hostOf();
    await tell(host, settings, closed);
    assert.deepEqual([...host.files], []);
  }
});

Deno.test("dryRun() tells no secret", async () => {
  const { privateKey, publicKey } = ACCEPTED[0]!;
  const secret = "never shown";
  const token = new TextEncoder().encode("a token of 24 characters");
  const server = hubOf([
    ...peersOf({ scheme: ed25519({ secret, remotePublicKey: publicKey }) }).slice(0, 1),
    ...peersOf({ scheme: { kind: "token", token } }).slice(1, 2),
  ]);
  const client = clientSettings(0);
  const peers = client.peers.map((peer) => ({ ...peer, scheme: ed25519({ secret, privateKey }) }));
  for (const settings of [server, { ...client, peers }]) {
    const { text, lines } = await tell(hostOf(), settings);
    for (const hidden of [secret, "a token", privateKey.toBase64(), privateKey.toHex()]) {
      assert.ok(!(text + lines.join("\n")).includes(hidden));
    }
  }
});

Deno.test("dryRun() tells in comments what admissions add: of peers with a fixed place the commands", async () => {
  const [office, home, other] = peersOf();
  const fixed = {
    ...office!,
    remote: { host: "office.example", port: 40_000 },
    byRemote: { ip: true, port: true },
    lifetime: 60,
  };
  const settings = hubOf([fixed, home!, other!]);
  const host = hostOf();
  host.resolver.addresses.set("office.example", "198.51.100.7");
  const { text } = await tell(host, settings);
  assert.doesNotMatch(text, /\n\n/);
  assert.match(text, /^# each of 2 peers gets, when it authenticates /m);
  const [before, after] = text.split("# when p0 authenticates, from 198.51.100.7:40000:\n");
  assert.doesNotMatch(before!, /link add/);
  assert.match(after!, /^#ip link add name p0 .* remote 198\.51\.100\.7 .* encap-dport 40000/m);
  assert.match(
    after!,
    /^#add element ip ipipou remotes-hub { 198\.51\.100\.7 \. 40000 \. 10000 timeout 60s/m,
  );
  assert.doesNotMatch(after!, /^[^#]/m);
  paste(host, before! + after!.replace(/^#/gm, ""));
  assert.match(
    snapshot(host.kernel).join("\n"),
    /^device p0 kind ipip 192\.0\.2\.1:10000 to 198\.51\.100\.7:40000/m,
  );
});

Deno.test("dryRun() says in a comment what keeps a peer from having its tunnel", async () => {
  const [office] = peersOf();
  const byRemote = { ip: true, port: true };
  const fixed = { ...office!, remote: { host: "198.51.100.7", port: 40_000 }, byRemote };
  const host = hostOf();
  host.kernel.addDevice("p0", {});
  const { text } = await tell(host, hubOf([fixed]));
  assert.match(text, /^# when p0 authenticates, from 198\.51\.100\.7:40000:\n# .*p0/m);
});

Deno.test("dryRun() loads the modules where they are not seen", async () => {
  const host = hostOf();
  const system = host.start().system;
  const openReader = () =>
    Object.defineProperties(system.openReader(), {
      hasTunnels: { value: false },
      fouPorts: { value: () => null },
    });
  assert.match(
    (await tell(host, clientSettings(0), { openReader })).text,
    /^modprobe -a fou ipip\n.*^ip fou add /ms,
  );
});

Deno.test("dryRun() leaves all as it is for --reauth-only", async () => {
  const { text } = await tell(hostOf(), { ...clientSettings(0), reauthOnly: true });
  assert.match(text, /^# nothing to do: --reauth-only /);
});

Deno.test("dryRun() fails as a start does, and where that would wait", async () => {
  const elsewhere = { ip: null, device: "eth7", ports: [10_000] as const };
  await assert.rejects(tell(hostOf(), { ...clientSettings(0), local: elsewhere }), {
    exitCode: 2,
    message: /^Cannot use the network device eth7 \(--fou-local\): there is no such device/,
  });
  const device = {
    exitCode: 1,
    message: /^Cannot tell .*wait for the network device eth7: there is no such/,
  };
  await assert.rejects(tell(hostOf(), { ...clientSettings(0), local: elsewhere, wait: true }), device);
  const lost = hostOf();
  lost.resolver.addresses.clear();
  const name = { exitCode: 1, message: /^Cannot tell .*wait for the IPv4 address of server\.example$/ };
  await assert.rejects(tell(lost, clientSettings(0)), name);
  for (const settings of [clientSettings(0), hubOf(peersOf())]) {
    const taken = { isPortFree: () => false };
    await assert.rejects(tell(hostOf(), settings, taken), {
      exitCode: 53,
      message:
        /^Cannot run 'ip fou add port 10000 .*': Address already in use; it belongs to .*; choose another/,
    });
  }
  const without = hostOf();
  without.programs.missing.add("nft");
  await assert.rejects(tell(without, hubOf(peersOf())), {
    exitCode: 40,
    message: /install the package nftables/,
  });
});

Deno.test("dryRun() of a client fails for who may not see its gate", async () => {
  const host = hostOf();
  host.failReading.push(new FakeSysError("read", "recvmsg", "EPERM"));
  await assert.rejects(tell(host, clientSettings(0)), {
    message: /EPERM.*; run as root, or with CAP_NET_ADMIN/,
  });
  host.failReading.push(new FakeSysError("read", "recvmsg", "ENOBUFS"));
  assert.match((await tell(host, clientSettings(0))).text, /^nft /m);
});

Deno.test("dryRun() says what the start would log", async () => {
  const { lines } = await tell(hostOf(), clientSettings(0));
  assert.match(lines.join("\n"), /^ipipou1: tunnel to 198\.51\.100\.1:10000 set up/m);
});

Deno.test("dryRun() beside a running server knows whom it has let in", async () => {
  const world = new World();
  await world.begin();
  const { host } = world.server;
  const { text } = await tell(host, hubOf(peersOf()));
  assert.match(text, /^# nothing to do: /);
  assert.doesNotMatch(text, /gets, when/);
  world.assertConnected();
});
