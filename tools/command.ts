import { textLines } from "./lines.ts";
import { say } from "./say.ts";

/** Result of a finished command. `code` is 128 + N after signal N. */
export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** How to start a command. `env` is added to this process's environment. */
export interface CommandOptions {
  stdin?: string;
  cwd?: string;
  env?: Record<string, string>;
}

/** A command that could not be started, or ended with a code other than 0. */
export class CommandError extends Error {
  override name = "CommandError";

  constructor(argv: readonly string[], readonly outcome: Outcome) {
    super(`${argv.join(" ")}: exit code ${outcome.code}\n${lastLines(outcome.stderr || outcome.stdout, 10)}`);
  }
}

/** The last `count` lines of a text, without trailing white space. */
export function lastLines(text: string, count: number): string {
  return text.trimEnd().split("\n").slice(-count).join("\n");
}

/** Runs a command to its end. The code is 127 if there is no such program, as in a shell. */
export async function run(argv: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
  const child = spawn(argv, options);
  if (child === undefined) return notFound(argv);
  const [output] = await Promise.all([child.output(), feed(child, options.stdin)]);
  const decoder = new TextDecoder();
  return {
    code: output.code,
    stdout: decoder.decode(output.stdout),
    stderr: decoder.decode(output.stderr),
  };
}

/** Runs a command that must succeed. @returns its standard output @throws {CommandError} */
export async function must(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const outcome = await run(argv, options);
  if (outcome.code !== 0) throw new CommandError(argv, outcome);
  return outcome.stdout;
}

/** Like `must`, for long commands: prints the last line of output every five seconds. */
export async function mustWithProgress(argv: readonly string[], options: CommandOptions = {}): Promise<void> {
  const child = spawn(argv, options);
  if (child === undefined) throw new CommandError(argv, notFound(argv));
  const started = Date.now();
  const lines: string[] = [];
  const progress = setInterval(() => {
    say(`  ${Math.round((Date.now() - started) / 1000)} s: ${(lines.at(-1) ?? "working").slice(0, 100)}`);
  }, 5000);
  try {
    const [status] = await Promise.all([
      child.status,
      feed(child, options.stdin),
      collect(child.stdout, lines),
      collect(child.stderr, lines),
    ]);
    if (status.code !== 0) {
      throw new CommandError(argv, { code: status.code, stdout: "", stderr: lines.join("\n") });
    }
  } finally {
    clearInterval(progress);
  }
}

function spawn(argv: readonly string[], options: CommandOptions): Deno.ChildProcess | undefined {
  const [program, ...args] = argv;
  try {
    return new Deno.Command(program!, {
      args,
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { LC_ALL: "C.UTF-8", ...options.env },
      stdin: options.stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function notFound(argv: readonly string[]): Outcome {
  return { code: 127, stdout: "", stderr: `${argv[0]}: not found` };
}

async function feed(child: Deno.ChildProcess, text: string | undefined): Promise<void> {
  if (text === undefined) return;
  const writer = child.stdin.getWriter();
  try {
    await writer.write(new TextEncoder().encode(text));
    await writer.close();
  } catch (error) {
    // The command may end without reading everything; its exit code tells whether that was an error.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

async function collect(stream: ReadableStream<Uint8Array>, lines: string[]): Promise<void> {
  for await (const line of textLines(stream)) lines.push(line);
}
