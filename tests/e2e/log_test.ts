import assert from "node:assert/strict";
import { must } from "../../tools/command.ts";
import { readLogLine } from "../read_log.ts";
import { Process } from "../lab/process.ts";
import { eventually, INNER, IPIPOU, PATIENCE, Scenario } from "./scenario.ts";

/** Bytes that a pipe holds. */
const PIPE = 65_536;
const TOKEN = ["--auth-token", "open sesame"];

/** A pipe that takes no more, since its reader does not read. */
class StuckPipe implements AsyncDisposable {
  readonly path: string;
  readonly #reader: Process;

  private constructor(path: string, reader: Process) {
    this.path = path;
    this.#reader = reader;
  }

  static async create(path: string): Promise<StuckPipe> {
    await must(["mkfifo", path]);
    const reader = new Process(["sh", "-c", 'exec 3<> "$0"; echo open; exec sleep infinity', path]);
    await reader.waitForLine(/open/, PATIENCE);
    await must(["dd", "if=/dev/zero", `of=${path}`, `bs=${PIPE}`, "count=1"]);
    return new StuckPipe(path, reader);
  }

  /** Nobody has it open for reading any more: who writes gets EPIPE. */
  async break(): Promise<void> {
    await this.#reader.kill("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.break();
  }
}

/** Starts the program with a log in which nothing can be written. */
function startInto(
  pipe: StuckPipe,
  scenario: Scenario,
  host: "server" | "client",
  ...args: string[]
): Process {
  const folder = `RUNTIME_DIRECTORY=${scenario.runtime}-${host}`;
  const environment = [`PATH=${scenario.programs}`, `STATE_DIRECTORY=${scenario.state}`, folder];
  const program = ["env", "-i", ...environment, IPIPOU, "-n1", "-b@eth0", "-vv", ...TOKEN, ...args];
  return scenario.network.spawn(host, ["sh", "-c", 'exec "$@" 2> "$0"', pipe.path, ...program]);
}

/** Tells a program to end. @returns its exit code; null: it does not end */
async function end(process: Process): Promise<number | null> {
  process.signal("SIGTERM");
  const patience = setTimeout(() => process.signal("SIGKILL"), PATIENCE);
  const { code } = await process.exit;
  clearTimeout(patience);
  return code === 128 + 9 ? null : code;
}

/** Resolves once an instance says how it is. */
async function answers(scenario: Scenario, host: "server" | "client"): Promise<void> {
  const folder = `RUNTIME_DIRECTORY=${scenario.runtime}-${host}`;
  await eventually(`the ${host} answers`, async () => {
    const { stdout } = await scenario.network.run(host, ["env", folder, IPIPOU, "status", "--json"]);
    return JSON.parse(stdout || "[]").some(({ source, tunnels }: { source: string; tunnels: unknown[] }) =>
      source === "instance" && tunnels.length === 1
    );
  });
}

Deno.test("a log that nobody reads holds up neither side, and one that is closed ends neither", async (t) => {
  await using scenario = await Scenario.create();
  const before = { server: await scenario.snapshot("server"), client: await scenario.snapshot("client") };
  await using pipe = await StuckPipe.create(`${scenario.directory}/log`);
  const start = {
    server: () => startInto(pipe, scenario, "server", "-s", "--tunl-ip", INNER.server),
    client: () => startInto(pipe, scenario, "client", "-r192.0.2.1:10001", "--tunl-ip", INNER.client),
  };
  const processes = { server: start.server(), client: start.client() };
  await t.step("both start and answer", async () => {
    await answers(scenario, "server");
    await answers(scenario, "client");
    processes.client.signal("SIGUSR1"); // the first auth packet may have come before the server
    await scenario.ping("client");
  });
  const heal = async (host: "server" | "client") => {
    const standing = await scenario.snapshot(host);
    await scenario.network.must(host, ["nft", "flush", "ruleset"]);
    await eventually("the gate is back", async () => await scenario.snapshot(host) === standing);
  };
  await t.step("what others change is put back", async () => {
    await heal("server");
    await heal("client");
  });
  await t.step("a status that goes on into it ends at SIGTERM, too", async () => {
    const folder = `RUNTIME_DIRECTORY=${scenario.runtime}-server`;
    const watch = ["sh", "-c", 'exec "$@" > "$0"', pipe.path, "env", folder, IPIPOU, "status", "--watch"];
    const looking = scenario.network.spawn("server", watch);
    const writes = async () => (await Deno.readTextFile(`/proc/${looking.pid}/stat`)).includes("(ipipou)");
    await eventually("it runs", writes);
    // It handles signals before it writes for the first time.
    const handles = async () =>
      /^SigCgt:.*[4-7c-f]...$/m.test(await Deno.readTextFile(`/proc/${looking.pid}/status`));
    await eventually("it handles SIGTERM", handles);
    assert.notEqual(await end(looking), null);
  });
  await t.step("SIGTERM ends it, and nothing is left", async () => {
    assert.equal(await end(processes.server), 0);
    assert.equal(await scenario.snapshot("server"), before.server);
  });
  processes.server = start.server();
  await answers(scenario, "server");
  await pipe.break();
  await t.step("with a closed log", async () => {
    await heal("server");
    await heal("client");
    assert.deepEqual([await end(processes.client), await end(processes.server)], [0, 0]);
    assert.deepEqual(
      { server: await scenario.snapshot("server"), client: await scenario.snapshot("client") },
      before,
    );
  });
});

