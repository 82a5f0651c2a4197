import { parseArgs } from "node:util";
import type { Result } from "./fuzzer.ts";
import { TARGETS } from "./targets.ts";
import type { News, Task } from "./worker.ts";

const USAGE = `Usage: deno task fuzz [OPTION]...
  --count N      inputs for each target (default: 50000, more than a million for all)
  --seconds N    stop after this time, shared out among the targets
  --only NAME    this target alone; may be repeated
  --seed N       the inputs of an earlier run with this seed
  --path PATH    of an earlier failure, with --only and --seed: its input alone
  --list         print the targets`;

const COUNT = 50_000;
/** Most characters of a failure's input that are shown. */
const LONGEST_INPUT = 4_000;
/** Milliseconds without another input after which one is taken to have no end: long, as others may need all processors. */
const STUCK_MILLISECONDS = 180_000;

/** What to do; null: print what there is to say and end. */
function parse(args: string[]): Omit<Task, "progress"> | null {
  const { values } = parseArgs({
    args,
    options: {
      count: { type: "string" },
      seconds: { type: "string" },
      only: { type: "string", multiple: true },
      seed: { type: "string" },
      path: { type: "string" },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const names = TARGETS.map(({ name }) => name);
  if (values.help) return end(USAGE);
  if (values.list) return end(names.join("\n"));
  const targets = values.only ?? names;
  const unknown = targets.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`There is no target ${unknown}: --list prints them`);
  const isTimed = values.seconds !== undefined;
  return {
    targets,
    seed: values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : number(values.seed, "--seed"),
    count: values.count === undefined ? isTimed ? 2 ** 31 - 1 : COUNT : number(values.count, "--count"),
    milliseconds: isTimed ? number(values.seconds!, "--seconds") * 1000 : null,
    path: values.path,
  };
}

function end(text: string): null {
  print(text);
  return null;
}

function number(text: string, option: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new Error(`${option} must be a whole number: ${text}`);
  return Number(text);
}

/** Has a worker fuzz, so that an input without end can be told. @returns the results, one for each target */
function run(task: Omit<Task, "progress">): Promise<Result[]> {
  const progress = new SharedArrayBuffer(4);
  const worker = new Worker(new URL("worker.ts", import.meta.url), { type: "module" });
  const results: Result[] = [];
  let current = "";
  return new Promise<Result[]>((resolve, reject) => {
    const stop = watch(new Int32Array(progress), (count) => {
      reject(new Error(`${current}: no end after input ${count} of seed ${task.seed}`));
    });
    worker.onmessage = ({ data }: MessageEvent<News>) => {
      if (data.kind === "begin") current = data.name;
      else results.push(data.result);
      if (data.kind === "end") report(data.result, task.seed);
      if (results.length < task.targets.length) return;
      stop();
      resolve(results);
    };
    worker.onerror = (event) => reject(new Error(`${current}: ${event.message}`));
    worker.postMessage({ ...task, progress } satisfies Task);
  }).finally(() => worker.terminate());
}

/** Calls `onStuck` when a count does not change for long. @returns what ends this */
function watch(count: Int32Array, onStuck: (count: number) => void): () => void {
  let last = { count: -1, at: performance.now() };
  const timer = setInterval(() => {
    const now = { count: Atomics.load(count, 0), at: performance.now() };
    if (now.count !== last.count) last = now;
    else if (now.at - last.at > STUCK_MILLISECONDS) onStuck(now.count);
  }, 1000);
  return () => clearInterval(timer);
}

function report({ name, inputs, seconds, failure }: Result, seed: number): void {
  print(row(name, inputs, seconds.toFixed(1), failure === null ? 0 : 1));
  if (failure === null) return;
  print(`  input: ${failure.input.slice(0, LONGEST_INPUT)}\n  ${failure.reason.replaceAll("\n", "\n  ")}`);
  print(`  again: deno task fuzz --only '${name}' --seed ${seed} --path ${failure.path}`);
}

function row(...cells: readonly (string | number)[]): string {
  const [name, ...numbers] = cells.map(String);
  return `${name!.padEnd(WIDTH)}${numbers.map((text) => text.padStart(10)).join("")}`;
}

const WIDTH = Math.max(...TARGETS.map(({ name }) => name.length));

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

async function main(args: string[]): Promise<number> {
  const task = parse(args);
  if (task === null) return 0;
  print(`seed ${task.seed}\n${row("target", "inputs", "seconds", "defects")}`);
  const results = await run(task);
  const sum = (numberOf: (result: Result) => number) => results.map(numberOf).reduce((a, b) => a + b, 0);
  const defects = sum(({ failure }) => failure === null ? 0 : 1);
  print(row("all", sum(({ inputs }) => inputs), sum(({ seconds }) => seconds).toFixed(1), defects));
  return defects === 0 ? 0 : 1;
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  print(error instanceof Error ? error.message : String(error));
  Deno.exit(2);
}
