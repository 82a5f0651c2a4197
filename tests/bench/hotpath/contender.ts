import { ADDRESS } from "../../lab/network.ts";
import type { Process } from "../../lab/process.ts";
import { INNER, PATIENCE, PORT, Scenario } from "../../e2e/scenario.ts";
import { must } from "../../../tools/command.ts";

const STAND_IN = new URL("../../e2e/original.py", import.meta.url).pathname;
const PROBER = new URL("../prober.py", import.meta.url).pathname;
const COUNTED = new URL("../counted.py", import.meta.url).pathname;
const PYTHON = ["/usr/bin/python3", "-B"];
export const TOKEN = "a token for measuring";
/** Addresses that the host `direct` sends from, besides its own. */
const PLACES = "10.64.0.0/10";

/** What is compared: an executable, or the stand-in for version 0.1 in Python. */
export interface Contender {
  readonly name: string;
  /** Its path; null: the stand-in. */
  readonly executable: string | null;
  /** Elements of a foreign nft set beside its server; 0: there is no such set. */
  readonly foreign: number;
}

/** A program that was called, and the most memory it had. */
interface Call {
  readonly command: string;
  readonly mib: number;
}

/** One contender in a network of its own, so that several can be measured in turns. */
export class Arena implements AsyncDisposable {
  readonly contender: Contender;
  readonly scenario: Scenario;
  readonly #cgroup: string;
  #starts = 0;

  private constructor(contender: Contender, scenario: Scenario, cgroup: string) {
    this.contender = contender;
    this.scenario = scenario;
    this.#cgroup = cgroup;
  }

  /** @param cgroups a folder where the cgroups of version 2 are mounted */
  static async create(contender: Contender, cgroups: string): Promise<Arena> {
    const scenario = await Scenario.create({ direct: true });
    const { network } = scenario;
    await network.must("router", ["ip", "route", "add", PLACES, "via", ADDRESS.direct]);
    await network.must("direct", ["ip", "route", "add", "local", PLACES, "dev", "lo"]);
    if (contender.foreign > 0) {
      await network.must("server", [
        "nft",
        "-f",
        await scenario.write("foreign", foreignSet(contender.foreign)),
      ]);
    }
    const cgroup = `${cgroups}/${network.ns("server")}`;
    await Deno.mkdir(cgroup);
    return new Arena(contender, scenario, cgroup);
  }

  /** Starts a server of one client, and waits for its gate. */
  async server(): Promise<Process> {
    const { executable } = this.contender;
    const inner = ["--tunl-ip", INNER.server, "--peer-ip", INNER.client];
    const original = [...PYTHON, STAND_IN, "server", "--local", ADDRESS.server, ...inner, "--token", TOKEN];
    const server = executable === null
      ? this.#spawnServer([...original, "--reply"])
      : this.hub("-n1", "-b@eth0", "-s", "--auth-token", TOKEN);
    await server.waitForLine(/^waiting$|waiting for clients/, PATIENCE);
    return server;
  }

  /** Starts the executable as a server that replies. */
  hub(...args: string[]): Process {
    return this.#spawnServer([this.contender.executable!, ...args, "--reply-on-auth-ok"]);
  }

  /** Starts a client behind the NAT, and waits until it has set up its tunnel. */
  async client(): Promise<Process> {
    const { executable } = this.contender;
    const remote = `${ADDRESS.server}:${PORT}`;
    const inner = ["--tunl-ip", INNER.client, "--peer-ip", INNER.server];
    const original = [...PYTHON, STAND_IN, "client", "--local", ADDRESS.client, "--remote", remote, ...inner];
    const own = ["-n1", "-b@eth0", "-r", remote, "--tunl-ip", INNER.client, "--auth-token", TOKEN];
    const command = executable === null ? [...original, "--token", TOKEN] : [executable, ...own];
    const client = this.scenario.network.spawn("client", [...this.#environment(), ...command]);
    await client.waitForLine(/set up|^sent/, PATIENCE);
    return client;
  }

  /** Sends auth packets of these members of a crowd (as crowd.py names them). @returns milliseconds */
  async probe(how: "turns" | "burst", members: readonly string[]): Promise<number[]> {
    const command = [...PYTHON, PROBER, how, "--to", `${ADDRESS.server}:${PORT}`];
    const stdin = members.map((line) => `${line}\n`).join("");
    const output = await this.scenario.network.must("direct", command, { stdin });
    return output.trim().split("\n").map(Number);
  }

  /** Processor time of its servers so far and of all programs that they ran, in milliseconds. */
  async cpuMs(): Promise<number> {
    return Number(/^usage_usec (\d+)/m.exec(await Deno.readTextFile(`${this.#cgroup}/cpu.stat`))![1]) / 1000;
  }

  /** From now on, has all calls of `ip` and `nft` noted. @returns takes what was called since the last time */
  async countPrograms(): Promise<() => Promise<Call[]>> {
    const notes = await this.scenario.write("calls", "");
    for (const program of ["ip", "nft"]) {
      const script = `#!/bin/sh\nexec ${PYTHON.join(" ")} ${COUNTED} ${notes} /usr/sbin/${program} "$@"\n`;
      await Deno.remove(`${this.scenario.programs}/${program}`);
      await Deno.writeTextFile(`${this.scenario.programs}/${program}`, script, { mode: 0o755 });
    }
    return async () => {
      const lines = (await Deno.readTextFile(notes)).split("\n").filter(Boolean);
      await Deno.truncate(notes);
      return lines.map((line) => {
        const [kib, ...command] = line.split(" ");
        return { command: command.join(" "), mib: Number(kib) / 1024 };
      });
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.scenario[Symbol.asyncDispose]();
    await Deno.remove(this.#cgroup);
  }

  #spawnServer(command: readonly string[]): Process {
    const join = ["sh", "-c", `echo $$ > ${this.#cgroup}/cgroup.procs; exec "$@"`, "sh"];
    return this.scenario.network.spawn("server", [...join, ...this.#environment(), ...command]);
  }

  /** What is remembered of an earlier start must not help a later one. */
  #environment(): string[] {
    const { programs, directory } = this.scenario;
    const state = `${directory}/${this.#starts++}`;
    Deno.mkdirSync(state);
    return ["env", "-i", `PATH=${programs}`, `STATE_DIRECTORY=${state}`];
  }
}

/** Mounts the cgroups of version 2 until disposed. */
export async function mountCgroups(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "ipipou-cgroups-" });
  await must(["mount", "-t", "cgroup2", "none", path]);
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      await must(["umount", path]);
      await Deno.remove(path);
    },
  };
}

/** A table with a set of so many address ranges, as lists of countries' networks have. */
function foreignSet(count: number): string {
  const ranges = Array.from({ length: count }, (_, number) => {
    const start = `${16 + (number >> 14)}.${(number >> 6) & 255}.${(number << 2) & 255}`;
    return `${start}.0-${start}.99`;
  });
  return `table ip foreign {\nset blocked {\ntype ipv4_addr\nflags interval\nelements = { ${
    ranges.join(",\n")
  } }\n}\n}\n`;
}
