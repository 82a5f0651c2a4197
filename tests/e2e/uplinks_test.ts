import assert from "node:assert/strict";
import { ADDRESS, type Host } from "../lab/network.ts";
import type { Process } from "../lab/process.ts";
import { eventually, INNER, PATIENCE, PORT, Scenario } from "./scenario.ts";

const TOKEN = ["--auth-token", "open sesame", "--reply-on-auth-ok"];

/** The second uplink of a host: eth1, behind the router too. */
interface Uplink {
  readonly host: Host;
  readonly address: string;
  readonly gateway: string;
}

const OF_CLIENT: Uplink = { host: "direct", address: "203.0.114.2", gateway: "203.0.114.254" };
const OF_SERVER: Uplink = { host: "server", address: "192.0.3.1", gateway: "192.0.3.254" };

/** Gives a host a second uplink with a default route in table 102, which nothing chooses yet. */
async function addUplink({ network }: Scenario, { host, address, gateway }: Uplink): Promise<void> {
  const second = `${host}2`;
  const there = `name ${second} netns ${network.ns("router")}`;
  const commands = [
    `ip link add eth1 type veth peer ${there}`,
    // Addresses that the kernel lists first, and that lead nowhere.
    `ip address add ${gateway.replace(/\d+$/, "9")}/24 dev eth1 valid_lft forever preferred_lft 0`,
    "ip address add 169.254.7.7/16 dev eth1 scope link",
    `ip address add ${address}/24 dev eth1`,
    "ip link set dev eth1 up",
    `ip -n ${network.ns("router")} address add ${gateway}/24 dev ${second}`,
    `ip -n ${network.ns("router")} link set dev ${second} up`,
    `ip route add default via ${gateway} dev eth1 table 102`,
  ];
  await network.must(host, ["sh", "-ec", commands.join("\n")]);
  // As a provider does: nothing passes by one uplink that has the other one's source.
  const ingress = `table ip ingress-${host} {
    chain forward {
      type filter hook forward priority filter
      iifname ${host} ip saddr ${gateway}/24 counter drop
      iifname ${second} ip saddr != ${gateway}/24 counter drop
    }
  }`;
  await network.must("router", ["nft", "-f", "-"], { stdin: ingress });
}

function rule({ network }: Scenario, { host }: Uplink, verb: "add" | "del", words: string): Promise<string> {
  return network.must(host, ["ip", "rule", verb, ...words.split(" "), "lookup", "102"]);
}

function startClient(scenario: Scenario, host: Host, server: string, ...words: readonly string[]): Process {
  const remote = ["-r", `${server}:${PORT}`, "--tunl-ip", INNER.client];
  return scenario.start(host, "-n1", ...remote, ...TOKEN, ...words);
}

async function assertConnected(
  scenario: Scenario,
  client: Process,
  host: Host,
  server: string,
): Promise<void> {
  await client.waitForLine(new RegExp(`accepted by ${server.replaceAll(".", "\\.")}:${PORT}`), PATIENCE);
  await scenario.ping(host);
  await scenario.ping("server", INNER.client);
}

