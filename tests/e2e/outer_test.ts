import assert from "node:assert/strict";
import { endUnharmed } from "../lab/pings.ts";
import type { Host } from "../lab/network.ts";
import type { Process } from "../lab/process.ts";
import { eventually, INNER, PATIENCE, PORT, Scenario } from "./scenario.ts";

const HEADERS = ["/usr/bin/python3", "-B", new URL("headers.py", import.meta.url).pathname];
const TOKEN = ["--auth-token", "open sesame"];

/** Headers inside the tunnel: TTL, TOS, DF. */
const INSIDE = ["33 0x00 0", "64 0xb8 1", "64 0x01 1", "64 0x02 1", "7 0x23 0"];

/** The last one, after a router on the way marked it. */
const MARKED = "99 0x03 0";

/** Prints the headers of what passes on a host. */
async function watch({ network }: Scenario, host: Host): Promise<Process> {
  const watcher = network.spawn(host, [...HEADERS, "watch", `${PORT}`]);
  await watcher.waitForLine(/^watching/, PATIENCE);
  watcher.lines.length = 0;
  return watcher;
}

/** Sends datagrams with each of the headers. @returns their headers on a device, with those outside the tunnel first */
async function headersOn(
  scenario: Scenario,
  watcher: Process,
  device: string,
  headers = INSIDE,
  last = "99 0x02 0",
) {
  watcher.lines.length = 0;
  const words = [...headers, "99 0x02 0"].flatMap((header) => header.split(" "));
  await scenario.network.must("client", [...HEADERS, "send", INNER.server, ...words]);
  const seen = () =>
    watcher.lines.filter((line) => line.startsWith(`${device} `)).map((line) =>
      line.slice(device.length + 1)
    );
  await eventually("all have passed", () => seen().at(-1)?.endsWith(last) === true);
  return seen().slice(0, -1);
}

Deno.test("a tunnel is one hop, and its outer header is what the options say, also after a reload and a restart", async (t) => {
  await using scenario = await Scenario.create();
  const { network } = scenario;
  const server = await scenario.server(...TOKEN);
  const settings = (more = "") =>
    `number = 1\nfou.local = "@eth0"\nfou.remote = "192.0.2.1:${PORT}"\n` +
    `tunl.ip = "${INNER.client}"\nauth.token = "open sesame"\n${more}`;
  const start = async () => {
    const client = scenario.start("client", "--config", await scenario.write("client.toml", settings()));
    await client.waitForLine(/set up/, PATIENCE);
    return client;
  };
  let client = await start();
  await server.waitForLine(/tunnel up/, PATIENCE);
  const outgoing = await watch(scenario, "client");
  const incoming = await watch(scenario, "server");
  await t.step("what is about to expire arrives, either way", async () => {
    await network.must("client", ["ping", "-c1", "-W5", "-w30", "-t1", INNER.server]);
    await network.must("server", ["ping", "-c1", "-W5", "-w30", "-t1", INNER.client]);
  });
  const outside = async () => await headersOn(scenario, outgoing, "eth0");
  await t.step("a TTL of 64, DSCP 0, the ECN of the packet inside but for CE, and DF", async () => {
    const outer = ["64 0x00 1", "64 0x00 1", "64 0x01 1", "64 0x02 1", "64 0x02 1"];
    assert.deepEqual(await outside(), outer.map((header, index) => `${header} ${INSIDE[index]}`));
  });
  await t.step(
    "a mark of congestion on the way gets inside where both ends know it, else the packet is lost",
    async () => {
      const ruleset = "table ip e { chain c { type filter hook forward priority 0; ip ecn set ce; }; }";
      await network.must("router", ["nft", ruleset]);
      const inside = await headersOn(
        scenario,
        incoming,
        "ipipou1",
        ["33 0x02 0", "33 0x00 0", "33 0x01 0"],
        MARKED,
      );
      assert.deepEqual(inside, ["33 0x03 0", "33 0x03 0"]);
      await network.must("router", ["nft", "delete table ip e"]);
    },
  );
  const pings = network.spawn("client", ["ping", "-i0.02", INNER.server]);
  await pings.waitForLine(/icmp_seq=3 /, PATIENCE);
  await t.step("all of the packet inside, after a reload", async () => {
    await scenario.reload(
      client,
      "client.toml",
      settings('tunl.ttl = "inherit"\ntunl.tos = "inherit"\ntunl.pmtudisc = false'),
    );
    const outer = ["33 0x00 0", "64 0xb8 1", "64 0x01 1", "64 0x02 1", "7 0x22 0"];
    assert.deepEqual(await outside(), outer.map((header, index) => `${header} ${INSIDE[index]}`));
  });
  await t.step("the defaults, after a kill and a restart, without a lost packet", async () => {
    await client.kill("SIGKILL");
    client = await start();
    assert.match((await outside())[4]!, /^64 0x02 1 /);
    await endUnharmed(pings);
  });
});

