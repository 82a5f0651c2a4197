import assert from "node:assert/strict";
import { must } from "../../tools/command.ts";
import { ADDRESS } from "../lab/network.ts";
import { Process } from "../lab/process.ts";
import { listingOf, RealHost } from "./real_host.ts";
import { INNER, IPIPOU, makeKeys, PATIENCE, PORT, Scenario } from "./scenario.ts";

const { privateKey, publicKey } = makeKeys();
const SECRET = "a secret that nobody is told";
const HUB = `\
server = true
[fou]
local = "@eth0"
local-port = [10001, 10002]
[tunl]
net = "172.28.16.0/20"
mss-clamp = "auto"
[auth]
secret = "${SECRET}"
[[peer]]
name = "office"
auth.remote-pubkey-b64 = "${publicKey}"
allowed-ips = ["10.8.0.0/16"]
[[peer]]
name = "home"
auth.token = "another secret of 24 characters"
`;

/** Folders and files of one test. */
class Folder implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<Folder> {
    const folder = new Folder(await Deno.makeTempDir({ prefix: "ipipou-e2e-" }));
    await folder.write("key", `${privateKey}\n`);
    await folder.write("secret", SECRET);
    return folder;
  }

  /** @returns its path */
  async write(name: string, text: string): Promise<string> {
    const path = `${this.path}/${name}`;
    await Deno.writeTextFile(path, text, { mode: 0o600 });
    return path;
  }

  /** A command line of the program that leaves its files here. */
  argv(args: readonly string[]): string[] {
    const folders = [`STATE_DIRECTORY=${this.path}/state`, `RUNTIME_DIRECTORY=${this.path}/run`];
    return ["env", ...folders, IPIPOU, ...args];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.path, { recursive: true });
  }
}

/** A run on a host. */
class Run implements AsyncDisposable {
  readonly process: Process;

  private constructor(process: Process) {
    this.process = process;
  }

  static async start(host: RealHost, folder: Folder, args: readonly string[]): Promise<Run> {
    const process = new Process(["ip", "netns", "exec", host.name, ...folder.argv(args)]);
    await process.waitForLine(/waiting for clients at|set up,/, PATIENCE);
    return new Run(process);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.kill("SIGKILL");
  }
}

/** Listings without what changes by time alone: the state of new links, and hints. */
async function stateOf(host: RealHost): Promise<string[]> {
  return (await listingOf(host)).map((text) =>
    text.replace(/NO-CARRIER,|,LOWER_UP| state [A-Z]+/g, "").replace(/(set hints-\S+ \{\n.*\n)[^}]*/g, "$1")
  );
}

