import { Executor } from "../../../lib/kernel/executor.ts";
import { Runner } from "../../../lib/kernel/runner.ts";
import { Log } from "../../../lib/log.ts";
import type { IpDevice, IpFou, IpRoute, NftTable } from "../../../lib/listing.ts";
import type { KernelReader } from "../../../lib/kernel_ports.ts";
import type { RunProgram, Surroundings } from "../../../lib/ports.ts";
import { runProgram } from "../../../lib/run_program.ts";

/** How a fake program ends. */
export interface Ending {
  readonly code?: number;
  readonly stdout?: string;
  readonly stderr?: string;
  /** It fails only if its input contains this text. */
  readonly refuses?: string;
}

/** Fake programs in a folder of their own. PATH stays as it is: tests of other files may run at the same time. */
export class FakePrograms implements Disposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "ipipou-programs-" });
  readonly run: RunProgram = (program, args, input, timeLimit) =>
    runProgram(program, args, input, timeLimit, this.folder);

  constructor(programs: Readonly<Record<string, Ending>>) {
    for (const [name, { code = 0, stdout = "", stderr = "", refuses = "" }] of Object.entries(programs)) {
      const file = (suffix: string, text: string) => {
        Deno.writeTextFileSync(`${this.folder}/${name}.${suffix}`, text);
        return `'${this.folder}/${name}.${suffix}'`;
      };
      this.write(name, [
        `for word; do echo "$word"; done > ${file("argv", "")}`,
        `echo "$LC_ALL" > ${file("locale", "")}`,
        `cat > ${file("input", "")}`,
        `cat ${file("stdout", stdout)}`,
        `grep -q '${refuses}' ${file("input", "")} || [ -z '${refuses}' ] || exit 0`,
        `cat ${file("stderr", stderr)} >&2`,
        `exit ${code}`,
      ]);
    }
  }

  /** Writes a program, which finds those that are installed. @param lines for sh */
  write(name: string, lines: readonly string[], mode = 0o755): void {
    const script = ["#!/bin/sh", `PATH='${Deno.env.get("PATH")}'`, ...lines].join("\n");
    Deno.writeTextFileSync(`${this.folder}/${name}`, script, { mode });
  }

  /** What a program was given: "argv" (a word a line), "input" or "locale". */
  given(name: string, what: string): string {
    return Deno.readTextFileSync(`${this.folder}/${name}.${what}`);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.folder, { recursive: true });
  }
}

/** Root of the machine, whose kernel has its modules. */
export const USUAL_SURROUNDINGS: Surroundings = {
  isInnerUserNamespace: () => false,
  releaseWithoutModules: () => null,
};

/** A reader of a kernel in which nothing is but what is given. */
export function readerOf(
  { devices = [], routes = [], fou = [], table = NO_TABLE }: {
    readonly devices?: readonly IpDevice[];
    readonly routes?: readonly IpRoute[];
    /** Null: the kernel has no FOU. */
    readonly fou?: readonly IpFou[] | null;
    /** Null: the kernel has no nftables. */
    readonly table?: NftTable | null;
  } = {},
): KernelReader {
  return {
    hasTunnels: fou !== null,
    lists: (wants) => ({ devices, routes: wants.routes ? routes : [] }),
    fouPorts: () => fou,
    table: () => table,
    [Symbol.dispose]: () => {},
  };
}

const NO_TABLE: NftTable = { exists: false, isEmpty: false, chains: [], rules: [], sets: [] };

/** What a runner has, but for the programs. */
interface RunnerOptions {
  /** Gets the log. */
  readonly lines?: string[];
  readonly surroundings?: Partial<Surroundings>;
  readonly openReader?: () => KernelReader;
}

/** A runner. @param programs null: it finds none */
export function newRunner(
  programs: FakePrograms | null,
  { lines = [], surroundings = {}, openReader = readerOf }: RunnerOptions = {},
): Runner {
  const write = (line: string) => lines.push(line);
  const log = new Log({ verbosity: 3, time: false, pid: null, write, now: () => new Date() });
  const none: RunProgram = () => Promise.reject(new Deno.errors.NotFound());
  return new Runner({
    ...{ runProgram: programs?.run ?? none, openReader },
    surroundings: { ...USUAL_SURROUNDINGS, ...surroundings },
  }, log);
}

/** Has everything that takes no program done without a refusal, and nothing changed. @param lines gets the log */
export function newExecutor(runner: Runner, lines: string[] = []): Executor {
  const writer = {
    change: (requests: readonly unknown[]) => requests.map(() => null),
    transact: () => [],
    [Symbol.dispose]: () => {},
  };
  const write = (line: string) => lines.push(line);
  const log = new Log({ verbosity: 3, time: false, pid: null, write, now: () => new Date() });
  return new Executor(runner, writer, log);
}
