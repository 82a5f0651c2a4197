import assert from "node:assert/strict";
import { eventually, makeKeys, PATIENCE, PORT, Scenario } from "../e2e/scenario.ts";
import { ADDRESS } from "../lab/network.ts";

const FLOODER = new URL("../e2e/flood.py", import.meta.url).pathname;
const NEWCOMER = new URL("../e2e/newcomer.py", import.meta.url).pathname;
const HUB = "172.28.0.2";
const SECRET = "a secret";
/** Addresses that the host "direct" has besides its own: a network for each time that clients come. */
const NEW_NETWORKS = "100.66.0.0/16";
/** In the rule that lets good hints pass. */
const HINTS = "@hints-ipipou1";
const MOST_TRIES = 2;
/** Seconds that a busy emulated machine may take for an answer. */
const SECONDS = 30;

const roamer = makeKeys();
const newcomers = Array.from({ length: 13 }, makeKeys);

async function startHub(scenario: Scenario): Promise<void> {
  const peers = [roamer, ...newcomers].map(({ publicKey }, index) =>
    `[[peer]]\nname = "p${index}"\ntunl.peer-ip = "172.28.0.${10 + index}"\n` +
    `auth.remote-pubkey-b64 = "${publicKey}"\n`
  );
  const settings = `server = true\nnumber = 1\nreply-on-auth-ok = true\nfou.local = "@eth0"\n` +
    `tunl.ip = "${HUB}"\nauth.secret = "${SECRET}"\n${peers.join("")}`;
  const { network } = scenario;
  await network.must("direct", ["ip", "route", "add", "local", NEW_NETWORKS, "dev", "lo"]);
  await network.must("router", ["ip", "route", "add", NEW_NETWORKS, "via", ADDRESS.direct]);
  const hub = scenario.start("server", "--config", await scenario.write("hub.toml", settings));
  await hub.waitForLine(/waiting for clients/, PATIENCE);
}

/**
 * Has some clients come, and one move to another port each time.
 *
 * @param time which time it is: each has addresses of its own, as a peer at another one's needs other rules
 * @returns how many tries each needed
 */
async function come(scenario: Scenario, time: number, clients: typeof newcomers): Promise<number[]> {
  const keys = [roamer, ...clients].map(({ privateKey }) => `${privateKey}\n`).join("");
  const output = await scenario.network.must("direct", [
    ...["/usr/bin/python3", "-B", NEWCOMER, `${ADDRESS.server}:${PORT}`, await scenario.write("keys", keys)],
    ...[SECRET, `100.66.${time}.`, ADDRESS.direct, String(MOST_TRIES), String(SECONDS)],
  ]);
  const lines = output.trim().split("\n");
  assert.equal(lines.length, 2 * clients.length, output);
  return lines.map((line) => Number(line.split(" ")[1]));
}

Deno.test("no flood keeps out clients with keys: new ones at new addresses, and one that moves, need two tries at most", async (t) => {
  await using scenario = await Scenario.create({ direct: true });
  await startHub(scenario);
  const ends = [`${ADDRESS.server}:${PORT}`, `${ADDRESS.direct}:${PORT}`];
  await come(scenario, 0, newcomers.slice(0, 1));
  const floods = [
    // Several times what the limits let through.
    { kind: "many", rate: "1000", limit: "limit rate over 200/second", clients: newcomers.slice(1, 7) },
    { kind: "address", rate: "200", limit: "update @limits-ipipou1", clients: newcomers.slice(7) },
  ];
  for (const [index, { kind, rate, limit, clients }] of floods.entries()) {
    await t.step(`from ${kind}`, async () => {
      const flooder = ["/usr/bin/python3", "-B", FLOODER, kind, ...ends, rate, "600"];
      const flood = scenario.network.spawn("router", flooder);
      const before = await scenario.counted(limit);
      const hinted = await scenario.counted(HINTS);
      await eventually("the limits are used up", async () => await scenario.counted(limit) > before + 400);
      const tries = await come(scenario, index + 1, clients);
      assert.ok(tries.every((count) => count >= 1 && count <= MOST_TRIES), tries.join(" "));
      assert.ok(await scenario.counted(HINTS) >= hinted + 2 * clients.length);
      await flood.kill("SIGKILL");
    });
  }
});
