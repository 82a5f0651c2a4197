import assert from "node:assert/strict";
import { comparable, Mortal, SERVER, SERVER_UP, SIGKILLED, TOKEN } from "./mortal.ts";
import { INNER, PORT, Scenario } from "./scenario.ts";

const CLIENT = ["-n1", "-b@eth0", `-r192.0.2.1:${PORT}`, "--tunl-ip", INNER.client, ...TOKEN];

Deno.test("a server killed at any step of its start, an admission and a roam is taken over", async (t) => {
  await using scenario = await Scenario.create();
  const mortal = await Mortal.create(scenario, "server", SERVER, SERVER_UP);
  const before = await scenario.snapshot("server");
  await scenario.client("client", ...TOKEN, "--keepalive", "1");
  // Gate, FOU port; device, alias, address, up; outer address, and once it has authenticated anew, remote.
  await t.step("start and admission", async () => assert.equal(await mortal.climb(1), 8));
  // Device; remote.
  for (const step of [1, 2]) {
    await t.step(`roam, after step ${step}`, async () => {
      const server = await mortal.live();
      await scenario.ping("client");
      await mortal.dieAfter(step);
      await scenario.network.remapNat();
      assert.deepEqual(await server.exit, SIGKILLED, server.lines.join("\n"));
    });
  }
  const last = await mortal.live();
  await scenario.ping("client");
  const map = ["nft", "list", "map", "ip", "ipipou", "remotes-ipipou1"];
  const remotes = await scenario.network.must("server", map);
  assert.equal(remotes.match(/198\.51\.100\.2 \. \d+/g)?.length, 1, remotes);
  assert.equal((await last.kill()).code, 0);
  assert.equal(await scenario.snapshot("server"), before);
});

Deno.test("a server with a private address killed at steps of its start and of its stop is taken over", async (t) => {
  await using scenario = await Scenario.create();
  const args = [...SERVER, "--force-fou-local-ip-alt"];
  const mortal = await Mortal.create(scenario, "server", args, SERVER_UP);
  const before = await scenario.snapshot("server");
  await scenario.client("client", ...TOKEN, "--keepalive", "1");
  // Gate, FOU port | gate that readdresses, device | alias, address | FOU port, inner address | up, remote.
  await t.step("start and admission", async () => assert.equal(await mortal.climb(2), 5));
  const standing = comparable(await scenario.snapshot("server"));
  const check = async () => {
    await scenario.ping("client");
    assert.deepEqual(comparable(await scenario.snapshot("server")), standing);
  };
  // One of two FOU ports; device, which is the fifth after its group.
  await t.step("stop", () => mortal.stopByDeaths([2, 5], check));
  assert.equal(await scenario.snapshot("server"), before);
});

Deno.test("a client killed at any step of its start, and amid its stop, is taken over by the next", async (t) => {
  await using scenario = await Scenario.create();
  const mortal = await Mortal.create(scenario, "client", CLIENT, /set up/);
  const before = await scenario.snapshot("client");
  await scenario.server(...TOKEN);
  // Device, alias, FOU port, address, up.
  await t.step("start", async () => assert.equal(await mortal.climb(1), 5));
  // FOU port. The device is the last.
  await t.step("stop", () => mortal.stopByDeaths([1], () => scenario.ping("client")));
  assert.equal(await scenario.snapshot("client"), before);
});
