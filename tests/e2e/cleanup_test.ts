import assert from "node:assert/strict";
import { ADDRESS, type Host } from "../lab/network.ts";
import { makeForeignThings } from "./foreign_things.ts";
import { INNER, IPIPOU, PATIENCE, PORT, Scenario } from "./scenario.ts";

const TOKEN = ["--auth-token", "open sesame"];
const SIDES = ["server", "client"] as const;

/** Runs a server and a client until the tunnel is up, and kills them. */
async function leaveThings(scenario: Scenario, ...serverOptions: string[]): Promise<void> {
  const server = await scenario.server(...TOKEN, ...serverOptions);
  const client = await scenario.client("client", ...TOKEN);
  await server.waitForLine(/tunnel up/, PATIENCE);
  await scenario.ping("client");
  await Promise.all([server.kill("SIGKILL"), client.kill("SIGKILL")]);
}

async function snapshots(scenario: Scenario): Promise<string[]> {
  return await Promise.all(SIDES.map((side) => scenario.snapshot(side)));
}

async function cleanUp(scenario: Scenario, host: Host, ...argv: string[]) {
  return await scenario.network.run(host, [IPIPOU, "cleanup", ...argv]);
}

Deno.test("cleanup removes and lists everything that a killed server and client left, and touches nothing else", async (t) => {
  await using scenario = await Scenario.create();
  for (const side of SIDES) await makeForeignThings(scenario, side);
  const before = await snapshots(scenario);
  await leaveThings(scenario, "--force-fou-local-ip-alt");
  const standing = await snapshots(scenario);
  await t.step("cleanup of another instance leaves it in place", async () => {
    for (const side of SIDES) {
      const outcome = await cleanUp(scenario, side, "-n9");
      assert.deepEqual(outcome, { code: 0, stdout: "nothing of ipipou9 to remove\n", stderr: "" });
    }
    assert.deepEqual(await snapshots(scenario), standing);
  });
  await t.step("cleanup of the instance removes it, whatever the mode", async () => {
    assert.deepEqual(await cleanUp(scenario, "server", "-n1"), {
      code: 0,
      stdout: `removed device ipipou1, tunnel to ${ADDRESS.nat}:${PORT}\n` +
        `removed FOU port 172.29.0.1:${PORT}\nremoved FOU port ${ADDRESS.server}:${PORT}\n` +
        "removed address 172.29.0.1 of lo\nremoved gate gate-ipipou1 in table ip ipipou\n",
      stderr: "",
    });
    assert.deepEqual(await cleanUp(scenario, "client", "-s", "-n1"), {
      code: 0,
      stdout: `removed device ipipou1, tunnel to ${ADDRESS.server}:${PORT}\n` +
        `removed FOU port ${ADDRESS.client}:${PORT}\nremoved gate gate-ipipou1 in table ip ipipou\n`,
      stderr: "",
    });
    assert.deepEqual(await snapshots(scenario), before);
  });
  await t.step("a second cleanup has nothing to do", async () => {
    for (const side of SIDES) {
      const outcome = await cleanUp(scenario, side, "-n1");
      assert.deepEqual(outcome, { code: 0, stdout: "nothing of ipipou1 to remove\n", stderr: "" });
    }
    assert.deepEqual(await snapshots(scenario), before);
  });
});

Deno.test("cleanup names the FOU port of a killed server whose gate others have removed", async () => {
  await using scenario = await Scenario.create();
  const before = await scenario.snapshot("server");
  const server = await scenario.server(...TOKEN);
  await server.kill("SIGKILL");
  await scenario.network.must("server", ["nft", "flush", "ruleset"]);
  const { code, stdout } = await cleanUp(scenario, "server", "-n1");
  assert.equal(code, 0);
  const said =
    /^nothing of ipipou1 to remove\nFOU port 192\.0\.2\.1:10001 stays, [^\n]*: (ip fou del port [^\n]*)\n$/
      .exec(stdout);
  assert.ok(said, stdout);
  const next = await scenario.server(...TOKEN);
  assert.match(
    next.lines.join("\n"),
    /is foreign: .* if a killed run or version 0\.1 left it, stop this instance/,
  );
  assert.deepEqual(await next.kill(), { code: 0 });
  await scenario.network.must("server", said[1]!.split(" "));
  assert.equal(await scenario.snapshot("server"), before);
});

