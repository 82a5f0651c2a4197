import { textLines } from "../../tools/lines.ts";

/** Milliseconds that the end of a program may take, where all else is emulated. */
const LONGEST_END = 300_000;

/** How a program ended; `code` is 128 + N after signal N. */
interface Exit {
  code: number;
}

interface Waiter {
  pattern: RegExp;
  found: (line: string) => void;
  failed: (error: Error) => void;
}

/** A program that runs beside a test; standard output and standard error are captured as one list of lines. */
export class Process {
  /** All lines so far, in the order they came. */
  readonly lines: string[] = [];
  /** Resolves when the program has ended and all it wrote has been read. */
  readonly exit: Promise<Exit>;
  /** Called with each line as it comes. */
  onLine: (line: string) => void = () => {};
  readonly #child: Deno.ChildProcess;
  readonly #argv: readonly string[];
  #waiters: Waiter[] = [];
  #unread = 0;
  #ended = false;

  constructor(argv: readonly string[], env: Record<string, string> = {}) {
    const [program, ...args] = argv;
    this.#argv = argv;
    this.#child = new Deno.Command(program!, { args, env, stdin: "null", stdout: "piped", stderr: "piped" })
      .spawn();
    this.exit = this.#run();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /**
   * Resolves with the next line that matches, beginning after the line the last call found, so that waiting
   * twice for one pattern waits for two lines. Rejects, showing the output, after `timeoutMs` or when the
   * program ends without such a line.
   */
  waitForLine(pattern: RegExp, timeoutMs: number): Promise<string> {
    const index = this.lines.findIndex((line, index) => index >= this.#unread && pattern.test(line));
    if (index >= 0) {
      this.#unread = index + 1;
      return Promise.resolve(this.lines[index]!);
    }
    if (this.#ended) return Promise.reject(this.#failure(`ended without a line like ${pattern}`));
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const waiter = { pattern, found: resolve, failed: reject };
    this.#waiters.push(waiter);
    const timer = setTimeout(() => {
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
      reject(this.#failure(`wrote no line like ${pattern} within ${timeoutMs} ms`));
    }, timeoutMs);
    return promise.finally(() => clearTimeout(timer));
  }

  /**
   * Sends a signal and waits for the end; a program that has ended already stays as it is. Kills it and rejects, showing
   * the output, when it has not ended after `timeoutMs`.
   */
  async kill(signal: Deno.Signal = "SIGTERM", timeoutMs = LONGEST_END): Promise<Exit> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      this.signal("SIGKILL");
      reject(this.#failure(`did not end within ${timeoutMs} ms after ${signal}`));
    }, timeoutMs);
    this.signal(signal);
    return await Promise.race([this.exit, late]).finally(() => clearTimeout(timer));
  }

  /** Sends a signal without waiting. */
  signal(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch (error) {
      // It ended in the meantime: Deno says the one or the other, by whether it has noticed.
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  async #run(): Promise<Exit> {
    const [status] = await Promise.all([
      this.#child.status,
      this.#read(this.#child.stdout),
      this.#read(this.#child.stderr),
    ]);
    this.#ended = true;
    for (const { pattern, failed } of this.#waiters.splice(0)) {
      failed(this.#failure(`ended (exit code ${status.code}) without a line like ${pattern}`));
    }
    return { code: status.code };
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    for await (const line of textLines(stream)) {
      this.lines.push(line);
      this.onLine(line);
      const waiter = this.#waiters.find(({ pattern }) => pattern.test(line));
      if (waiter === undefined) continue;
      this.#waiters = this.#waiters.filter((other) => other !== waiter);
      this.#unread = this.lines.length;
      waiter.found(line);
    }
  }

  #failure(what: string): Error {
    return new Error(`${this.#argv.join(" ")} ${what}; its output:\n${this.lines.join("\n")}`);
  }
}