Deno.test("a client's auth packets and data take one uplink, however that is chosen", async (t) => {
  await using scenario = await Scenario.create({ direct: true });
  await addUplink(scenario, OF_CLIENT);
  const { address, host } = OF_CLIENT;
  const server = await scenario.server(...TOKEN);
  const check = async (...words: readonly string[]) => {
    const client = startClient(scenario, host, ADDRESS.server, ...words);
    await assertConnected(scenario, client, host, ADDRESS.server);
    assert.equal((await client.kill()).code, 0);
  };
  await t.step("a device without a route says so, and is followed when it has one", async () => {
    const client = startClient(scenario, host, ADDRESS.server, "-b@eth1");
    const why = `no route from ${address} by eth1`;
    await client.waitForLine(new RegExp(`Cannot send to .*${why}`), PATIENCE);
    await rule(scenario, OF_CLIENT, "add", `from ${address}`);
    await assertConnected(scenario, client, host, ADDRESS.server);
    assert.equal((await client.kill()).code, 0);
  });
  for (const form of [address, `${address}@eth1`, "@eth1"]) {
    await t.step(`a rule for the source address, and -b ${form}`, () => check("-b", form));
  }
  await rule(scenario, OF_CLIENT, "del", `from ${address}`);
  await t.step("a rule for a mark", async () => {
    await rule(scenario, OF_CLIENT, "add", "fwmark 0x66");
    await check("-b", address, "--fou-mark", "0x66");
  });
  await t.step(
    "the default route is followed to the other uplink and back, without -b and a keepalive",
    async () => {
      const client = startClient(scenario, host, ADDRESS.server, "--keepalive", "0");
      await assertConnected(scenario, client, host, ADDRESS.server);
      const first = await scenario.network.must(host, ["ip", "route", "show", "default"]);
      const follow = async (from: string, to: string, route: string) => {
        await scenario.network.must(host, ["ip", "route", "replace", ...route.trim().split(" ")]);
        await client.waitForLine(new RegExp(`changed from ${from} to ${to}: following it`), PATIENCE);
        await server.waitForLine(new RegExp(`moved from ${from}:${PORT} to ${to}:${PORT}`), PATIENCE);
        await scenario.ping(host);
      };
      await follow(ADDRESS.direct, address, `default via ${OF_CLIENT.gateway} dev eth1`);
      await follow(address, ADDRESS.direct, first);
      assert.equal((await client.kill()).code, 0);
    },
  );
  await t.step("an address that changes is followed", async (t) => {
    const client = startClient(scenario, host, ADDRESS.server, "-b@eth1", "--fou-mark", "0x66");
    await assertConnected(scenario, client, host, ADDRESS.server);
    const next = "203.0.114.3";
    const commands = [`address delete ${address}/24 dev eth1`, `address add ${next}/24 dev eth1`, ""];
    await scenario.network.must(host, ["ip", "-batch", "-"], { stdin: commands.join("\n") });
    await client.waitForLine(new RegExp(`changed from ${address} to ${next}: following it`), PATIENCE);
    await server.waitForLine(new RegExp(`moved from ${address}:${PORT} to ${next}:${PORT}`), PATIENCE);
    await scenario.ping(host);
    await t.step(
      "a device that is gone is waited for, and one of its name used at once, without a keepalive",
      async () => {
        await scenario.network.must(host, ["ip", "link", "delete", "dev", "eth1"]);
        await client.waitForLine(/network device eth1 .* there is no such device.*, and waiting/, PATIENCE);
        await addUplink(scenario, OF_CLIENT);
        await server.waitForLine(new RegExp(`moved from ${next}:${PORT} to ${address}:${PORT}`), PATIENCE);
        // The tunnel is made anew on the new device.
        await eventually("data passes", () => scenario.answers(host));
      },
    );
    assert.equal((await client.kill()).code, 0);
  });
});

Deno.test("a server's replies and data leave from the address that was addressed, by its uplink", async (t) => {
  await using scenario = await Scenario.create();
  await addUplink(scenario, OF_SERVER);
  const { address } = OF_SERVER;
  await rule(scenario, OF_SERVER, "add", `from ${address}`);
  const alt = "--force-fou-local-ip-alt";
  for (const words of [[address], [address, alt], ["@eth1", alt]]) {
    await t.step(`-b ${words.join(" ")}`, async () => {
      const server = scenario.start("server", "-s", "-n1", "-b", ...words, ...TOKEN);
      await server.waitForLine(/waiting for clients at/, PATIENCE);
      const client = startClient(scenario, "client", address, "-b@eth0");
      await assertConnected(scenario, client, "client", address);
      assert.equal((await client.kill()).code, 0);
      assert.equal((await server.kill()).code, 0);
    });
  }
});