async function tell(host: RealHost, folder: Folder, args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await host.run(folder.argv(["--dry-run", ...args]));
  assert.equal(code, 0, stderr);
  for (const secret of [SECRET, privateKey, "another secret"]) assert.ok(!(stdout + stderr).includes(secret));
  for (const line of stderr.trimEnd().split("\n")) assert.match(line, /^# would log: /);
  return stdout;
}

async function paste(host: RealHost, script: string): Promise<void> {
  const { code, stderr } = await host.run(["sh", "-e"], script.split("\n").slice(0, -1));
  assert.deepEqual({ code, stderr }, { code: 0, stderr: "" });
}

/** Pastes into one host what starts on another one do. */
async function comparePasted(folder: Folder, ...starts: readonly (readonly string[])[]): Promise<void> {
  await using typed = await RealHost.create();
  await using started = await RealHost.create();
  for (const args of starts) {
    const before = await stateOf(typed);
    const script = await tell(typed, folder, args);
    assert.deepEqual(await stateOf(typed), before, "it changes nothing");
    await paste(typed, script);
    assert.notDeepEqual(await stateOf(typed), before);
    await using _run = await Run.start(started, folder, args);
    assert.deepEqual(await stateOf(typed), await stateOf(started), script);
    for (const host of [typed, started]) {
      const rest = (await tell(host, folder, args)).replace(
        /^nft .*\n(?:.* element ip ipipou hints-.*\n)+END\n/gm,
        "",
      );
      assert.doesNotMatch(rest, /^[^#]/m);
    }
  }
}

Deno.test("what a dry run of a client prints leads where its start leads, also from what another run left", async () => {
  await using folder = await Folder.create();
  const keys = ["--auth-key-file", `${folder.path}/key`, "--auth-secret-file", `${folder.path}/secret`];
  const client = ["-n1", "-r", `198.51.100.1:${PORT}`, "--tunl-ip", INNER.client, ...keys];
  await comparePasted(
    folder,
    client,
    [...client, "-b", "@eth0", "--routes", "10.5.0.0/16,10.6.0.1", "--tunl-mtu", "1300", "--encap-csum"],
    [...client, "-b", ":10007", "--tunl-shared-ipip", "--tunl-ttl", "inherit", "--tunl-tos", "CS1"],
  );
});

Deno.test("what a dry run of a server prints leads where its start leads, also from what another run left", async () => {
  await using folder = await Folder.create();
  const keys = ["--auth-remote-pubkey-b64", publicKey, "--auth-secret-file", `${folder.path}/secret`];
  const server = ["-s", "-n1", "-b", "@eth0", ...keys];
  await comparePasted(folder, server, [...server, "--fou-local-port", "10003", "--no-nft-counter"]);
});

Deno.test("what a dry run of a hub prints leads where its start leads, also from what another run left", async () => {
  await using folder = await Folder.create();
  const hub = await folder.write("hub.toml", HUB);
  const other = await folder.write("other.toml", HUB.replace("[10001, 10002]", "[10002]"));
  const named = ["--tunl-dev", "hub"];
  await comparePasted(folder, ["--config", hub, ...named], ["--config", other, ...named]);
});

Deno.test("a dry run's comments are what an admission does, for a peer that has one place only", async () => {
  await using scenario = await Scenario.create({ direct: true });
  await scenario.write("key", `${privateKey}\n`);
  const place = ["-r", `${ADDRESS.direct}:${PORT}`, "--auth-by-remote-ip", "--auth-by-remote-port"];
  const args = ["-s", "-n1", "-b", "@eth0", "--auth-remote-pubkey-b64", publicKey, ...place];
  const { stdout } = await scenario.command("server", "--dry-run", ...args);
  const server = scenario.start("server", ...args);
  await server.waitForLine(/waiting for clients/, PATIENCE);
  const client = await scenario.client("direct", "--auth-key-file", `${scenario.directory}/key`);
  await server.waitForLine(/tunnel up to/, PATIENCE);
  await scenario.ping("direct");
  const admitted = await scenario.snapshot("server");
  await Promise.all([server.kill(), client.kill("SIGKILL")]);
  assert.match(stdout, /^# when ipipou1 authenticates, from 203\.0\.113\.2:10001:\n#/m);
  await scenario.network.must("server", ["sh", "-e"], { stdin: stdout.replace(/^#(?! )/gm, "") });
  const numberless = (snapshot: string) => snapshot.replace(/^\d+: /gm, "");
  assert.equal(numberless(await scenario.snapshot("server")), numberless(admitted));
  await scenario.ping("direct");
});

Deno.test("a dry run needs no lock, and says what is wrong as a start does", async () => {
  await using folder = await Folder.create();
  await using host = await RealHost.create();
  const argv = folder.argv([
    "--dry-run",
    "-s",
    "-n1",
    "-b",
    "@eth0",
    "--auth-token",
    "a token of 24 characters",
  ]);
  // The namespace's lock, by which instances wait for each other.
  const locked = await host.run(["flock", "/proc/self/ns/net", ...argv]);
  assert.equal(locked.code, 0, locked.stderr);
  assert.match(locked.stderr, /^# would log: Warning: The value of --auth-token is visible/m);
  const bad = ["--config", await folder.write("bad.toml", "server = true\nnumbr = 1\n")];
  const [dry, real] = await Promise.all(
    [["--dry-run", ...bad], bad].map((args) => host.run(folder.argv(args))),
  );
  assert.deepEqual(dry, real);
  assert.equal(dry!.code, 2);
  await assert.rejects(Deno.stat(`${folder.path}/state`), Deno.errors.NotFound);
  await must(["test", "!", "-e", `${folder.path}/run`]);
});
