import type { ProgramEnd, ProgramName } from "../../../lib/ports.ts";
import type { VirtualClock } from "./clock.ts";
import type { FakeKernel } from "./kernel.ts";
import type { FakeLock } from "./lock.ts";
import { Refused } from "./refused.ts";

/** What goes wrong in one run of a program, after `after` commands. All commands of one `nft` count as one. */
export type Fault =
  & { readonly after?: number }
  & (
    | { readonly kind: "fails"; readonly code: number; readonly stderr: string }
    /** It stops working until it is killed. */
    | { readonly kind: "hangs" }
    /** The process that started it is killed; the program goes on after `pause` milliseconds. */
    | { readonly kind: "orphaned"; readonly pause: number }
  );

/** How long programs take, in milliseconds. */
export interface Latency {
  /** For each run, before its first command. */
  readonly run: number;
  /** For each command. */
  readonly command: number;
}

/** The process that started a program. */
export interface Parent {
  readonly isDead: boolean;
  kill(): void;
}

/** The input of one run. */
interface Run {
  readonly program: ProgramName;
  readonly args: readonly string[];
  readonly input: string;
}

/** Exit code of a program ended by SIGTERM. */
const KILLED = 143;

/** `ip`, `nft`, `modprobe` and `ss` on a fake kernel. */
export class FakePrograms {
  /** Programs that are not installed. */
  readonly missing = new Set<ProgramName>();
  /** Errors of programs that were asked for something they do not know. No test may leave any. */
  readonly mistakes: unknown[] = [];
  /** Null: programs take no time, only turns of the event loop. */
  latency: Latency | null;
  /** The command lines of all runs so far, and between them "netlink ip LINE" or "netlink nft LINES" for what takes none. */
  readonly runs: string[] = [];
  readonly #faults: { readonly program: ProgramName; readonly fault: Fault }[] = [];
  #lost: { readonly fault: Error; after: number } | null = null;
  readonly #running = new Set<Execution>();
  readonly #kernel: FakeKernel;
  readonly #clock: VirtualClock;
  readonly #lock: FakeLock;

  constructor(kernel: FakeKernel, clock: VirtualClock, lock: FakeLock, latency: Latency | null) {
    this.#kernel = kernel;
    this.#clock = clock;
    this.#lock = lock;
    this.latency = latency;
  }

