import { Executor } from "../../../lib/kernel/executor.ts";
import { Runner } from "../../../lib/kernel/runner.ts";
import { Log } from "../../../lib/log.ts";
import type { IpDevice, IpFou, IpRoute, NftTable } from "../../../lib/listing.ts";
import type { KernelReader } from "../../../lib/kernel_ports.ts";
import type { Surroundings } from "../../../lib/ports.ts";
import { runProgram } from "../../../lib/run_program.ts";

/** How a fake program ends. */
export interface Ending {
  readonly code?: number;
  readonly stdout?: string;
  readonly stderr?: string;
  /** It fails only if its input contains this text. */
  readonly refuses?: string;
}

/** Replaces PATH by fake programs for the caller's scope. */
export class FakePrograms implements Disposable {
  readonly #directory = Deno.makeTempDirSync();
  readonly #path = Deno.env.get("PATH")!;

  constructor(programs: Readonly<Record<string, Ending>>) {
    for (const [name, { code = 0, stdout = "", stderr = "", refuses = "" }] of Object.entries(programs)) {
      const file = (suffix: string, text: string) => {
        Deno.writeTextFileSync(`${this.#directory}/${name}.${suffix}`, text);
        return `'${this.#directory}/${name}.${suffix}'`;
      };
      const lines = [
        "#!/bin/sh",
        `PATH='${this.#path}'`,
        `for word; do echo "$word"; done > ${file("argv", "")}`,
        `echo "$LC_ALL" > ${file("locale", "")}`,
        `cat > ${file("input", "")}`,
        `cat ${file("stdout", stdout)}`,
        `grep -q '${refuses}' ${file("input", "")} || [ -z '${refuses}' ] || exit 0`,
        `cat ${file("stderr", stderr)} >&2`,
        `exit ${code}`,
      ];
      Deno.writeTextFileSync(`${this.#directory}/${name}`, lines.join("\n"), { mode: 0o755 });
    }
    Deno.env.set("PATH", this.#directory);
  }

  /** What a program was given: "argv" (a word a line), "input" or "locale". */
  given(name: string, what: string): string {
    return Deno.readTextFileSync(`${this.#directory}/${name}.${what}`);
  }

  [Symbol.dispose](): void {
    Deno.env.set("PATH", this.#path);
    Deno.removeSync(this.#directory, { recursive: true });
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

/** A runner whose log goes to `lines`. */
export function newRunner(
  lines: string[] = [],
  surroundings: Partial<Surroundings> = {},
  openReader: () => KernelReader = readerOf,
): Runner {
  const write = (line: string) => lines.push(line);
  const log = new Log({ verbosity: 3, time: false, pid: null, write, now: () => new Date() });
  return new Runner(
    { runProgram, surroundings: { ...USUAL_SURROUNDINGS, ...surroundings }, openReader },
    log,
  );
}

/** Has everything that takes no program done without a refusal, and nothing changed. @param lines gets the log */
export function newExecutor(runner: Runner, lines: string[] = []): Executor {
  const writer = { change: () => null, transact: () => [], [Symbol.dispose]: () => {} };
  const write = (line: string) => lines.push(line);
  const log = new Log({ verbosity: 3, time: false, pid: null, write, now: () => new Date() });
  return new Executor(runner, writer, log);
}
