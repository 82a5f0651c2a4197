import assert from "node:assert/strict";
import type { Host } from "../lab/network.ts";
import type { Process } from "../lab/process.ts";
import { eventually, INNER, IPIPOU, PATIENCE, PORT, Scenario } from "./scenario.ts";

const TOKEN = ["--auth-token", "open sesame"];
const SERVER = ["-s", "-n1", "-b@eth0", ...TOKEN];
const CLIENT = ["-n1", "-b@eth0", `-r192.0.2.1:${PORT}`, "--tunl-ip", INNER.client, ...TOKEN];
const SIGKILLED = { code: 128 + 9 };

/**
 * The fatal step is a line of `ip -batch`, or a transaction of `nft -f`: after it, program and child are dead. Or the
 * program alone is, before the first one; its child goes on when it is told to.
 */
const STEP = `step() {
  read -r left < "$STEPS"
  echo $((left - 1)) > "$STEPS"
  [ "$left" -ne 1 ] || { kill -KILL "$PPID"; exit 1; }
}
orphan() {
  [ -e "$STEPS.orphan" ] || return
  rm "$STEPS.orphan"
  mkfifo "$STEPS.go"
  kill -KILL "$PPID"
  read -r _ < "$STEPS.go"
}
`;
const WRAPPERS = {
  ip: `#!/bin/sh
[ "$1" = -batch ] || exec /usr/sbin/ip "$@"
${STEP}
lines=$(cat)
orphan
printf '%s\n' "$lines" | while IFS= read -r line; do
  echo "$line" | /usr/sbin/ip -batch - || exit
  step
done
`,
  nft: `#!/bin/sh
[ "$1" = -f ] || exec /usr/sbin/nft "$@"
${STEP}
lines=$(cat)
orphan
printf '%s\n' "$lines" | /usr/sbin/nft -f - || exit
step
`,
};

/** A side that dies at the steps it is told to, again and again. */
class Mortal {
  readonly #scenario: Scenario;
  readonly #host: Host;
  readonly #args: readonly string[];
  /** What it says once its part of the tunnel is up. */
  readonly #up: RegExp;

  private constructor(scenario: Scenario, host: Host, args: readonly string[], up: RegExp) {
    this.#scenario = scenario;
    this.#host = host;
    this.#args = args;
    this.#up = up;
  }

  static async create(scenario: Scenario, host: Host, args: readonly string[], up: RegExp): Promise<Mortal> {
    for (const [program, text] of Object.entries(WRAPPERS)) {
      await Deno.writeTextFile(`${scenario.directory}/${program}`, text, { mode: 0o755 });
    }
    const mortal = new Mortal(scenario, host, args, up);
    await mortal.dieAfter(0);
    return mortal;
  }

  /** From now on the program dies after that many steps; 0: never. */
  async dieAfter(steps: number): Promise<void> {
    await Deno.writeTextFile(`${this.#scenario.directory}/steps`, `${steps}\n`);
  }

  /** From now on the program dies when a child of it is to begin. @returns lets that child begin, once it waits */
  async dieBeforeItsChild(): Promise<() => Promise<void>> {
    const steps = `${this.#scenario.directory}/steps`;
    await Deno.writeTextFile(`${steps}.orphan`, "");
    return async () => {
      await Deno.writeTextFile(`${steps}.go`, "\n");
      await Deno.remove(`${steps}.go`);
    };
  }