  /** Notes what the kernel was asked for without a program. @throws the fault that was set for it */
  note(line: string): void {
    this.runs.push(line);
    if (this.#lost === null || this.#lost.after-- > 0) return;
    const { fault } = this.#lost;
    this.#lost = null;
    throw fault;
  }

  /** Has a request without a program get lost, the next one `after` so many others. */
  loseNext(fault: Error, after = 0): void {
    this.#lost = { fault, after };
  }

  /** How many programs are running now. */
  get running(): number {
    return this.#running.size;
  }

  /** Adds a fault for the next run of a program that has no fault yet. */
  failNext(program: ProgramName, fault: Fault): void {
    this.#faults.push({ program, fault });
  }

  /** Drops all faults that have not been used. */
  clearFaults(): void {
    this.#faults.length = 0;
  }

  /** Kills all running programs. What they have done so far stays. */
  killAll(): void {
    for (const execution of this.#running) execution.kill();
  }

  /** As {@linkcode RunProgram}. @param parent the process that starts the program */
  async run(parent: Parent, run: Run, timeLimit: number): Promise<ProgramEnd> {
    const { program, args } = run;
    if (this.missing.has(program)) {
      throw new Deno.errors.NotFound(program);
    }
    this.runs.push([program, ...args].join(" "));
    const index = this.#faults.findIndex((entry) => entry.program === program);
    const fault = index < 0 ? null : this.#faults.splice(index, 1)[0]!.fault;
    const execution = new Execution(this.#kernel, this.#clock, parent, run, fault, timeLimit);
    this.#running.add(execution);
    this.#lock.join(parent, execution);
    try {
      return await execution.run(this.latency);
    } catch (error) {
      this.mistakes.push(error);
      throw error;
    } finally {
      this.#running.delete(execution);
      this.#lock.leave(execution);
    }
  }
}

/** Thrown to end a run for another reason than its own commands. */
class Ended extends Error {}

/** One run of a program. */
class Execution {
  readonly #kernel: FakeKernel;
  readonly #clock: VirtualClock;
  readonly #parent: Parent;
  readonly #run: Run;
  readonly #fault: Fault | null;
  readonly #deadline: number;
  readonly #killed = new AbortController();
  readonly #stdout: string[] = [];
  readonly #stderr: string[] = [];
  #code = 0;
  #isLate = false;
  #done = 0;

  constructor(
    kernel: FakeKernel,
    clock: VirtualClock,
    parent: Parent,
    run: Run,
    fault: Fault | null,
    timeLimit: number,
  ) {
    this.#kernel = kernel;
    this.#clock = clock;
    this.#parent = parent;
    this.#run = run;
    this.#fault = fault;
    this.#deadline = clock.now() + timeLimit;
  }

  kill(): void {
    this.#killed.abort();
  }

  async run(latency: Latency | null): Promise<ProgramEnd> {
    try {
      await this.#pause(latency?.run ?? 0);
      await this.#goWrong();
      for (const command of this.#commands()) {
        await this.#pause(latency?.command ?? 0);
        const isOver = this.#attempt(command);
        this.#done++;
        if (isOver) break;
        await this.#goWrong();
      }
    } catch (error) {
      if (!(error instanceof Ended)) throw error;
    }
    const [stdout, stderr] = [this.#stdout, this.#stderr].map((lines) =>
      lines.map((line) => `${line}\n`).join("")
    );
    return { code: this.#code, stdout: stdout!, stderr: stderr!, isLate: this.#isLate };
  }

  /** The steps of the run, in order. */
  #commands(): (() => void)[] {
    const { program, args, input } = this.#run;
    const lines = input.split("\n").slice(0, -1);
    const kernel = this.#kernel;
    switch ([program, ...args].join(" ")) {
      case "ip -batch -":
      case "ip -force -batch -":
        return lines.map((line) => () => {
          this.#requireModules(line);
          kernel.ip(line);
        });
      case "ip -json -details -batch -":
        return lines.map((line) => () => this.#stdout.push(JSON.stringify(this.#list(line))));
      case "ip -netns box -json -details -batch -":
        return [() => this.#stdout.push(JSON.stringify(kernel.listElsewhere()))];
      case "ip -netns box -batch -":
        return lines.map((line) => () => kernel.deleteElsewhere(line.replace("link delete dev ", "")));
      case "nft -f -":
        return [() => kernel.nft(lines)];
    }
    if (program === "nft" && args.slice(0, -1).join(" ") === "-j list table ip") {
      return [() => this.#stdout.push(JSON.stringify({ nftables: this.#listTable(args.at(-1)!) }))];
    }
    if (program === "ss" && args.slice(0, -1).join(" ") === "-H -lunp sport =") {
      return [() => this.#stdout.push(...this.#kernel.listSockets(Number(args.at(-1)!.slice(1))))];
    }
    if (program === "modprobe" && args[0] === "-a") return [() => this.#loadModules(args.slice(1))];
    throw new TypeError(`Unknown arguments: ${program} ${args.join(" ")}`);
  }

  /** @returns whether the run ends here */
  #attempt(command: () => void): boolean {
    try {
      command();
      return false;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const isIp = this.#run.program === "ip";
      this.#stderr.push(
        error.message,
        ...isIp && !error.isFatal ? [`Command failed -:${this.#done + 1}`] : [],
      );
      this.#code = error.code;
      return error.isFatal || !this.#run.args.includes("-force");
    }
  }

  async #goWrong(): Promise<void> {
    const fault = this.#fault;
    if (fault === null || (fault.after ?? 0) !== this.#done) return;
    switch (fault.kind) {
      case "fails":
        this.#stderr.push(fault.stderr.trimEnd());
        this.#code = fault.code;
        throw new Ended();
      case "hangs":
        return await this.#pause(Infinity);
      case "orphaned":
        this.#parent.kill();
        await this.#pause(fault.pause);
    }
  }

  /** Waits. Meanwhile the run may be killed, or time out, in which case its parent kills it if that is alive. */
  async #pause(milliseconds: number): Promise<void> {
    const end = this.#clock.now() + milliseconds;
    const { signal } = this.#killed;
    if (milliseconds === 0) await Promise.resolve();
    if (end > this.#deadline && !this.#parent.isDead) {
      await this.#clock.waitUntil(this.#deadline, signal);
      if (!signal.aborted && !this.#parent.isDead) {
        this.#isLate = true;
        this.kill();
      }
    }
    if (milliseconds > 0) await this.#clock.waitUntil(end === Infinity ? null : end, signal);
    if (!signal.aborted) return;
    this.#code = KILLED;
    throw new Ended();
  }

  #list(line: string): unknown {
    switch (line) {
      case "address show":
        return this.#kernel.listDevices();
      case "fou show":
        this.#requireModules(line);
        return this.#kernel.listFou();
      case "netns list-id":
        return this.#kernel.links.elsewhere.size > 0 ? [{ nsid: 0, name: "box" }, { nsid: 1 }] : [];
      case "route show":
        return this.#kernel.listRoutes();
    }
    throw new TypeError(`Unknown command: ip -json -details ${line}`);
  }

  #listTable(name: string): unknown[] {
    const objects = this.#kernel.listTable(name);
    if (objects.length > 0) return objects;
    const line = `list table ip ${name}`;
    const carets = " ".repeat(line.length - name.length) + "^".repeat(name.length);
    throw new Refused(`Error: No such file or directory\n${line}\n${carets}`);
  }

  #requireModules(line: string): void {
    if (this.#kernel.modules === "loaded") return;
    if (line.startsWith("fou ")) {
      const said = "RTNETLINK answers: No such file or directory\nError talking to the kernel";
      throw new Refused(said, { isFatal: true });
    }
    if (line.startsWith("link add ")) throw new Refused("Error: Unknown device type.");
  }

  #loadModules(modules: readonly string[]): void {
    if (this.#kernel.modules !== "missing") return this.#kernel.loadModules();
    const folder = "/lib/modules/6.1.0";
    const said = modules.map((name) => `modprobe: FATAL: Module ${name} not found in directory ${folder}`);
    throw new Refused(said.join("\n"));
  }
}
