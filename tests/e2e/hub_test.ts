import assert from "node:assert/strict";
import type { Host } from "../lab/network.ts";
import type { Process } from "../lab/process.ts";
import { endUnharmed } from "../lab/pings.ts";
import { exchange, serveTcp, turnOffOffloads } from "./tcp.ts";
import { changesIn, eventually, IPIPOU, PATIENCE, Scenario } from "./scenario.ts";

const FRAGMENTS = new URL("fragments.py", import.meta.url).pathname;
/** The server's address in every tunnel. */
const HUB = "172.28.0.2";
/** One peer of a hub, and its client's host. */
interface Peer {
  readonly host: Host;
  readonly inner: string;
  readonly more?: string;
}
const PEERS = {
  a: { host: "client", inner: "172.28.0.11" },
  b: { host: "client2", inner: "172.28.0.12" },
  c: { host: "direct", inner: "172.28.0.13" },
} as const;
type Peers = Readonly<Record<string, Peer>>;

function hubToml(peers: Peers, more = ""): string {
  const tables = Object.entries(peers).map(([name, { inner, more = "" }]) =>
    `[[peer]]\nname = "${name}"\ntunl.peer-ip = "${inner}"\nauth.token = "the token of ${name}"\n${more}\n`
  );
  return `server = true\nnumber = 1\nfou.local = "@eth0"\ntunl.ip = "${HUB}"\n${more}\n${tables.join("")}`;
}

async function startHub(scenario: Scenario, peers: Peers, more = ""): Promise<Process> {
  const file = await scenario.write("hub.toml", hubToml(peers, more));
  const hub = scenario.start("server", "--config", file);
  await hub.waitForLine(/waiting for clients/, PATIENCE);
  return hub;
}

/** Starts a peer's client, and waits until the hub has admitted it. */
async function join(scenario: Scenario, hub: Process, name: string, peer: Peer, ...args: string[]) {
  const remote = ["-r", args.includes("second port") ? "192.0.2.1:10002" : "192.0.2.1:10001"];
  const options = args.filter((word) => word !== "second port");
  const token = ["--auth-token", `the token of ${name}`];
  const inner = ["--tunl-ip", peer.inner, "--tunl-peer-ip", HUB];
  const client = scenario.start(peer.host, "-n1", "-b@eth0", ...remote, ...inner, ...token, ...options);
  await hub.waitForLine(new RegExp(` ${name}: (tunnel up|moved|authenticated)`), PATIENCE);
  return client;
}

/** Starts pings that go on while something happens. */
async function flood(scenario: Scenario, host: Host): Promise<Process> {
  const pings = scenario.network.spawn(host, ["ping", "-i0.02", HUB]);
  await pings.waitForLine(/icmp_seq=3 /, PATIENCE);
  return pings;
}

async function deviceOf(scenario: Scenario, name: string): Promise<string> {
  return await scenario.network.must("server", ["ip", "-d", "link", "show", "dev", name]);
}

/** Sends a peer's auth packet to a port of the hub, from an address and port of the peer's host. */
async function authenticate(scenario: Scenario, host: Host, from: string, name: string, port = 10001) {
  await scenario.send(host, "--from", from, "--to", `192.0.2.1:${port}`, "--token", `the token of ${name}`);
}