Deno.test("TCP gets through a path of a small MTU that tells nobody, by tunl.mtu or mss-clamp, for the hub and past it", async (t) => {
  await using scenario = await Scenario.create({ direct: true });
  const { network } = scenario;
  const [HUB, A, C] = ["172.28.0.2", "172.28.0.11", "172.28.0.13"];
  const settings = (more: string, ofA = "") => {
    const peer = (name: string, ip: string, more: string) =>
      `[[peer]]\nname = "${name}"\ntunl.peer-ip = "${ip}"\nauth.token = "of ${name}"\n${more}\n`;
    return `server = true\nnumber = 1\nfou.local = "@eth0"\ntunl.ip = "${HUB}"\nallowed-ips = ["172.28.0.0/24"]\n` +
      `${more}\n${peer("a", A!, ofA)}${peer("c", C!, "")}`;
  };
  const hub = scenario.start("server", "--config", await scenario.write("hub.toml", settings("")));
  await hub.waitForLine(/waiting for clients/, PATIENCE);
  for (const [host, name, ip] of [["client", "a", A], ["direct", "c", C]] as const) {
    const inner = ["--tunl-ip", ip!, "--tunl-peer-ip", HUB!, "--routes", "172.28.0.0/24"];
    const outer = ["-n1", "-b@eth0", "-r", `192.0.2.1:${PORT}`, "--auth-token", `of ${name}`];
    scenario.start(host, ...outer, ...inner);
    await hub.waitForLine(new RegExp(` ${name}: tunnel up`), PATIENCE);
  }
  await network.must("server", ["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
  const mute =
    "table ip mute { chain c { type filter hook output priority 0; icmp type destination-unreachable drop; }; }";
  for (const [host, device] of [["router", "nat"], ["nat", "wan"]] as const) {
    await network.must(host, ["nft", mute]);
    await network.must(host, ["ip", "link", "set", "dev", device, "mtu", "1400"]);
  }
  for (const host of ["server", "direct"] as const) {
    const listener = network.spawn(host, ["iperf3", "-s", "--forceflush"]);
    await listener.waitForLine(/Server listening/, PATIENCE);
  }
  /** Sends and receives 300 KB by TCP. @returns for each: "arrived", "late", or what iperf3 said */
  const transfers = async (to: string, seconds: number) => {
    const ends: string[] = [];
    for (const way of [[], ["-R"]]) {
      const transfer = ["timeout", `${seconds}`, "iperf3", "-c", to, "-n", "300K", ...way];
      let end = "";
      await eventually("the listener is done with the transfer before", async () => {
        const { code, stdout, stderr } = await network.run("client", transfer);
        end = code === 0 ? "arrived" : code === 124 ? "late" : stdout + stderr;
        return !end.includes("server is busy");
      });
      ends.push(end);
    }
    return ends;
  };
  await scenario.ping("client", C);
  await t.step("without either, it hangs", async () => {
    assert.deepEqual(await transfers(HUB!, 4), ["late", "late"]);
  });
  await t.step(
    "tunl.mtu of one peer at the hub lets through what ends there, and not what it forwards",
    async () => {
      await scenario.reload(hub, "hub.toml", settings('tunl.mss-clamp = "off"', "tunl.mtu = 1372"));
      assert.deepEqual(await transfers(HUB!, 60), ["arrived", "arrived"]);
      assert.equal((await transfers(C!, 4))[0], "late");
    },
  );
  await t.step("the clamp, which is on by default, also what the hub forwards", async () => {
    await scenario.reload(hub, "hub.toml", settings("", "tunl.mtu = 1372"));
    assert.deepEqual(await transfers(C!, 60), ["arrived", "arrived"]);
  });
  await t.step("a segment size does it alone", async () => {
    await scenario.reload(hub, "hub.toml", settings("tunl.mss-clamp = 1332"));
    assert.deepEqual([await transfers(HUB!, 60), await transfers(C!, 60)], [["arrived", "arrived"], [
      "arrived",
      "arrived",
    ]]);
  });
  await t.step("the hub leaves no rules behind", async () => {
    assert.equal((await hub.kill()).code, 0);
    assert.equal(await network.must("server", ["nft", "list", "ruleset"]), "");
  });
});
