import assert from "node:assert/strict";
import { must } from "../../tools/command.ts";
import { endUnharmed } from "../lab/pings.ts";
import type { Host } from "../lab/network.ts";
import { eventually, PATIENCE, Scenario } from "./scenario.ts";

const HUB = "172.28.0.2";
const ARP_REQUEST = new URL("arp_request.py", import.meta.url).pathname;
const TOML = `server = true
number = 1
fou.local = "@eth0"
tunl.ip = "${HUB}"
[[peer]]
name = "a"
tunl.peer-ip = "172.28.0.11"
auth.token = "the token of a"
[[peer]]
name = "b"
tunl.peer-ip = "172.28.0.12"
auth.token = "the token of b"
`;

Deno.test("private addresses cut off no container that has one, are not told by ARP, and make way for a network", async (t) => {
  await using scenario = await Scenario.create({ client2: true });
  const { network } = scenario;
  const box = `box-${crypto.randomUUID().slice(0, 4)}`;
  await using resources = new AsyncDisposableStack();
  await must(["ip", "netns", "add", box]);
  resources.defer(async () => void await must(["ip", "netns", "delete", box]));
  const addContainer = async (bridge: string, net: string) => {
    const server = [
      `link add name ${bridge} type bridge`,
      `address add ${net}.254/24 dev ${bridge}`,
      `link set dev ${bridge} up`,
      `link add name to-${bridge} type veth peer name ${bridge} netns ${box}`,
      `link set dev to-${bridge} master ${bridge} up`,
    ];
    await network.must("server", ["ip", "-batch", "-"], { stdin: `${server.join("\n")}\n` });
    const inside = [`address add ${net}.1/24 dev ${bridge}`, `link set dev ${bridge} up`];
    await must(["ip", "-netns", box, "-batch", "-"], { stdin: `${inside.join("\n")}\n` });
  };
  const tunnelOf = (name: string) => network.must("server", ["ip", "-d", "link", "show", "dev", name]);
  await addContainer("br1", "172.29.0");
  const hub = scenario.start("server", "--config", await scenario.write("hub.toml", TOML));
  await hub.waitForLine(/waiting for clients/, PATIENCE);
  const hosts: Readonly<Record<string, Host>> = { a: "client", b: "client2" };
  for (const [index, name] of Object.keys(hosts).entries()) {
    const inner = ["--tunl-ip", `172.28.0.1${index + 1}`, "--tunl-peer-ip", HUB];
    const words = ["-n1", "-b@eth0", "-r192.0.2.1:10001", ...inner, "--auth-token", `the token of ${name}`];
    scenario.start(hosts[name]!, ...words);
    await hub.waitForLine(new RegExp(` ${name}: tunnel up`), PATIENCE);
  }
  await t.step("the second client has one of another network, and the container can be reached", async () => {
    assert.match(await tunnelOf("b"), / local 172\.29\.1\.0 /);
    for (const host of ["client", "client2"] as const) await scenario.ping(host, HUB);
    await scenario.ping("server", "172.29.0.1");
    await scenario.ping("server", "172.28.0.12");
  });
  await t.step("nobody outside is told that it is here", async () => {
    const ask = async (ip: string) =>
      (await network.must("router", ["/usr/bin/python3", "-B", ARP_REQUEST, "server", "192.0.2.254", ip]))
        .trim();
    assert.equal(await ask("192.0.2.1"), "answer");
    assert.equal(await ask("172.29.1.0"), "silence");
  });
  await t.step("it moves when a network with it appears, and the first client loses no packet", async () => {
    const pings = network.spawn("client", ["ping", "-i0.02", HUB]);
    await pings.waitForLine(/icmp_seq=3 /, PATIENCE);
    await addContainer("br2", "172.29.1");
    await eventually("it has moved", async () => / local 172\.29\.2\.0 /.test(await tunnelOf("b")));
    for (const host of ["client", "client2"] as const) await scenario.ping(host, HUB);
    await scenario.ping("server", "172.29.1.1");
    await endUnharmed(pings);
  });
  await t.step("nothing is left behind", async () => {
    assert.equal((await hub.kill()).code, 0);
    const addresses = await network.must("server", ["ip", "-o", "-4", "address", "show", "dev", "lo"]);
    assert.deepEqual(addresses.match(/inet \S+/g), ["inet 127.0.0.1/8"]);
  });
});