Deno.test("peers of a hub share an address and a port, and move without disturbing each other, with UDP checksums or without", async (t) => {
  await using scenario = await Scenario.create({ client2: true, direct: true });
  const before = await scenario.snapshot("server");
  const hub = await startHub(scenario, PEERS, "encap.csum = true");
  const clients = new Map<string, Process>();
  for (const [name, peer] of Object.entries(PEERS)) {
    const checksum = name === "b" ? "--encap-csum" : "--no-encap-csum";
    clients.set(name, await join(scenario, hub, name, peer, checksum));
  }
  const pingAll = async () => {
    for (const { host, inner } of Object.values(PEERS)) {
      await scenario.ping(host, HUB);
      await scenario.ping("server", inner);
    }
  };
  await t.step("every peer reaches the hub, and the hub reaches every peer", async () => {
    await pingAll();
    assert.match(await deviceOf(scenario, "a"), / encap-csum /);
    // Its packets are rewritten.
    assert.match(await deviceOf(scenario, "b"), / noencap-csum /);
    assert.match(await deviceOf(scenario, "b"), / remote 198\.51\.100\.2 local 172\.29\.0\.1 /);
    assert.equal((await scenario.network.must("server", ["conntrack", "-C"])).trim(), "0");
  });
  const exchangeAll = async () => {
    for (const { host, inner } of [PEERS.a, PEERS.b]) {
      await exchange(scenario, host, HUB);
      await exchange(scenario, "server", inner);
    }
  };
  await t.step(
    "TCP works both ways where the kernel makes the checksums of what leaves the server",
    async () => {
      for (const host of ["server", "client", "client2"] as const) await serveTcp(scenario, host);
      await turnOffOffloads(scenario, "server");
      await exchangeAll();
    },
  );
  await t.step("and of what leaves the clients, and without UDP checksums too", async () => {
    for (const host of ["client", "client2"] as const) await turnOffOffloads(scenario, host);
    await exchangeAll();
    await scenario.reload(hub, "hub.toml", hubToml(PEERS, "encap.csum = false"));
    assert.match(await deviceOf(scenario, "a"), / noencap-csum /);
    await exchangeAll();
  });
  await t.step("one peer's moves do not disturb the others", async () => {
    const floods = await Promise.all([flood(scenario, "client2"), flood(scenario, "direct")]);
    // To another port of the same address, to an address of its own, and back to the shared address.
    for (const from of ["10.0.1.2:7001", "10.0.1.2:7002"]) {
      await authenticate(scenario, "client", from, "a");
      await hub.waitForLine(/ a: moved from/, PATIENCE);
    }
    await authenticate(scenario, "direct", "203.0.113.2:7003", "a");
    await hub.waitForLine(/ a: moved from .* to 203\.0\.113\.2:7003/, PATIENCE);
    clients.get("a")!.signal("SIGUSR1");
    await hub.waitForLine(/ a: moved from 203\.0\.113\.2:7003/, PATIENCE);
    for (const pings of floods) await endUnharmed(pings);
    await scenario.ping("client");
  });
  await t.step("fragments of outer packets come together, with a private address too", async () => {
    for (const [name, { host, inner }] of Object.entries({ a: PEERS.a, b: PEERS.b })) {
      const args = ["7011", `the token of ${name}`, inner, HUB];
      assert.equal(
        await scenario.network.must(host, ["/usr/bin/python3", "-B", FRAGMENTS, ...args]),
        "answered\n",
      );
    }
    const locals = await Promise.all(["a", "b"].map((name) => deviceOf(scenario, name)));
    assert.equal(locals.filter((device) => / local 172\.29\./.test(device)).length, 1);
  });
  await t.step("the hub stops and leaves nothing behind", async () => {
    assert.equal((await hub.kill()).code, 0);
    assert.equal(await scenario.snapshot("server"), before);
  });
});

