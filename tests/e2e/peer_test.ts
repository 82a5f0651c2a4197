import assert from "node:assert/strict";
import type { Host } from "../lab/network.ts";
import type { Process } from "../lab/process.ts";
import { endUnharmed } from "../lab/pings.ts";
import { eventually, IPIPOU, PATIENCE, Scenario } from "./scenario.ts";

const CONFIG_FOLDER = "/etc/ipipou";
const HUB = "e2e-peer";
/** Its inner address, in a network with five more addresses. */
const INNER_HUB = "172.28.16.1";
const HUB_TOML = `server = true
number = 1
fou.local = "@eth0"
tunl.net = "172.28.16.0/29"
auth.secret-file = "${HUB}.secret"
reply-on-auth-ok = true
`;

/** Makes the settings of a hub without peers in /etc/ipipou, which is cleaned up with `resources`. */
async function prepare(resources: AsyncDisposableStack): Promise<void> {
  await Deno.mkdir(`${CONFIG_FOLDER}/${HUB}.peers`, { recursive: true });
  resources.defer(async () => {
    for (const name of [`${HUB}.peers`, `${HUB}.toml`, `${HUB}.secret`]) {
      await Deno.remove(`${CONFIG_FOLDER}/${name}`, { recursive: true });
    }
  });
  await Deno.writeTextFile(`${CONFIG_FOLDER}/${HUB}.toml`, HUB_TOML);
  await Deno.writeTextFile(`${CONFIG_FOLDER}/${HUB}.secret`, "a secret of all\n", { mode: 0o600 });
}

async function startHub(scenario: Scenario): Promise<Process> {
  const hub = scenario.start("server", "--config", HUB);
  await hub.waitForLine(/waiting for clients/, PATIENCE);
  return hub;
}

/** Runs `ipipou peer` on the server. */
async function peer(scenario: Scenario, ...words: string[]) {
  return await scenario.network.run("server", [IPIPOU, "peer", ...words]);
}

/** Gives a client its own /etc/ipipou. @returns makes the command line that runs a command with it */
async function ownFolder(scenario: Scenario, host: Host): Promise<(...argv: string[]) => string[]> {
  const folder = `${scenario.directory}/${host}`;
  await Deno.mkdir(folder);
  return (...argv) => ["sh", "-c", `mount --bind ${folder} ${CONFIG_FOLDER} && exec "$@"`, "sh", ...argv];
}

async function startClient(scenario: Scenario, hub: Process, host: Host, argv: string[], name: string) {
  const client = scenario.network.spawn(host, argv);
  await hub.waitForLine(new RegExp(` ${name}: tunnel up`), PATIENCE);
  await client.waitForLine(/accepted by 192\.0\.2\.1:10001/, PATIENCE);
  return client;
}