Deno.test("cleanup needs no secrets or libnetfilter_queue, for a client no nft, and fails with exit code 200", async (t) => {
  await using scenario = await Scenario.create();
  const before = await snapshots(scenario);
  await leaveThings(scenario);
  const hide = `for library in /usr/lib/*/libnetfilter_queue.so.1; do mount --bind /dev/null $library; done`;
  const run = async (host: Host, path: string, ...argv: string[]) =>
    await scenario.network.run(host, ["sh", "-c", `${hide}; PATH=${path} exec "$@"`, "sh", ...argv]);
  const onlyIp = `${scenario.directory}/bin`;
  await Deno.mkdir(onlyIp);
  await Deno.symlink("/usr/sbin/ip", `${onlyIp}/ip`);
  const all = "/usr/sbin:/usr/bin";
  await t.step("without a program or permission that it needs", async () => {
    const withoutQueue = await run("server", all, IPIPOU, "-s", "-n1", "-b@eth0", ...TOKEN);
    assert.equal(withoutQueue.code, 20, withoutQueue.stderr);
    const withoutNft = await run("server", onlyIp, IPIPOU, "cleanup", "-s", "-n1");
    assert.equal(withoutNft.code, 200);
    assert.match(
      withoutNft.stderr,
      /^ipipou: Cannot clean up: Cannot run nft: not found in PATH; install .*\n$/m,
    );
    const bare = ["setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"];
    const notAllowed = await run("client", all, ...bare, IPIPOU, "cleanup", "-n1");
    assert.equal(notAllowed.code, 200);
    assert.match(notAllowed.stderr, /^ipipou: Cannot clean up: [^\n]+\n$/);
  });
  await t.step("with a file whose secrets are gone, and with the options of the run", async () => {
    const toml = 'server = true\nnumber = 1\n[fou]\nlocal = "@eth0"\n[auth]\ntoken-file = "gone"\n';
    const path = await scenario.write("office.toml", toml);
    assert.equal((await run("server", all, IPIPOU, "cleanup", path)).code, 0);
    const options = ["-n1", "-b@eth0", "-r", `${ADDRESS.server}:${PORT}`, "--tunl-ip", INNER.client];
    assert.equal((await run("client", onlyIp, IPIPOU, "cleanup", ...options, ...TOKEN)).code, 0);
    const { stdout } = await run("client", all, IPIPOU, "cleanup", ...options, ...TOKEN);
    assert.equal(stdout, "removed gate gate-ipipou1 in table ip ipipou\n");
    assert.deepEqual(await snapshots(scenario), before);
  });
});

Deno.test("a second run of an instance, and its cleanup, are refused and change nothing, until the first is killed", async () => {
  await using scenario = await Scenario.create();
  const server = await scenario.server(...TOKEN);
  const client = await scenario.client("client", ...TOKEN);
  await server.waitForLine(/tunnel up/, PATIENCE);
  const standing = await snapshots(scenario);
  const [remote, own] = [["-r", `${ADDRESS.server}:${PORT}`], ["--tunl-ip", INNER.client]] as const;
  const running = { server, client };
  const options = { server: ["-s"], client: [...remote, ...own] };
  for (const host of SIDES) {
    const { pid } = running[host];
    const argv = [IPIPOU, "-n1", "-b@eth0", ...TOKEN, ...options[host]];
    const second = await scenario.network.run(host, argv);
    const why = `process ${pid} runs it; stop that one first`;
    assert.equal(second.code, 1);
    assert.ok(
      second.stderr.endsWith(`ipipou: Cannot run ipipou1: ${why}, or give this one another --number\n`),
      second.stderr,
    );
    const cleaning = await cleanUp(scenario, host, ...options[host], "-n1");
    assert.deepEqual(cleaning, {
      code: 200,
      stdout: "",
      stderr: `ipipou: Cannot clean up ipipou1: ${why}\n`,
    });
  }
  const reauth = ["-n1", "-b@eth0", ...TOKEN, ...options.client, "--reauth-only"];
  assert.equal((await scenario.network.run("client", [IPIPOU, ...reauth])).code, 0);
  assert.deepEqual(await snapshots(scenario), standing);
  await scenario.ping("client");
  await Promise.all([server.kill("SIGKILL"), client.kill("SIGKILL")]);
  await scenario.server(...TOKEN);
  assert.equal((await cleanUp(scenario, "client", "-n1")).code, 0);
});

Deno.test("convert writes a file that --config reads, once, readable by its owner only", async () => {
  const conf = "/etc/ipipou/e2e-convert.conf";
  const toml = "/etc/ipipou/e2e-convert.toml";
  await using scenario = await Scenario.create();
  await Deno.mkdir("/etc/ipipou", { recursive: true });
  try {
    await Deno.writeTextFile(conf, "# as in version 0.1\nserver\nnumber 1\nfou-local @eth0\nauth-token x\n");
    const ipipou = async (...argv: string[]) => await scenario.network.run("server", [IPIPOU, ...argv]);
    const early = await ipipou("--config", "e2e-convert");
    assert.equal(early.code, 2);
    assert.match(early.stderr, / ipipou convert --write e2e-convert\n$/);
    const first = await ipipou("convert", "--write", "e2e-convert");
    assert.deepEqual(first, { code: 0, stdout: `wrote ${toml} from ${conf}\n`, stderr: "" });
    assert.equal((await Deno.stat(toml)).mode! & 0o777, 0o600);
    assert.equal((await ipipou("convert", "e2e-convert")).stdout, await Deno.readTextFile(toml));
    assert.equal((await ipipou("convert", "--write", "e2e-convert")).code, 2);
    assert.equal((await ipipou("convert", "--write", "--force", "e2e-convert")).code, 0);
    const server = scenario.start("server", "--config", "e2e-convert");
    await server.waitForLine(/waiting for clients at/, PATIENCE);
    assert.equal((await server.kill()).code, 0);
  } finally {
    await Deno.remove(conf);
    await Deno.remove(toml).catch(() => {});
  }
});