Deno.test("peers of a hub swap places, and take those that others have left, and no packet reaches the wrong peer", async (t) => {
  await using scenario = await Scenario.create({ client2: true });
  const peers = { a: PEERS.a, b: PEERS.b };
  await scenario.network.must("server", ["ip", "link", "add", "name", "taken", "type", "dummy"]);
  const hub = await startHub(scenario, { ...peers, taken: { host: "client", inner: "172.28.0.19" } });
  const a = await join(scenario, hub, "a", peers.a);
  const b = await join(scenario, hub, "b", peers.b);
  const listener = scenario.network.spawn("server", ["iperf3", "-s", "--forceflush"]);
  await listener.waitForLine(/Server listening/, PATIENCE);
  const transfer = scenario.network.spawn("client", [
    ...["iperf3", "-c", HUB, "-t", "600", "-b", "200k", "-l", "1k", "--forceflush"],
  ]);
  await transfer.waitForLine(/ 0\.00-/, PATIENCE);
  await t.step(
    "a peer whose device is foreign is logged as an error, and the others are not disturbed",
    async () => {
      await authenticate(scenario, "client", "10.0.1.2:7009", "taken");
      await hub.waitForLine(
        / taken: Cannot make the tunnel device taken: there is a device of this/,
        PATIENCE,
      );
      for (const { host } of Object.values(peers)) await scenario.ping(host, HUB);
    },
  );
  await t.step("both move at once, and the inner connection survives", async () => {
    await scenario.network.remapNat();
    for (const client of [a, b]) client.signal("SIGUSR1");
    // Either peer may be first.
    await Promise.all([/ a: moved from/, / b: moved from/].map((line) => hub.waitForLine(line, PATIENCE)));
    await scenario.ping("client2");
  });
  await t.step("they swap endpoints", async () => {
    const endpoint = async (name: string) => {
      const [, ip, port] = / remote (\S+) .* encap-dport (\d+)/.exec(await deviceOf(scenario, name))!;
      return { ip: ip!, port: port! };
    };
    const before = { a: await endpoint("a"), b: await endpoint("b") };
    // The NAT gives each one's public port to the other.
    await scenario.network.mapNat({ client: before.b.port, client2: before.a.port });
    for (const client of [a, b]) client.signal("SIGUSR1");
    await eventually("each is where the other was", async () => {
      const [x, y] = [await endpoint("a"), await endpoint("b")];
      return x.port === before.b.port && y.port === before.a.port;
    });
    await scenario.ping("client");
    await scenario.ping("client2");
    const { length } = transfer.lines;
    const nextTransfer = () => transfer.waitForLine(/ [1-9][\d.]* [KM]?Bytes/, PATIENCE);
    while (transfer.lines.indexOf(await nextTransfer()) < length);
  });
  await t.step(
    "a peer that has lost its place and has no other is parked: its device stays, and its data goes nowhere",
    async () => {
      b.signal("SIGTERM");
      await b.exit;
      await authenticate(scenario, "router", "203.0.113.66:7009", "taken");
      await authenticate(scenario, "client", "10.0.1.2:10001", "b");
      await hub.waitForLine(/ b: refused auth packet from .*: another peer is there/, PATIENCE);
      // So it is where another one is, too.
      await authenticate(scenario, "router", "203.0.113.66:7009", "a");
      await eventually("it is out", async () => {
        return / remote 0\.0\.1\.11 local 127\.172\.28\.0 /.test(await deviceOf(scenario, "a"));
      });
      const route = await scenario.network.must("server", ["ip", "route", "get", PEERS.a.inner]);
      assert.match(route, / dev a /);
      // Data for the parked peer leaves by no device.
      const rules =
        "table ip watch { chain leaving { type filter hook output priority 0; udp sport 10001 counter; }; }";
      await scenario.network.must("server", ["nft", "-f", "-"], { stdin: rules });
      assert.equal(await scenario.answers("server", PEERS.a.inner), false);
      const watched = await scenario.network.must("server", ["nft", "list", "table", "ip", "watch"]);
      assert.match(watched, /counter packets 0 /);
    },
  );
  await t.step("the parked peer comes back", async () => {
    a.signal("SIGUSR1");
    await authenticate(scenario, "client2", "10.0.1.3:10001", "b");
    await eventually("the tunnel works", () => scenario.answers("client"));
  });
  transfer.signal("SIGINT");
});

