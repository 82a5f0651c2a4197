import assert from "node:assert/strict";
import type { InstanceStatus, TunnelStatus } from "../../lib/status/snapshot.ts";
import type { Process } from "../lab/process.ts";
import { eventually, IPIPOU, PATIENCE, Scenario } from "./scenario.ts";

const TYPIST = new URL("typist.py", import.meta.url).pathname;
const HUB = "172.28.0.2";
const TOKENS = { a: "the token of a, a secret", b: "the token of b, a secret" };
const HUB_TOML = `server = true
number = 1
tunl.dev = "hub"
fou.local = "@eth0"
tunl.ip = "${HUB}"
reply-on-auth-ok = true
[[peer]]
name = "a"
tunl.peer-ip = "172.28.0.11"
auth.token = "${TOKENS.a}"
[[peer]]
name = "b"
tunl.peer-ip = "172.28.0.12"
auth.token = "${TOKENS.b}"
`;

type Answer = (InstanceStatus & { tunnels: TunnelStatus[] })[];

/** A hub and its peer a. */
class Tunnels {
  readonly scenario: Scenario;
  /** All that was printed. */
  readonly outputs: string[] = [];
  hub!: Process;
  client!: Process;

  constructor(scenario: Scenario) {
    this.scenario = scenario;
  }

  async startHub(): Promise<void> {
    const file = await this.scenario.write("hub.toml", HUB_TOML);
    this.hub = this.scenario.start("server", "--config", file);
    await this.hub.waitForLine(/waiting for clients/, PATIENCE);
  }

  async startClient(): Promise<void> {
    const inner = ["--tunl-ip", "172.28.0.11", "--tunl-peer-ip", HUB];
    const token = ["--auth-token", TOKENS.a, "--reply-on-auth-ok"];
    this.client = this.scenario.start("client", "-n1", "-b@eth0", "-r192.0.2.1:10001", ...inner, ...token);
    await this.client.waitForLine(/accepted by/, PATIENCE);
  }

  /** Asks for the status on the server. */
  async status(...args: string[]): Promise<{ code: number; text: string }> {
    const { code, stdout, stderr } = await this.scenario.command("server", "status", ...args);
    this.outputs.push(stdout, stderr);
    return { code, text: stdout + stderr };
  }

  async json(...args: string[]): Promise<Answer> {
    return JSON.parse((await this.status("--json", ...args)).text);
  }
}

/** What the hub says on its socket to somebody who asks and is done. */
async function raw(scenario: Scenario, request: string): Promise<{ name: string }[]> {
  using connection = await Deno.connect({ transport: "unix", path: `${scenario.runtime}/status.sock` });
  await connection.write(new TextEncoder().encode(request));
  await connection.closeWrite();
  const text = await new Response(connection.readable).text();
  return text.trimEnd().split("\n").map((line) => JSON.parse(line));
}

