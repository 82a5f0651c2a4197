import assert from "node:assert/strict";
import type { Host } from "../lab/network.ts";
import type { Process } from "../lab/process.ts";
import { IPIPOU, PATIENCE, type Scenario } from "./scenario.ts";

export const TOKEN = ["--auth-token", "open sesame"];
/** Options of a server with that token. */
export const SERVER = ["-s", "-n1", "-b@eth0", ...TOKEN];
/** What a server logs once it knows where its client is. */
export const SERVER_UP = /tunnel up|authenticated again|moved from/;
export const SIGKILLED = { code: 128 + 9 };

/**
 * A step is a line of `ip -batch` or a transaction of `nft -f`. After the fatal step, the program and its child are
 * dead. An orphan's program dies alone, before the first step; the child goes on when it is told to.
 */
const STEP = `STEPS="\${0%/*}/steps"
step() {
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

/** A server or client that is killed at chosen steps, again and again. */
export class Mortal {
  readonly #scenario: Scenario;
  readonly #host: Host;
  readonly #args: readonly string[];
  /** What it logs once its side of the tunnel is up. */
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

  /** Makes the program die after this many steps from now on; 0: never. */
  async dieAfter(steps: number): Promise<void> {
    await Deno.writeTextFile(`${this.#scenario.directory}/steps`, `${steps}\n`);
  }

  /** Makes the program die before its next child's first step. @returns lets that child begin, once it waits */
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
    const env = { PATH: `${directory}:/usr/sbin:/usr/bin:/sbin:/bin` };
    return network.spawn(this.#host, [IPIPOU, "-vv", ...this.#args], env);
  }

  /** Starts the program and waits until it is up. @returns null if it died before */
  async start(): Promise<Process | null> {
    const process = this.spawn();
    const isUp = process.waitForLine(this.#up, PATIENCE).then(() => true);
    if (await Promise.race([isUp, process.exit.then(() => false)])) return process;
    await isUp.catch(() => {});
    assert.deepEqual(await process.exit, SIGKILLED, process.lines.join("\n"));
    return null;
  }

  /** Starts the program so that it does not die. */
  async startWithoutDeath(): Promise<Process> {
    await this.dieAfter(0);
    const process = await this.start();
    assert.ok(process !== null);
    return process;
  }

  /** Starts the program until it comes up, with each run killed after `steps` steps. @returns how many died */
  async startUntilUp(steps: number): Promise<number> {
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

  /** Kills the program after each of these steps of a stop, checks what the next start repairs, and finally stops. */
  async stopByDeaths(steps: readonly number[], check: () => Promise<void>): Promise<void> {
    for (const step of steps) {
      const process = await this.startWithoutDeath();
      await check();
      await this.dieAfter(step);
      assert.deepEqual(await process.kill(), SIGKILLED, process.lines.join("\n"));
    }
    const last = await this.startWithoutDeath();
    await check();
    assert.equal((await last.kill()).code, 0);
  }
}

/** A snapshot without what differs when things are recreated: their order, and the device's number. */
export function comparable(snapshot: string): string[] {
  return snapshot.replaceAll(/^\d+: (?=ipipou1)/gm, "").split("\n").sort();
}
