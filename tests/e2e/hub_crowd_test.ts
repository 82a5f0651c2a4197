import assert from "node:assert/strict";
import type { Process } from "../lab/process.ts";
import { hubToml, makeMembers, type Member, openPlaces, sendAll, type Spread } from "./crowd.ts";
import { eventually, IPIPOU, Scenario } from "./scenario.ts";

/** Twice as many take minutes on an emulated processor; `deno task bench hub` has a thousand. */
const COUNT = 500;
/** How many move behind one address. The kernel finds each tunnel there in a list of all. */
const MOVING = 100;
const MIB = 1024;

async function residentKiB(pid: number): Promise<number> {
  return Number(/^VmRSS:\s+(\d+)/m.exec(await Deno.readTextFile(`/proc/${pid}/status`))![1]);
}

Deno.test("hundreds of clients connect in one burst, many of them move in another, and all leave nothing behind", async (t) => {
  await using scenario = await Scenario.create({ direct: true });
  const { network } = scenario;
  await openPlaces(network);
  const before = await scenario.snapshot("server");
  const members = await makeMembers(COUNT);
  const { env, take } = await scenario.programCounter();
  const start = async (toml: string) => {
    const config = await scenario.write("hub.toml", toml);
    const server = network.spawn("server", [IPIPOU, "--config", config], env);
    await server.waitForLine(/waiting for clients/, 120_000);
    return server;
  };
  /** Changes one of these members, all admitted, by a reload of their hub. @returns the programs that it ran */
  const changeOne = async (server: Process, all: readonly Member[]) => {
    await take();
    const { name, ip } = all.at(-1)!;
    await scenario.write("hub.toml", hubToml(all).replace(`"${ip}"`, '"172.28.63.77"'));
    server.signal("SIGHUP");
    await server.waitForLine(new RegExp(`reload: ${name}: tunl\\.peer-ip changed`), 120_000);
    return await take();
  };
  const alone = await start(hubToml(members.slice(0, 1)));
  const baseline = await residentKiB(alone.pid);
  await sendAll(network, members.slice(0, 1), "addresses");
  await alone.waitForLine(/tunnel up/, 120_000);
  assert.deepEqual(await changeOne(alone, members.slice(0, 1)), []);
  assert.equal((await alone.kill()).code, 0);
  const server = await start(hubToml(members));
  /** Makes members authenticate in one burst, and waits until the server has logged `words` for each. */
  const burst = async (moving: readonly Member[], spread: Spread, words: string) => {
    await take();
    let found = 0;
    server.onLine = (line) => {
      if (line.includes(words)) found++;
    };
    await sendAll(network, moving, spread);
    const { length } = moving;
    await eventually(`${length} times: ${words}`, () => found === length, 240_000);
    const programs = await take();
    // For the first private address the rules become others.
    assert.ok(programs.length <= 1, programs.join("\n"));
  };

  await t.step(
    "each from its own address, without a program",
    () => burst(members, "addresses", ": tunnel up to "),
  );

  await t.step("the hub uses little memory", async () => {
    const resident = await residentKiB(server.pid);
    assert.ok(resident <= 120 * MIB, `${resident} KiB`);
    assert.ok(resident - baseline <= 30 * MIB, `${resident} KiB, with one peer ${baseline}`);
  });

  await t.step("a reload that changes one peer runs no program", async () => {
    assert.deepEqual(await changeOne(server, members), []);
  });

  await t.step(
    "many move behind one address",
    () => burst(members.slice(0, MOVING), "ports", ": moved from "),
  );

  await t.step("a clean stop", async () => {
    assert.equal((await server.kill()).code, 0);
    const programs = await take();
    assert.ok(programs.length <= 10, `${programs.length} programs`);
    assert.equal(await scenario.snapshot("server"), before);
  });
});
