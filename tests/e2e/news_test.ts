import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import type { Process } from "../lab/process.ts";
import { eventually, INNER, PATIENCE, Scenario } from "./scenario.ts";

/** What a reload reads of the kernel while nobody else changes anything. */
const FOU = ["FOU ports"];

const SETTINGS = `server = true
number = 1
routes = ["10.77.0.0/16"]
[fou]
local = "@eth0"
[auth]
token = "open sesame"
[tunl]
ip = "${INNER.server}"
peer-ip = "${INNER.client}"
`;

/** Reloads a server with these settings. @returns what it read of the kernel meanwhile */
async function reload(scenario: Scenario, server: Process, settings = SETTINGS): Promise<string[]> {
  const lines = await scenario.reload(server, "server.toml", settings);
  return lines.flatMap((line) => / reading the kernel's (.*)/.exec(line)?.[1] ?? []);
}

/** Everything in a server's kernel, without the numbers of devices. */
async function stateOf(scenario: Scenario): Promise<string> {
  const snapshot = await scenario.snapshot("server");
  return snapshot.replace(/^\d+: /gm, "");
}

Deno.test("changes by someone else are reverted at once, a deleted FOU port at the next auth packet or reload", async (t) => {
  await using scenario = await Scenario.create();
  const { network } = scenario;
  const config = await scenario.write("server.toml", SETTINGS);
  const server = scenario.start("server", "--config", config);
  await server.waitForLine(/waiting for clients/, PATIENCE);
  const client = await scenario.client("client", "--auth-token", "open sesame");
  await scenario.ping("client");
  assert.deepEqual(await reload(scenario, server), FOU);
  const standing = await stateOf(scenario);

  await t.step("our own changes need no look", async () => {
    for (const [from, to] of [["10.77.0.0/16", "10.78.0.0/16"], [INNER.server, "172.28.0.8"]] as const) {
      for (const text of [SETTINGS.replace(from, to), SETTINGS]) {
        assert.deepEqual(await reload(scenario, server, text), FOU, to);
      }
    }
    assert.deepEqual(await reload(scenario, server), FOU);
    assert.equal(await stateOf(scenario), standing);
  });

  const changes: Record<string, string> = {
    "a device that is down": "ip link set dev ipipou1 down",
    "a device with other outer addresses":
      "ip tunnel change ipipou1 mode ipip remote 198.51.100.9 local 192.0.2.1",
    "a deleted device": "ip link delete dev ipipou1",
    "a deleted address": `ip address flush dev ipipou1`,
    "a deleted route": "ip route delete 10.77.0.0/16 dev ipipou1",
    "a deleted element": "nft flush map ip ipipou remotes-ipipou1",
    "an element of others, with a comment":
      'nft add element ip ipipou addresses-ipipou1 { 198.51.100.77 comment "mine" }',
    "a rule of others before the first":
      'nft insert rule ip ipipou gate-ipipou1 udp dport 1-9 accept comment "mine"',
    "a rule that was replaced":
      "sh nft replace rule ip ipipou fou-ipipou1 handle $(nft -a list chain ip ipipou fou-ipipou1 | sed -n 's/.* handle //p' | tail -n 1) accept",
    "a table that was put to sleep": "nft add table ip ipipou { flags dormant ; }",
    "a deleted rule": "nft flush chain ip ipipou gate-ipipou1",
    "a flushed ruleset": "nft flush ruleset",
  };
  for (const [what, change] of Object.entries(changes)) {
    await t.step(what, async () => {
      const { length } = server.lines;
      await network.must(
        "server",
        change.startsWith("sh ") ? ["sh", "-ec", change.slice(3)] : change.split(" "),
      );
      await eventually("all is as it was", async () => await stateOf(scenario) === standing);
      await eventually("it has looked", () => {
        return server.lines.slice(length).some((line) => line.includes("reading the kernel's devices"));
      });
      // News that came during the look takes one more, a second later at most.
      await eventually(
        "it has seen what there is",
        async () => isDeepStrictEqual(await reload(scenario, server), FOU),
      );
    });
  }

  await t.step(
    "the MTU of the route to the far side is followed, one set by hand is left alone",
    async () => {
      const mtuIs = async (mtu: number) =>
        (await network.must("server", ["ip", "link", "show", "dev", "ipipou1"])).includes(` mtu ${mtu} `);
      const ip = (command: string) => network.must("server", ["ip", ...command.split(" ")]);
      await ip("link set dev eth0 mtu 1460");
      await eventually("the tunnel follows its device", () => mtuIs(1432));
      await ip("route add 198.51.100.0/24 via 192.0.2.254 mtu 1400");
      await eventually("the tunnel follows its route", () => mtuIs(1372));
      await ip("link set dev ipipou1 mtu 1300");
      await ip("route delete 198.51.100.0/24");
      await reload(scenario, server);
      assert.ok(await mtuIs(1300));
      await ip("link set dev ipipou1 mtu 1372");
      await ip("link set dev eth0 mtu 1500");
      await eventually("all is as it was", async () => await stateOf(scenario) === standing);
      await reload(scenario, server);
    },
  );

  await t.step("a deleted FOU port, at the next auth packet, and at a reload", async () => {
    const deletePort = () =>
      network.must("server", "ip fou del port 10001 ipproto 4 local 192.0.2.1".split(" "));
    await deletePort();
    await eventually("all is as it was", async () => {
      client.signal("SIGUSR1");
      return await stateOf(scenario) === standing;
    });
    await reload(scenario, server);
    await deletePort();
    assert.notEqual(await stateOf(scenario), standing);
    assert.deepEqual(await reload(scenario, server), FOU);
    assert.equal(await stateOf(scenario), standing);
  });

  await t.step("while nft cannot restore the gate, the FOU port is closed", async () => {
    const nft = `${scenario.programs}/nft`;
    const there = await Deno.readLink(nft);
    await Deno.remove(nft);
    await Deno.symlink("/bin/false", nft);
    const { length } = server.lines;
    await network.must("server", ["nft", "flush", "ruleset"]);
    const hasPort = async () =>
      (await network.must("server", ["ip", "fou", "show"])).includes("local 192.0.2.1");
    await eventually("the port is closed", async () => !await hasPort());
    await Deno.remove(nft);
    await Deno.symlink(there, nft);
    await eventually("all is as it was", async () => await stateOf(scenario) === standing);
    const places = () =>
      ["add chain ip ipipou fou-ipipou1", "ip fou add port 10001"].map((command) =>
        server.lines.slice(length).findIndex((line) => line.includes(command))
      );
    await eventually("both are told", () => places().every((place) => place >= 0));
    const [gate, port] = places();
    assert.ok(port! > gate!, "the gate comes first");
  });
  await scenario.ping("client");
  await Promise.all([client.kill(), server.kill()]);
});