Deno.test("ipipou status tells how a hub and its client are, to whoever may ask, and never a secret", async (t) => {
  await using scenario = await Scenario.create();
  const tunnels = new Tunnels(scenario);
  await tunnels.startHub();
  await t.step("before anyone has come all peers are waited for, exit code 4", async () => {
    const { code, text } = await tunnels.status();
    assert.match(text, /^hub: server at 192\.0\.2\.1:10001 by eth0, running for \d+ s: 0 of 2 peers up$/m);
    assert.match(text, /^a +waiting +172\.28\.0\.11 +- .* its first auth packet$/m);
    assert.equal(code, 4, text);
  });
  await tunnels.startClient();
  await scenario.ping("client", HUB);
  await t.step("a peer that came is up, by name with exit code 0", async () => {
    const { code, text } = await tunnels.status("hub", "--peer", "a");
    assert.match(text, /^ {2}state +up$/m);
    assert.match(text, /^ {2}tunnel +a: 172\.28\.0\.2 to 172\.28\.0\.11, MTU \d+$/m);
    assert.match(text, /^ {2}outside +192\.0\.2\.1:10001 to 198\.51\.100\.2:\d+$/m);
    assert.match(text, /^ {2}authenticated +\d+ s ago, last reply \d+ s ago$/m);
    assert.match(text, /^ {2}received +\d+ B, \d+ B\/s/m);
    assert.equal(code, 0, text);
  });
  await t.step("the table names first who is not up, and the client tells of its side", async () => {
    const { code, text } = await tunnels.status();
    assert.match(text, /^hub: .*: 1 of 2 peers up\n.*PEER +STATE.*\nb +waiting.*\na +up /m);
    assert.match(text, /^ipipou1: client at 10\.0\.1\.2:10001 by eth0/m);
    assert.equal(code, 4, text);
    assert.equal((await tunnels.status("ipipou1")).code, 0);
  });
  await t.step("JSON has it all, once more", async () => {
    const [hub, client] = (await tunnels.json()).sort((x, y) =>
      x.role === "server" && y.role !== "server" ? -1 : 1
    );
    assert.deepEqual([hub!.version, hub!.name, hub!.role, hub!.source, hub!.ok], [
      1,
      "hub",
      "server",
      "instance",
      true,
    ]);
    assert.deepEqual([client!.role, client!.tunnels[0]!.state], ["client", "up"]);
    const said = await raw(scenario, '{"get":"status"}\n');
    assert.deepEqual(said.map(({ name }) => name), ["hub", "a", "b"]);
    const [a] = hub!.tunnels.filter(({ name }) => name === "a");
    assert.ok(a!.stats64!.rx.packets >= 1 && a!.stats64!.rx.bytes >= 84, JSON.stringify(a));
    assert.ok(a!.auth_age! < 60 && a!.mtu! > 1000, JSON.stringify(a));
  });
  await t.step("a peer that is none, and a name that nobody has, are said", async () => {
    const peer = await tunnels.status("hub", "--peer", "zebra");
    assert.deepEqual(
      [peer.code, /"zebra" \(--peer\): it is no peer of hub/.test(peer.text)],
      [2, true],
      peer.text,
    );
    const name = await tunnels.status("zebra");
    assert.deepEqual([name.code, /^"zebra" does not run/.test(name.text)], [3, true], name.text);
  });
  await t.step("a process that does not answer is not said to be gone, exit code 5", async () => {
    tunnels.hub.signal("SIGSTOP");
    const { code, text } = await tunnels.status("hub");
    tunnels.hub.signal("SIGCONT");
    const said = `hub: instance\n  not answering: process ${tunnels.hub.pid} runs it: no answer within 5 s\n`;
    assert.ok(text.includes(said) && /cleanup/.test(text) === false, text);
    assert.match(text, /^ {2}tunnel +a: 172\.28\.0\.2 to 172\.28\.0\.11, MTU \d+$/m);
    assert.equal(code, 5, text);
    assert.equal((await tunnels.status("hub", "--peer", "a")).code, 0);
  });
  await t.step("who asks badly, or does not read, holds up nobody", async () => {
    const path = `${scenario.runtime}/status.sock`;
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o660);
    const idle = await Promise.all(
      Array.from({ length: 20 }, () => Deno.connect({ transport: "unix", path })),
    );
    const [deaf, long] = idle.splice(-2);
    await deaf!.write(new TextEncoder().encode('{"get":"status"}\n'.repeat(1_000)));
    await long!.write(new TextEncoder().encode("x".repeat(10_000)));
    assert.equal((await tunnels.status("hub", "--peer", "a")).code, 0);
    await scenario.ping("client", HUB);
    for (const connection of [...idle, deaf!, long!]) connection.close();
  });
  await t.step("Prometheus gets the same, by a file and by HTTP", async () => {
    const file = `${scenario.runtime}/ipipou.prom`;
    assert.equal((await scenario.command("server", "metrics", "hub", "--file", file)).code, 0);
    const written = await Deno.readTextFile(file);
    assert.match(written, /^ipipou_tunnel_state\{name="hub",tunnel="a",device="a",state="up"\} 1$/m);
    tunnels.outputs.push(written);
    const socket = `${scenario.runtime}/metrics.sock`;
    const server = scenario.network.spawn("server", [IPIPOU, "metrics", "--listen", socket], {
      RUNTIME_DIRECTORY: scenario.runtime,
    });
    await eventually("it listens", async () => (await Deno.stat(socket).catch(() => null)) !== null);
    const asked = ["curl", "-sS", "--unix-socket", socket, "http://localhost/metrics"];
    const open = await scenario.network.must("server", [
      ...asked,
      "-H",
      "Accept: application/openmetrics-text",
    ]);
    assert.match(open, /^ipipou_instance_healthy\{name="hub"\} 1$[^]*^# EOF$/m);
    tunnels.outputs.push(open);
    assert.deepEqual(await server.kill(), { code: 0 });
  });
  await t.step("no secret is in any of it", () => {
    for (const output of tunnels.outputs) assert.doesNotMatch(output, /token of|secret/);
  });
  assert.deepEqual(await tunnels.client.kill(), { code: 0 });
  assert.deepEqual(await tunnels.hub.kill(), { code: 0 });
  const after = await tunnels.status();
  assert.deepEqual([after.code, after.text], [
    3,
    "no instance of ipipou runs here, and none left a tunnel\n",
  ]);
});

