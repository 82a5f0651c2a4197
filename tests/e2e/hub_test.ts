import assert from "node:assert/strict";
import type { Host } from "../lab/network.ts";
import type { Process } from "../lab/process.ts";
import { PATIENCE, Scenario } from "./scenario.ts";

/** The server's address in every tunnel. */
const HUB = "172.28.0.2";
/** What one peer of a hub is and has. */
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

/** Starts a peer's client, and waits until the hub has its tunnel. */
async function join(scenario: Scenario, hub: Process, name: string, peer: Peer, ...args: string[]) {
  const remote = ["-r", args.includes("second port") ? "192.0.2.1:10002" : "192.0.2.1:10001"];
  const options = args.filter((word) => word !== "second port");
  const token = ["--auth-token", `the token of ${name}`];
  const inner = ["--tunl-ip", peer.inner, "--tunl-peer-ip", HUB];
  const client = scenario.start(peer.host, "-n1", "-b@eth0", ...remote, ...inner, ...token, ...options);
  await hub.waitForLine(new RegExp(` ${name}: (tunnel up|moved|authenticated)`), PATIENCE);
  return client;
}

/** Pings that go on while something happens. */
async function flood(scenario: Scenario, host: Host): Promise<{ lost(): Promise<number> }> {
  const pings = scenario.network.spawn(host, ["ping", "-i0.02", HUB]);
  await pings.waitForLine(/icmp_seq=3 /, PATIENCE);
  return {
    async lost() {
      await pings.kill("SIGINT");
      const seen = new Set(
        pings.lines.flatMap((line) => /icmp_seq=(\d+) ttl/.exec(line)?.[1] ?? []).map(Number),
      );
      // Those after the last one that is answered may still be on their way.
      return Math.max(...seen) - seen.size;
    },
  };
}

async function deviceOf(scenario: Scenario, name: string): Promise<string> {
  return await scenario.network.must("server", ["ip", "-d", "link", "show", "dev", name]);
}

/** Sends to a port of the hub what a peer sends to authenticate, from an address and port of its host. */
async function authenticate(scenario: Scenario, host: Host, from: string, name: string, port = 10001) {
  await scenario.send(host, "--from", from, "--to", `192.0.2.1:${port}`, "--token", `the token of ${name}`);
}

for (const checksum of ["--no-encap-csum"]) {
  Deno.test(`peers of a hub share an address and a port, come and go, and none disturbs another, with ${checksum}`, async (t) => {
    await using scenario = await Scenario.create({ client2: true, direct: true });
    const before = await scenario.snapshot("server");
    const more = `encap.csum = ${checksum === "--encap-csum"}`;
    const hub = await startHub(scenario, PEERS, more);
    const clients = new Map<string, Process>();
    for (const [name, peer] of Object.entries(PEERS)) {
      clients.set(name, await join(scenario, hub, name, peer, checksum));
    }
    await t.step("all reach the hub, and are reached", async () => {
      for (const { host, inner } of Object.values(PEERS)) {
        await scenario.ping(host, HUB);
        await scenario.ping("server", inner);
      }
      assert.match(await deviceOf(scenario, "b"), / remote 198\.51\.100\.2 local 172\.29\.0\.1 /);
      assert.equal((await scenario.network.must("server", ["conntrack", "-C"])).trim(), "0");
    });
    await t.step("one's moves are nothing to the others", async () => {
      const floods = await Promise.all([flood(scenario, "client2"), flood(scenario, "direct")]);
      // Another port of the same address, an address of its own, and back behind the others'.
      for (const from of ["10.0.1.2:7001", "10.0.1.2:7002"]) {
        await authenticate(scenario, "client", from, "a");
        await hub.waitForLine(/ a: moved from/, PATIENCE);
      }
      await authenticate(scenario, "direct", "203.0.113.2:7003", "a");
      await hub.waitForLine(/ a: moved from .* to 203\.0\.113\.2:7003/, PATIENCE);
      clients.get("a")!.signal("SIGUSR1");
      await hub.waitForLine(/ a: moved from 203\.0\.113\.2:7003/, PATIENCE);
      for (const { lost } of floods) assert.equal(await lost(), 0);
      await scenario.ping("client");
    });
    await t.step("the hub is stopped and leaves nothing", async () => {
      assert.equal((await hub.kill()).code, 0);
      assert.equal(await scenario.snapshot("server"), before);
    });
  });
}

Deno.test("two hundred peers come in one burst, each has its tunnel, and all go at once", async () => {
  await using scenario = await Scenario.create({ direct: true });
  const before = await scenario.snapshot("server");
  const names = Array.from({ length: 200 }, (_, index) => `p${index}`);
  const peers = Object.fromEntries(
    names.map((name, index) => [name, { host: "direct" as const, inner: `172.28.1.${index + 1}` }]),
  );
  const hub = await startHub(scenario, peers, "nfq.max-len = 1000");
  const burst = `
import sys
sys.path.insert(0, "${new URL(".", import.meta.url).pathname}")
from auth_packet import send
for index in range(200):
    send(("203.0.113.2", 20000 + index), ("192.0.2.1", 10001), b"the token of p%d" % index)
`;
  await scenario.network.must("direct", ["/usr/bin/python3", "-B", "-c", burst]);
  for (let count = 0; count < names.length; count++) await hub.waitForLine(/: tunnel up/, PATIENCE);
  const devices = await scenario.network.must("server", ["ip", "-br", "link", "show", "type", "ipip", "up"]);
  assert.equal(devices.trim().split("\n").length, names.length);
  const transitions = hub.lines.filter((line) => line.includes("nft 'add element ip ipipou remotes-")).length;
  assert.ok(transitions <= 20, `${transitions} transitions`);
  assert.equal((await hub.kill()).code, 0);
  assert.equal(await scenario.snapshot("server"), before);
});
