import type { Host, Network } from "../lab/network.ts";
import type { Process } from "../lab/process.ts";

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

/** Prints the story: what is about to happen, the commands, their output, and whether it happened as announced. */
export class Stage {
  readonly #network: Network;
  #step = 0;

  constructor(network: Network) {
    this.#network = network;
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
    const { stdout, stderr } = await this.#network.run(host, argv);
    for (const line of (stdout + stderr).split("\n")) if (keep.test(line)) print(`     ${line.trim()}`);
    return stdout;
  }

  /** Starts a program on a host and shows its log live. */
  start(host: Host, argv: string[]): Process {
    this.#command(host, argv);
    const process = this.#network.spawn(host, argv);
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
    print(`   ${paint("yellow", `${ROLES[host] ?? host}#`)} ${words.join(" ")}`);
  }
}