  spawn(): Process {
    const { directory, network } = this.#scenario;
    const env = { PATH: `${directory}:/usr/sbin:/usr/bin:/sbin:/bin`, STEPS: `${directory}/steps` };
    return network.spawn(this.#host, [IPIPOU, "-vv", ...this.#args], env);
  }

  /** Starts it and waits until it is up; null: it died before. */
  async start(): Promise<Process | null> {
    const process = this.spawn();
    const isUp = process.waitForLine(this.#up, PATIENCE).then(() => true);
    if (await Promise.race([isUp, process.exit.then(() => false)])) return process;
    await isUp.catch(() => {});
    assert.deepEqual(await process.exit, SIGKILLED, process.lines.join("\n"));
    return null;
  }

  /** Starts it where nothing makes it die. */
  async live(): Promise<Process> {
    await this.dieAfter(0);
    const process = await this.start();
    assert.ok(process !== null);
    return process;
  }

  /** Starts it again and again, each life to end after `steps` steps, until it is up; returns the deaths. */
  async climb(steps: number): Promise<number> {
    for (let deaths = 0; deaths < 30; deaths++) {
      await this.dieAfter(steps);
      const process = await this.start();
      if (process === null) continue;
      await this.dieAfter(0);
      assert.deepEqual(await process.kill("SIGKILL"), SIGKILLED);
      return deaths;
    }
    assert.fail("each start came to a step that the ones before had done");
  }

  /** Dies after each of the steps of a stop in turn, checks what the next start makes of it, and at last stops. */
  async stopByDeaths(steps: readonly number[], check: () => Promise<void>): Promise<void> {
    for (const step of steps) {
      const process = await this.live();
      await check();
      await this.dieAfter(step);
      assert.deepEqual(await process.kill(), SIGKILLED, process.lines.join("\n"));
    }
    const last = await this.live();
    await check();
    assert.equal((await last.kill()).code, 0);
  }
}

const SERVER_UP = /tunnel up|authenticated again|moved from/;

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

Deno.test("a server killed at any step of a reload is taken over, by the new settings and by the old ones", async (t) => {
  await using scenario = await Scenario.create();
  const path = await scenario.write("server.toml", "");
  const up = /authenticated again|waiting for clients/;
  const mortal = await Mortal.create(scenario, "server", ["-s", "--config", path], up);
  const before = await scenario.snapshot("server");
  const give = (port: number, more: string) =>
    scenario.write(
      "server.toml",
      `number = 1\nauth.token = "open sesame"\nfou.local = ":${port}@eth0"\n${more}`,
    );
  const old = () => give(PORT, "");
  const other = () => give(10005, 'tunl.ip = "172.30.0.1"\n');
  // Whom the gate knows, it lets in again once they have authenticated anew; until then their tunnel may lead nowhere.
  const standing = async () =>
    comparable(await scenario.snapshot("server")).filter((line) =>
      !/elements = .*198\.51\.100\.2|link\/ipip |ipip ipip remote /.test(line)
    );
  await old();
  let server = await mortal.live();
  await scenario.client("client", ...TOKEN, "--keepalive", "1");
  await server.waitForLine(/tunnel up/, PATIENCE);
  await scenario.ping("client");
  const atOld = await standing();
  await other();
  server.signal("SIGHUP");
  await server.waitForLine(/reload: .*changed/, PATIENCE);
  const atOther = await standing();
  assert.notDeepEqual(atOther, atOld);
  await t.step("back, each step in a life of its own", async () => {
    await old();
    await mortal.dieAfter(1);
    server.signal("SIGHUP");
    assert.deepEqual(await server.exit, SIGKILLED);
    const deaths = await mortal.climb(1);
    assert.ok(deaths >= 4, `${deaths} deaths`);
    assert.deepEqual(await standing(), atOld);
  });
  for (const step of [2, 4]) {
    await t.step(`and there, after step ${step}`, async () => {
      await old();
      server = await mortal.live();
      assert.deepEqual(await standing(), atOld);
      await other();
      await mortal.dieAfter(step);
      server.signal("SIGHUP");
      assert.deepEqual(await server.exit, SIGKILLED);
      server = await mortal.live();
      assert.deepEqual(await standing(), atOther);
      assert.deepEqual(await server.kill("SIGKILL"), SIGKILLED);
    });
  }
  await old();
  server = await mortal.live();
  await scenario.ping("client");
  assert.equal((await server.kill()).code, 0);
  assert.equal(await scenario.snapshot("server"), before);
});

Deno.test("a server killed when it has shut a client out does not let it in again", async () => {
  await using scenario = await Scenario.create();
  const path = await scenario.write("server.toml", "");
  const args = ["-s", "-n1", "-b@eth0", "--config", path];
  const mortal = await Mortal.create(scenario, "server", args, /waiting for clients/);
  await scenario.write("server.toml", 'auth.token = "open sesame"\n');
  const server = await mortal.live();
  await scenario.client("client", ...TOKEN, "--keepalive", "1");
  await server.waitForLine(/tunnel up/, PATIENCE);
  await scenario.ping("client");
  await scenario.write("server.toml", 'auth.token = "another"\n');
  await mortal.dieAfter(1);
  server.signal("SIGHUP");
  assert.deepEqual(await server.exit, SIGKILLED);
  const next = await mortal.live();
  assert.match(next.lines.join("\n"), /taking over the tunnel/);
  assert.equal(await scenario.answers("client"), false);
});

Deno.test("a server killed when it renews a lifetime, and when it lets in after one, is taken over", async () => {
  await using scenario = await Scenario.create();
  const args = [...SERVER, "--auth-lifetime", "5"];
  const mortal = await Mortal.create(scenario, "server", args, SERVER_UP);
  const before = await scenario.snapshot("server");
  await scenario.client("client", ...TOKEN, "--keepalive", "1");
  const first = await mortal.live();
  await mortal.dieAfter(1);
  assert.deepEqual(await first.exit, SIGKILLED);
  await eventually("the kernel has ended it", async () => !await scenario.answers("client"));
  await mortal.dieAfter(1);
  assert.equal(await mortal.start(), null);
  const last = await mortal.live();
  await scenario.ping("client");
  assert.equal((await last.kill()).code, 0);
  assert.equal(await scenario.snapshot("server"), before);
});

Deno.test("a start waits for what a killed program's ip or nft still does, and then finds it", async () => {
  await using scenario = await Scenario.create();
  const mortal = await Mortal.create(scenario, "server", SERVER, /waiting for clients/);
  const before = await scenario.snapshot("server");
  /** Lets a killed program's child work beside the next start; returns that when it is up. */
  const overtake = async (kill: () => Promise<unknown>) => {
    const release = await mortal.dieBeforeItsChild();
    await kill();
    const next = mortal.spawn();
    await eventually("it waits", async () => {
      return (await scenario.network.must("server", ["cat", "/proc/locks"])).includes("-> FLOCK");
    });
    await release();
    await next.waitForLine(/waiting for clients/, PATIENCE);
    return next;
  };
  const standing = await mortal.live();
  const once = comparable(await scenario.snapshot("server"));
  assert.equal((await standing.kill()).code, 0);
  const late = await overtake(async () => assert.equal(await mortal.start(), null));
  assert.deepEqual(comparable(await scenario.snapshot("server")), once);
  await scenario.client("client", ...TOKEN, "--keepalive", "1");
  await late.waitForLine(/tunnel up/, PATIENCE);
  const next = await overtake(() => late.kill());
  await scenario.ping("client");
  assert.equal((await next.kill()).code, 0);
  assert.equal(await scenario.snapshot("server"), before);
});

/** A snapshot without what differs when things were made anew: their order, and the device's number. */
function comparable(snapshot: string): string[] {
  return snapshot.replaceAll(/^\d+: (?=ipipou1)/gm, "").split("\n").sort();
}
