import assert from "node:assert/strict";
import { keygen } from "../../lib/commands/keygen.ts";
import { must, type Outcome } from "../../tools/command.ts";
import { ADDRESS, type Host, Network, type NetworkOptions } from "../lab/network.ts";
import type { Process } from "../lab/process.ts";
import { loadModules } from "./modules.ts";

/** The executable that is released. */
export const IPIPOU = new URL("../../dist/ipipou", import.meta.url).pathname;
/** Makes and sends auth packets, with an independent implementation of ed25519. */
export const STAND_IN = new URL("stand_in.py", import.meta.url).pathname;

/** Milliseconds that any one step may take, under emulation on a busy machine. */
export const PATIENCE = 60_000;

/** UDP port of both sides. */
export const PORT = 10001;
/** Inner addresses of the server and of the client. */
export const INNER = { server: "172.28.0.2", client: "172.28.0.3" } as const;

/** A key pair, in base64. */
export interface Keys {
  readonly privateKey: string;
  readonly publicKey: string;
}

/** Makes a key pair as the executable does, without the time of starting it. */
export function makeKeys(): Keys {
  const [privateKey, publicKey] = keygen(false).split("\n");
  return { privateKey: privateKey!, publicKey: publicKey! };
}

/** Records the commands that a program under test runs. */
export interface ProgramCounter {
  /** Environment to start the program with. */
  readonly env: Record<string, string>;
  /** Command lines since the last call. */
  readonly take: () => Promise<string[]>;
}

/** A network of hosts, and the program on them. */
export class Scenario implements AsyncDisposable {
  readonly network: Network;
  /** Folder for files of this scenario. */
  readonly directory: string;
  /** Folder that holds just `ip`, `nft` and `modprobe`. */
  readonly programs: string;
  /** Where its programs keep what a later run must know. */
  readonly state: string;
  /** Where its programs can be asked how they are. */
  readonly runtime: string;
  readonly #environment: readonly string[];
  readonly #resources: AsyncDisposableStack;

  private constructor(network: Network, directory: string, resources: AsyncDisposableStack) {
    this.network = network;
    this.directory = directory;
    this.programs = `${directory}/programs`;
    // Programs of other scenarios have the same names.
    this.state = `/var/lib/ipipou/${crypto.randomUUID()}`;
    this.runtime = `/run/ipipou/${crypto.randomUUID()}`;
    const folders = [`STATE_DIRECTORY=${this.state}`, `RUNTIME_DIRECTORY=${this.runtime}`];
    this.#environment = [`PATH=${this.programs}`, ...folders];
    this.#resources = resources;
  }

  static async create(options: Omit<NetworkOptions, "prefix"> = {}): Promise<Scenario> {
    await using resources = new AsyncDisposableStack();
    await loadModules();
    const prefix = crypto.randomUUID().slice(0, 4);
    const network = resources.use(await Network.create({ ...options, prefix }));
    const directory = await Deno.makeTempDir({ prefix: "ipipou-e2e-" });
    resources.defer(() => Deno.remove(directory, { recursive: true }));
    const scenario = new Scenario(network, directory, resources.move());
    await linkPrograms(scenario.programs, ["ip", "nft", "modprobe"]);
    return scenario;
  }

  /** Writes a file that only root can read. @returns its path */
  async write(name: string, text: string): Promise<string> {
    const path = `${this.directory}/${name}`;
    await Deno.writeTextFile(path, text, { mode: 0o600 });
    return path;
  }

  /** Starts a server and waits until its gate is up. */
  async server(...args: string[]): Promise<Process> {
    const server = this.start("server", "-s", "-n1", "-b", "@eth0", ...args);
    await server.waitForLine(/waiting for clients at/, PATIENCE);
    return server;
  }

  /** Starts a client and waits until its tunnel is set up. */
  async client(host: Host, ...args: string[]): Promise<Process> {
    const remote = ["-r", `192.0.2.1:${PORT}`, "--tunl-ip", INNER.client];
    const client = this.start(host, "-n1", "-b", "@eth0", ...remote, ...args);
    await client.waitForLine(/set up/, PATIENCE);
    return client;
  }