Deno.test("a hub has two ports, routes and filters; a reload changes only one peer; the next run takes over from a killed one", async (t) => {
  await using scenario = await Scenario.create({ client2: true, direct: true });
  const before = await scenario.snapshot("server");
  const ports = "fou.local-port = [10001, 10002]";
  const peers: Peers = {
    a: { ...PEERS.a, more: `routes = ["10.7.0.0/16", "10.8.0.1/32"]\n` },
    b: PEERS.b,
    c: { ...PEERS.c, more: "auth.lifetime = 600\n" },
  };
  let hub = await startHub(scenario, peers, ports);
  await join(scenario, hub, "a", peers.a!);
  await join(scenario, hub, "b", peers.b!, "second port");
  await join(scenario, hub, "c", peers.c!);
  const network = scenario.network;
  await t.step("each peer uses its own port, its routes, and only its own source addresses", async () => {
    for (const { host } of Object.values(peers)) await scenario.ping(host, HUB);
    assert.match(await deviceOf(scenario, "b"), / encap-sport 10002 /);
    assert.match(
      await network.must("server", ["ip", "route", "show", "10.7.0.0/16"]),
      /^10\.7\.0\.0\/16 dev a /,
    );
    for (const [host, address] of [["client", "10.7.0.1"], ["client2", "10.7.0.1"]] as const) {
      await network.must(host, ["ip", "address", "add", `${address}/32`, "dev", "lo"]);
    }
    await scenario.ping("server", "10.7.0.1");
    await network.must("client", ["ping", "-c1", "-W5", "-w30", "-I", "10.7.0.1", HUB]);
    const spoofed = await network.run("client2", ["ping", "-c3", "-i0.2", "-W1", "-I", "10.7.0.1", HUB]);
    assert.equal(spoofed.code, 1);
    assert.equal(await scenario.counted("@sources-ipipou1"), 3);
  });
  await t.step("a reload adds, changes and removes one peer, and loses no packet of another", async () => {
    const unharmed = await flood(scenario, "client2");
    const runs = async (peers: Peers) => {
      const lines = await scenario.reload(hub, "hub.toml", hubToml(peers, ports));
      assert.doesNotMatch(lines.join("\n"), /going on with/);
      return changesIn(lines);
    };
    const d = { host: "client", inner: "172.28.0.14" } as const;
    const added = await runs({ ...peers, d });
    assert.deepEqual(added, []);
    const changed = { ...peers, a: { ...PEERS.a, more: `routes = ["10.8.0.1/32", "10.9.0.0/16"]\n` }, d };
    const commands = (await runs(changed)).map((line) => line.replace(/.*\] /, ""));
    assert.deepEqual(commands.filter((line) => line.startsWith("ip route ")), [
      "ip route delete 10.7.0.0/16 dev a proto 201",
      "ip route add 10.9.0.0/16 dev a proto 201",
    ]);
    await runs({ a: changed.a, b: peers.b!, d });
    await eventually("it is gone", async () => {
      return (await network.run("server", ["ip", "link", "show", "dev", "c"])).code === 1;
    });
    await runs(peers);
    await eventually("all is as it was", async () => {
      return (await network.must("server", ["ip", "route", "show", "10.7.0.0/16"])).includes("dev a");
    });
    await hub.waitForLine(/reload: c: added/, PATIENCE);
    await endUnharmed(unharmed);
  });
  await t.step("the run after a killed hub takes over every peer, and changes nothing", async () => {
    const standing = await deviceOf(scenario, "b");
    const unharmed = await flood(scenario, "client2");
    await hub.kill("SIGKILL");
    hub = await startHub(scenario, peers, ports);
    for (const name of ["a", "b"]) assert.match(hub.lines.join("\n"), new RegExp(`${name}: taking over`));
    assert.deepEqual(changesIn(hub.lines), []);
    assert.equal(await deviceOf(scenario, "b"), standing);
    await endUnharmed(unharmed);
  });
  await t.step(
    "cleanup with just the instance's name removes everything that a killed hub left",
    async () => {
      await hub.kill("SIGKILL");
      const { stdout } = await network.run("server", [IPIPOU, "cleanup", "-s", "-n1"]);
      for (const name of ["a", "b"]) {
        assert.match(stdout, new RegExp(`^removed device ${name}, tunnel to `, "m"));
      }
      assert.equal(await scenario.snapshot("server"), before);
    },
  );
});