/** The pairs of the lines that tell of such an event. */
function eventsOf(word: string, { lines }: Process): Readonly<Record<string, string>>[] {
  return lines.map((line) => readLogLine(line).pairs).filter((pairs) => pairs?.event === word).map((pairs) =>
    pairs!
  );
}

Deno.test("the lines of a server and a client end with pairs, as text and as JSON; commands stay as they are typed", async (t) => {
  await using scenario = await Scenario.create();
  const both = [...TOKEN, "--reply-on-auth-ok"];
  const server = await scenario.server(...both);
  const client = await scenario.client("client", ...both, "--log-format", "json");
  await client.waitForLine(/accepted by/, PATIENCE);
  await server.waitForLine(/tunnel up/, PATIENCE);
  const remote = eventsOf("up", server)[0]!.remote!;
  await t.step("what becomes of a peer", async () => {
    assert.deepEqual(eventsOf("listening", server), [{ event: "listening", local: "192.0.2.1:10001" }]);
    const up = { event: "up", peer: "ipipou1", remote, port: "10001", dev: "ipipou1" };
    assert.deepEqual(eventsOf("up", server), [up]);
    await scenario.move(client, server);
    const [moved] = eventsOf("moved", server);
    assert.deepEqual({ ...moved, remote }, {
      ...{ event: "moved", peer: "ipipou1", from: remote, remote, port: "10001" },
    });
    assert.ok(
      server.lines.some((line) => line.endsWith(` from=${remote} remote=${moved!.remote} port=10001`)),
    );
  });
  await t.step("what others took is restored", async () => {
    await scenario.network.must("server", ["ip", "link", "delete", "ipipou1"]);
    await server.waitForLine(/: restoring it event=restoring what=device name=ipipou1 count=1$/, PATIENCE);
  });
  await t.step("refused packets", async () => {
    const wrong = ["--from", "10.0.1.2:4444", "--to", "192.0.2.1:10001", "--token", "open simsim"];
    await scenario.send("client", ...wrong);
    await server.waitForLine(
      / event=refused remote=198\.51\.100\.2:\d+ count=1 why="wrong token"$/,
      PATIENCE,
    );
  });
  await t.step("a client's, as JSON", () => {
    const objects = client.lines.map((line) => JSON.parse(line));
    const names = { peer: "ipipou1", remote: "192.0.2.1:10001" };
    const told = (word: string) => {
      const { time: _time, pid, message, ...pairs } = objects.find(({ event }) => event === word);
      assert.deepEqual([pid, /event=/.test(message)], [client.pid, false]);
      return pairs;
    };
    assert.deepEqual(told("set-up"), { level: "notice", event: "set-up", ...names, dev: "ipipou1" });
    assert.deepEqual(told("accepted"), { level: "notice", event: "accepted", ...names });
  });
  await t.step("commands", () => {
    const commands = server.lines.filter((line) => /\] (ip|nft) /.test(line));
    assert.ok(commands.length > 0);
    assert.deepEqual(commands.filter((line) => readLogLine(line).pairs !== null), []);
  });
});
