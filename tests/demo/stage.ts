import type { Host, Network } from "../lab/network.ts";
import type { Process } from "../lab/process.ts";

/** The executable, whose commands are shown as `ipipou`. */
export const IPIPOU = new URL("../../dist/ipipou", import.meta.url).pathname;
/** Where settings are. */
export const CONFIG_FOLDER = "/etc/ipipou";

const isColourful = Deno.env.get("IPIPOU_DEMO_COLOUR") === "1";
const COLOURS = { bold: 1, green: 32, yellow: 33, cyan: 36, grey: 90 } as const;
/** Names of the hosts in the story. */
const ROLES: Partial<Record<Host, string>> = { direct: "stranger" };

/** Milliseconds that any one step may take, under emulation on a busy machine. */
const PATIENCE = 60_000;

/** Prints a line of the story. */
export function print(line = ""): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

function paint(colour: keyof typeof COLOURS, text: string): string {
  return isColourful ? `\x1b[${COLOURS[colour]}m${text}\x1b[0m` : text;
}

/** Something that the story announced did not happen. */
export class Mishap extends Error {}

/** @throws {Mishap} unless it is so */
export function check(isSo: boolean, otherwise: string): void {
  if (!isSo) throw new Mishap(otherwise);
}

/** Prints the story: what is about to happen, the commands, their output, and whether it happened as announced. */
export class Stage {
  readonly #network: Network;
  #step = 0;

  private constructor(network: Network) {
    this.#network = network;
  }

  /** Gives each host of a network its /etc/ipipou. */
  static async create(network: Network): Promise<Stage> {
    const stage = new Stage(network);
    await Deno.mkdir(CONFIG_FOLDER, { recursive: true });
    for (const host of network.hosts) await Deno.mkdir(stage.folder(host), { recursive: true });
    return stage;
  }

  /** What a host sees as its /etc/ipipou, by `ip netns exec`. */
  folder(host: Host): string {
    return `/etc/netns/${this.#network.ns(host)}/ipipou`;
  }

  /** Writes a file in a host's /etc/ipipou, for root alone. */
  async write(host: Host, name: string, text: string): Promise<void> {
    await Deno.writeTextFile(`${this.folder(host)}/${name}`, text, { mode: 0o600 });
  }

  /** Begins a step. */
  step(title: string, ...explanation: string[]): void {
    print();
    print(paint("bold", `${++this.#step}. ${title}`));
    for (const line of explanation) print(`   ${line}`);
  }

  /** Prints that something happened as announced. */
  kept(text: string): void {
    print(`   ${paint("green", "✓")} ${text}`);
  }

  /** Runs a command on a host, and shows it with its output. @returns the output */
  async show(host: Host, argv: string[], keep: RegExp = /\S/): Promise<string> {
    this.#command(host, argv);
    const { stdout, stderr } = await this.#network.run(host, this.#atHome(host, argv));
    const kept = (stdout + stderr).split("\n").filter((line) => keep.test(line));
    const indents = kept.map((line) => line.search(/\S|$/));
    for (const line of kept) print(`     ${line.slice(Math.min(...indents)).trimEnd()}`);
    return stdout;
  }

  /** Runs a line in a host's shell. @param shown what is shown of it */
  async paste(host: Host, line: string, shown = "(pasted)"): Promise<void> {
    this.#prompt(host, shown);
    await this.#network.must(host, ["sh", "-ec", line]);
  }

  /** Starts a program on a host and shows its log live. */
  start(host: Host, argv: string[]): Process {
    this.#command(host, argv);
    const process = this.#network.spawn(host, this.#atHome(host, argv));
    process.onLine = (line) => print(`     ${paint("cyan", ROLES[host] ?? host)} ${paint("grey", line)}`);
    return process;
  }

  /** Waits for a line of a program's log. @throws {Mishap} when it does not appear */
  async expect(process: Process, pattern: RegExp): Promise<string> {
    try {
      return await process.waitForLine(pattern, PATIENCE);
    } catch {
      throw new Mishap(`no line came that matches ${pattern}`);
    }
  }

  #command(host: Host, argv: string[]): void {
    const words = argv.map((word) => /^[\w@.,:/=-]+$/.test(word) ? word : `'${word}'`);
    this.#prompt(host, [argv[0] === IPIPOU ? "ipipou" : words[0], ...words.slice(1)].join(" "));
  }

  #prompt(host: Host, line: string): void {
    print(`   ${paint("yellow", `${ROLES[host] ?? host}#`)} ${line}`);
  }

  /** A command with folders for what runs on this host alone, as all hosts see one file system. */
  #atHome(host: Host, argv: string[]): string[] {
    const folders = { RUNTIME_DIRECTORY: "/run/ipipou", STATE_DIRECTORY: "/var/lib/ipipou" };
    return ["env", ...Object.entries(folders).map(([name, path]) => `${name}=${path}/${host}`), ...argv];
  }
}