Deno.test("ipipou status shows what a killed hub left in the kernel, changes nothing, and finds the next run", async () => {
  await using scenario = await Scenario.create();
  const tunnels = new Tunnels(scenario);
  await tunnels.startHub();
  await tunnels.startClient();
  await scenario.ping("client", HUB);
  await tunnels.hub.kill("SIGKILL");
  const before = await scenario.snapshot("server");
  const { code, text } = await tunnels.status("hub");
  assert.match(
    text,
    /^hub: instance\n {2}not running: no process runs it in this network namespace: this is what the kernel has$/m,
  );
  assert.match(text, /^ {2}tunnel +a: 172\.28\.0\.2 to 172\.28\.0\.11, MTU/m);
  assert.equal(code, 3, text);
  assert.equal((await tunnels.json("hub"))[0]!.source, "kernel");
  assert.equal(await scenario.snapshot("server"), before);
  await scenario.ping("client", HUB);
  await tunnels.startHub();
  assert.match((await tunnels.status("hub", "--peer", "a")).text, /^ {2}state +up$/m);
  // In a place that the killed one's socket had.
  assert.ok([...Deno.readDirSync(scenario.runtime)].length <= 2);
});

Deno.test("ipipou status --watch redraws in a terminal, narrows to what is typed, and writes plain lines elsewhere", async (t) => {
  await using scenario = await Scenario.create();
  const tunnels = new Tunnels(scenario);
  await tunnels.startHub();
  await tunnels.startClient();
  await scenario.ping("client", HUB);
  const environment = ["env", "-i", `PATH=${scenario.programs}`, `RUNTIME_DIRECTORY=${scenario.runtime}`];
  await t.step("in a terminal", async () => {
    const steps = ["q quit", "/firs", "/firs_", "t\\r", "only: first", "q"];
    const argv = [
      "/usr/bin/python3",
      "-B",
      TYPIST,
      ...steps,
      "--",
      ...environment,
      IPIPOU,
      "status",
      "hub",
      "--watch",
    ];
    const { code, stdout, stderr } = await scenario.network.run("server", argv);
    assert.equal(code, 4, stdout + stderr);
    assert.ok(
      stdout.startsWith("\x1b[?1049h\x1b[?25l") && stdout.trimEnd().endsWith("\x1b[?25h\x1b[?1049l"),
      stdout,
    );
    const screens = stdout.split("\x1b[H").map((screen) => screen.replaceAll("\x1b[K", ""));
    assert.match(screens[1]!, / {2}b {2}waiting {2}rx .* its first auth packet\r\n {2}a {2}up {7}rx .*\r\n/);
    const last = screens.at(-1)!;
    assert.match(last, / {2}b {2}waiting/);
    assert.doesNotMatch(last, / {2}a {2}up/);
  });
  await t.step("as plain lines", async () => {
    const lines = scenario.network.spawn("server", [...environment, IPIPOU, "status", "hub", "--watch"]);
    await lines.waitForLine(/^\d{4}-\d\d-\d\dT[\d:]+Z hub a rx \d+ B\/s tx \d+ B\/s: up$/, PATIENCE);
    assert.deepEqual(await lines.kill("SIGTERM"), { code: 4 });
  });
  await eventually("nobody is left that asks", async () => (await tunnels.status("hub")).code === 4);
});