  /** Starts the program on a host. It logs every command, and finds no programs but those in `programs`. */
  start(host: Host, ...args: string[]): Process {
    return this.network.spawn(host, ["env", "-i", ...this.#environment, IPIPOU, "-vv", ...args]);
  }

  /** Runs a command of the program on a host to its end. */
  async command(host: Host, ...args: string[]): Promise<Outcome> {
    return await this.network.run(host, ["env", "-i", ...this.#environment, IPIPOU, ...args]);
  }

  /**
   * Reloads a program with new settings in its settings file, which is a file of this scenario.
   *
   * @returns the log lines of the reload, up to the one that ends it
   */
  async reload(
    process: Process,
    file: string,
    settings: string,
    end = /reload: |going on with the settings/,
  ): Promise<string[]> {
    await this.write(file, settings);
    const { length } = process.lines;
    process.signal("SIGHUP");
    // Matching lines of an earlier reload do not count.
    const isNew = () => process.lines.findLastIndex((line) => end.test(line)) >= length;
    while (!isNew()) await process.waitForLine(end, PATIENCE);
    return process.lines.slice(length);
  }

  /** Gives the client another public port and makes it authenticate at once. Resolves once the server has followed. */
  async move(client: Process, server: Process): Promise<void> {
    await this.network.remapNat();
    client.signal("SIGUSR1");
    await server.waitForLine(/moved from/, PATIENCE);
  }

  /** Makes an environment in which the command line of each `ip` and `nft` is recorded. */
  async programCounter(): Promise<ProgramCounter> {
    const calls = await this.write("calls", "");
    for (const program of ["ip", "nft"]) {
      const script = `#!/bin/sh\necho "${program} $*" >> ${calls}\nexec /usr/sbin/${program} "$@"\n`;
      await Deno.chmod(await this.write(program, script), 0o755);
    }
    return {
      env: { PATH: `${this.directory}:/usr/sbin:/usr/bin:/sbin:/bin` },
      take: async () => {
        const lines = (await Deno.readTextFile(calls)).split("\n").filter(Boolean);
        await Deno.truncate(calls);
        return lines;
      },
    };
  }

  /** Resolves once a ping through the tunnel is answered. */
  async ping(host: Host, address: string = INNER.server): Promise<void> {
    await this.network.must(host, ["ping", "-c1", "-W5", "-w30", address]);
  }

  /** Whether any of a few pings is answered; for checks that none is. */
  async answers(host: Host, address: string = INNER.server): Promise<boolean> {
    return (await this.network.run(host, ["ping", "-c3", "-i0.2", "-W1", address])).code === 0;
  }

  /** Gives a host that was never admitted a tunnel device to the server, with or without FOU. */
  async addProbe(host: Host, { fou }: { fou: boolean }): Promise<void> {
    const encap = fou ? ` encap fou encap-sport ${PORT} encap-dport ${PORT}` : "";
    const commands = [
      `link add name probe type ipip remote ${ADDRESS.server} local ${ADDRESS[host]}${encap}`,
      `address add ${INNER.client} peer ${INNER.server} dev probe`,
      "link set dev probe up",
    ];
    await this.network.must(host, ["ip", "-batch", "-"], { stdin: `${commands.join("\n")}\n` });
  }

  /** Sends one UDP datagram, with the payload that the stand-in makes from `args`. */
  async send(host: Host, ...args: string[]): Promise<void> {
    await this.network.must(host, ["/usr/bin/python3", "-B", STAND_IN, "send", ...args]);
  }

  /** Lists a host's devices, IPv4 addresses, routes, FOU ports, and nftables rules without their counts. */
  async snapshot(host: Host): Promise<string> {
    const commands = "printf '%s\\n' address route 'fou show' | ip -d -batch -; nft -s list ruleset";
    let snapshot = "";
    // The kernel reports a new link's state with a delay of up to a second.
    await eventually("all links are up", async () => {
      snapshot = await this.network.must(host, ["sh", "-ec", commands]);
      return !snapshot.includes("NO-CARRIER");
    });
    // Elements of rate limits, hints and IPv6 addresses come and go by themselves, and so does their number.
    return snapshot.replace(/\t# count \d+$/gm, "").replace(/ state [A-Z]+ /g, " ").replace(
      /^ +inet6 .*\n +valid_lft .*\n/gm,
      "",
    ).replace(
      /^\s+elements = \{ [^}]* limit rate [^}]*\}\n/gm,
      "",
    ).replace(/^(\s+set hints-.*\n.*\n)\s+elements = \{[^}]*\}\n/gm, "$1");
  }

  /** How many packets a rule of the server's gate counted. @param text part of that rule and of no other */
  async counted(text: string): Promise<number> {
    const rules = await this.network.must("server", ["nft", "list", "table", "ip", "ipipou"]);
    const lines = rules.split("\n").filter((line) => line.includes(text));
    assert.equal(lines.length, 1, `${text} stands in ${lines.length} lines of:\n${rules}`);
    return Number(/counter packets (\d+)/.exec(lines[0]!)![1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#resources.disposeAsync();
  }
}

/** The lines of a log at `-vv` that tell a change of the kernel, but for hints, which change by time alone. */
export function changesIn(lines: readonly string[]): string[] {
  return lines.filter((line) => /\] (ip|nft) /.test(line) && !/ element ip \S+ hints-/.test(line));
}

/** Makes a folder with links to these installed programs, for a PATH that has no others. */
export async function linkPrograms(folder: string, names: readonly string[]): Promise<void> {
  await Deno.mkdir(folder);
  const paths = await must(["sh", "-c", 'for name; do command -v "$name"; done', "sh", ...names]);
  for (const path of paths.trim().split("\n")) {
    await Deno.symlink(path, `${folder}/${path.slice(path.lastIndexOf("/") + 1)}`);
  }
}

/** Asks until the answer is yes. @param patience milliseconds after which it throws */
export async function eventually(
  what: string,
  ask: () => boolean | Promise<boolean>,
  patience: number = PATIENCE,
): Promise<void> {
  const deadline = Date.now() + patience;
  while (true) {
    const asked = Date.now();
    if (await ask()) return;
    if (Date.now() > deadline) throw new Error(`Waited in vain until ${what}`);
    // At least half of the time is left to what is waited for, and to other tests.
    const pause = Math.max(20, Date.now() - asked);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** A line added to /etc/hosts until restored. Other tests may add theirs at the same time. */
export class EtcHosts implements AsyncDisposable {
  readonly #line: string;

  private constructor(line: string) {
    this.#line = line;
  }

  static async with(line: string): Promise<EtcHosts> {
    await editHosts((lines) => [...lines, line]);
    return new EtcHosts(line);
  }

  async restore(): Promise<void> {
    await editHosts((lines) => lines.filter((line) => line !== this.#line));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.restore();
  }
}

async function editHosts(edit: (lines: readonly string[]) => readonly string[]): Promise<void> {
  using file = await Deno.open("/etc/hosts", { read: true, write: true });
  await file.lock(true);
  const lines = edit((await Deno.readTextFile("/etc/hosts")).trimEnd().split("\n"));
  await Deno.writeTextFile("/etc/hosts", lines.map((line) => `${line}\n`).join(""));
}