Deno.test("a peer is added to a running hub and removed with one command each, without disturbing other peers", async (t) => {
  await using resources = new AsyncDisposableStack();
  const scenario = resources.use(await Scenario.create({ direct: true }));
  await prepare(resources);
  const before = await scenario.snapshot("server");
  const hub = await startHub(scenario);
  const [onClient, onDirect] = [await ownFolder(scenario, "client"), await ownFolder(scenario, "direct")];
  const told = `told ${HUB} (pid ${hub.pid}) to reload\n`;
  const file = (name: string) => `${CONFIG_FOLDER}/${HUB}.peers/${name}.toml`;
  let inner = "";

  await t.step("with the client's own key, by a command line for its shell", async () => {
    const keygen =
      `umask 077; ${IPIPOU} --auth-keygen > ${CONFIG_FOLDER}/${HUB}.key; tail -n 1 ${CONFIG_FOLDER}/${HUB}.key`;
    const publicKey = (await scenario.network.must("client", onClient("sh", "-ec", keygen))).trim();
    const words = ["--auth-remote-pubkey-b64", publicKey, "--endpoint", "192.0.2.1", "--line"];
    const added = await peer(scenario, "add", HUB, "office", ...words);
    assert.deepEqual([added.code, added.stderr], [0, `wrote ${file("office")}\n${told}`]);
    assert.equal((await Deno.stat(file("office"))).mode! & 0o777, 0o644);
    await hub.waitForLine(/reload: office: added/, PATIENCE);
    await scenario.network.must("client", onClient("sh", "-c", added.stdout));
    await startClient(scenario, hub, "client", onClient(IPIPOU, "--config", HUB), "office");
    await scenario.ping("client", INNER_HUB);
    inner = /peer-ip = "([^"]*)"/.exec(await Deno.readTextFile(file("office")))![1]!;
    await scenario.ping("server", inner);
  });
  await t.step("with a key that the hub makes, by a settings file", async () => {
    const added = await peer(scenario, "add", HUB, "home", "--make-key", "--endpoint", "192.0.2.1");
    assert.equal(added.stderr, `wrote ${file("home")}\n${told}`);
    await Deno.writeTextFile(`${scenario.directory}/direct/${HUB}.toml`, added.stdout, { mode: 0o600 });
    await startClient(scenario, hub, "direct", onDirect(IPIPOU, "--config", HUB), "home");
    await scenario.ping("direct", INNER_HUB);
    const { stdout } = await peer(scenario, "list", HUB);
    assert.match(
      stdout,
      new RegExp(`^home .* key  ${file("home")}\noffice +${inner} +key  ${file("office")}\n$`),
    );
  });
  await t.step("not where the private key of its client would be lost", async () => {
    const add = `${IPIPOU} peer add ${HUB} lost --make-key --endpoint 192.0.2.1 > /dev/full`;
    const { code, stderr } = await scenario.network.run("server", ["sh", "-c", add]);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /removed .*lost\.toml\n(.*\n)*ipipou: Cannot write to standard output: No space left/,
    );
    const { stdout } = await peer(scenario, "list", HUB);
    assert.doesNotMatch(stdout, /^lost /m);
  });
  await t.step("a conflicting peer is refused, and changes nothing", async () => {
    const { length } = hub.lines;
    const refused = await peer(
      scenario,
      "add",
      HUB,
      "third",
      "--make-key",
      "--endpoint",
      "h",
      "--tunl-peer-ip",
      inner,
    );
    assert.deepEqual([refused.code, refused.stdout], [2, ""]);
    assert.match(refused.stderr, /^ipipou: [^\n]*they have the same tunnel address[^\n]*\n$/);
    const names = await Array.fromAsync(Deno.readDir(`${CONFIG_FOLDER}/${HUB}.peers`), ({ name }) => name);
    assert.deepEqual(names.sort(), ["home.toml", "office.toml"]);
    assert.deepEqual(hub.lines.slice(length).filter((line) => !line.includes("authenticated again")), []);
  });
  await t.step("removing a peer ends its tunnel, and the other loses no packet", async () => {
    const flood = scenario.network.spawn("direct", ["ping", "-i0.05", INNER_HUB]);
    await flood.waitForLine(/icmp_seq=3 /, PATIENCE);
    const removed = await peer(scenario, "remove", HUB, "office");
    assert.deepEqual(removed, { code: 0, stdout: "", stderr: `removed ${file("office")}\n${told}` });
    await hub.waitForLine(/reload: office: removed/, PATIENCE);
    await endUnharmed(flood);
    assert.equal(await scenario.answers("client", INNER_HUB), false);
    const links = await scenario.network.must("server", ["ip", "-o", "link"]);
    assert.doesNotMatch(links, / office[:@]/);
    assert.match(links, / home[:@]/);
  });
  await t.step(
    "peers added at the same time get different addresses, and one too many is refused",
    async () => {
      const names = ["a", "b", "c", "d", "e"];
      const outcomes = await Promise.all(
        names.map((name) => peer(scenario, "add", HUB, name, "--make-key", "--endpoint", "192.0.2.1")),
      );
      assert.deepEqual(outcomes.map(({ code }) => code).sort(), [0, 0, 0, 0, 2]);
      const refused = outcomes.find(({ code }) => code === 2)!;
      assert.match(refused.stderr, /all addresses of 172\.28\.16\.0\/29 .* are taken/);
      const { stdout } = await peer(scenario, "list", HUB);
      assert.equal(new Set(stdout.match(/172\.28\.16\.\d+/g)).size, 5);
      await eventually("the hub has them all", () => {
        const added = hub.lines.filter((line) => / reload: [a-e]: added/.test(line));
        return Promise.resolve(added.length === 4);
      });
      await scenario.ping("direct", INNER_HUB);
    },
  );
  await t.step("a hub that is not running is not told to reload", async () => {
    assert.equal((await hub.kill()).code, 0);
    assert.equal(await scenario.snapshot("server"), before);
    const { stderr } = await peer(scenario, "remove", HUB, "home");
    assert.equal(
      stderr,
      `removed ${file("home")}\n${HUB} is not running: the change takes effect when it starts\n`,
    );
  });
});
