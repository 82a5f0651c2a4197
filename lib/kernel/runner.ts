import { EXIT, type ExitCode, IpipouError, showInvisible } from "../errors.ts";
import type { IpFou } from "../listing.ts";
import type { Log } from "../log.ts";
import type { ProgramName, RunProgram, Surroundings, System } from "../ports.ts";
import { NO_FOU } from "../requests.ts";
import {
  ipCure,
  lacksSupport,
  nftCure,
  portCure,
  type PortRefusal,
  type Refusal,
  takenPort,
} from "./cures.ts";
import { use } from "../use.ts";

/** The Debian package that has a program. */
const PACKAGES: Readonly<Record<ProgramName, string>> = {
  ip: "iproute2",
  nft: "nftables",
  modprobe: "kmod",
  ss: "iproute2",
};
/** Milliseconds after which a program is killed. */
const TIME_LIMIT = 60_000;
/** Most characters of a command, and of what a program said about it, in a message. */
const LONGEST_SHOWN = 400;

/** A program that failed: its arguments, exit code and standard error. */
export class CommandError extends Error {
  readonly argv: readonly string[];
  readonly code: number;
  readonly stderr: string;

  constructor(argv: readonly string[], code: number, stderr: string) {
    super(`${argv.join(" ")}: exit code ${code}: ${stderr.trim()}`);
    this.name = "CommandError";
    this.argv = argv;
    this.code = code;
    this.stderr = stderr;
  }
}

/** The kernel or a program refused commands. */
export class RefusedError extends IpipouError {
  /** Indexes of these commands in those that were run. One `ip -batch` ends with the first. */
  readonly lines: readonly number[];

  constructor(message: string, exitCode: ExitCode, lines: readonly number[], options: ErrorOptions) {
    super(message, exitCode, options);
    this.lines = lines;
  }
}

/** Runs `ip`, `nft` and `modprobe`, and logs each command as an administrator would type it. */
export class Runner {
  readonly #runProgram: RunProgram;
  readonly #surroundings: Surroundings;
  readonly #openReader: System["openReader"];
  readonly #log: Log;

  constructor(
    { runProgram, surroundings, openReader }: Pick<System, "runProgram" | "surroundings" | "openReader">,
    log: Log,
  ) {
    this.#runProgram = runProgram;
    this.#openReader = openReader;
    this.#surroundings = surroundings;
    this.#log = log;
  }

  /**
   * Runs commands with one `ip -batch`, up to the first that fails.
   *
   * @returns what they printed
   * @throws {IpipouError} naming the command that failed; its `cause` is the {@linkcode CommandError}
   */
  async ip(commands: readonly string[], options: readonly string[] = []): Promise<string> {
    for (const command of commands) this.#log.command(() => ["ip", ...options, command].join(" "));
    try {
      return await this.#run("ip", [...options, "-batch", "-"], commands);
    } catch (error) {
      throw error instanceof CommandError ? await this.#ipError(error, commands) : error;
    }
  }

  /**
   * Runs commands with one `ip -batch`, all of them even if some fail.
   *
   * @param done the kernel's answer to a command that changes nothing; not a failure
   * @throws {RefusedError} with all lines that failed for another reason
   * @throws {IpipouError} when the program failed
   */
  async ipEach(commands: readonly string[], done: string): Promise<void> {
    for (const command of commands) this.#log.command(() => `ip ${command}`);
    try {
      await this.#run("ip", ["-force", "-batch", "-"], commands);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      // What is said of a command comes before the line that names it.
      const said = error.stderr.split(/(?<=^Command failed .*\n)/m).filter((part) => !part.includes(done))
        .join("");
      // One that was killed says nothing, and has not done all.
      if (said.trim() === "" && error.stderr !== "") return;
      throw await this.#ipError(new CommandError(error.argv, error.code, said), commands);
    }
  }

  /** Runs commands with one `nft -f`, as one transaction: all take effect or none. */
  async nft(commands: readonly string[]): Promise<void> {
    for (const command of commands) this.#log.command(() => `nft '${command}'`);
    try {
      await this.#run("nft", ["-f", "-"], commands);
    } catch (error) {
      throw this.#nftError(error, commands);
    }
  }

  /** Loads kernel modules. @throws {IpipouError} exit code 10 when one cannot be loaded */
  async modprobe(modules: readonly string[]): Promise<void> {
    const command = `modprobe -a ${modules.join(" ")}`;
    this.#log.command(() => command);
    try {
      await this.#run("modprobe", ["-a", ...modules], []);
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      throw new IpipouError(`Cannot run '${command}': ${reason(error)}`, EXIT.modprobe, { cause: error });
    }
  }

  async #ipError(cause: CommandError, commands: readonly string[]): Promise<IpipouError> {
    const lines = failedLines(/^Command failed -:(\d+)/gm, cause, commands);
    const command = commands[lines[0] ?? -1] ?? failedIpCommand(cause, commands);
    const refusal = { command, said: linesOf(cause.stderr).join("; ") };
    return await this.ipRefusal(refusal, reason(cause), lines, { cause });
  }

  /**
   * Makes the error for a command of `ip` that was refused, with what to do about it.
   *
   * @param why what was said, in short
   * @param lines as in {@linkcode RefusedError}; none: it is not known which command it was
   */
  async ipRefusal(
    refusal: Refusal,
    why: string,
    lines: readonly number[],
    options: ErrorOptions = {},
  ): Promise<IpipouError> {
    const { command } = refusal;
    const taken = takenPort(refusal);
    const cure = taken === null ? ipCure(refusal, this.#surroundings) : await this.#portCure(taken);
    const message = withCure(`Cannot run 'ip ${shorten(command)}': ${why}`, cure);
    return errorOf(message, lacksSupport(refusal) ? EXIT.modprobe : ipExitCode(command), lines, options);
  }

  async #portCure(port: PortRefusal): Promise<string> {
    const sockets = await this.#run("ss", ["-H", "-lunp", "sport", "=", `:${port.port}`], []).catch(() => "");
    return portCure(port, this.#fouPorts(), sockets);
  }

  #fouPorts(): readonly IpFou[] {
    try {
      return use(this.#openReader(), (reader) => reader.fouPorts()) ?? [];
    } catch {
      return [];
    }
  }

  #nftError(error: unknown, commands: readonly string[]): unknown {
    if (!(error instanceof CommandError)) return error;
    const lines = failedLines(/^\S+:(\d+):\d+-\d+: Error/gm, error, commands);
    const command = commands[lines[0] ?? 0] ?? "";
    const said = /Error: (.+)/.exec(error.stderr)?.[1];
    const why = said === undefined ? reason(error) : shorten(said);
    return this.nftRefusal({ command, said: why }, lines, { cause: error });
  }

  /** Makes the error for a command of `nft` that was refused, with what to do about it. @param lines as in `ipRefusal` */
  nftRefusal(refusal: Refusal, lines: readonly number[], options: ErrorOptions = {}): IpipouError {
    const { command, said } = refusal;
    const cure = nftCure(refusal, this.#surroundings);
    return errorOf(withCure(`Cannot run nft '${shorten(command)}': ${said}`, cure), EXIT.nft, lines, options);
  }

  async #run(
    program: ProgramName,
    args: readonly string[],
    input: readonly string[],
  ): Promise<string> {
    const text = input.map((line) => `${line}\n`).join("");
    try {
      const { code, stdout, stderr, isLate } = await this.#runProgram(program, args, text, TIME_LIMIT);
      if (code === 0) return stdout;
      const late = `Error: killed, as it took more than ${TIME_LIMIT / 1000} s`;
      throw new CommandError([program, ...args], code, isLate ? late : stderr);
    } catch (error) {
      throw error instanceof Deno.errors.NotFound ? missingProgram(program) : error;
    }
  }
}

/** The error that a program is not installed. */
export function missingProgram(program: ProgramName): IpipouError {
  const message = `Cannot run ${program}: not found in PATH; install the package ${PACKAGES[program]}`;
  return new IpipouError(message, program === "nft" ? EXIT.nft : EXIT.failure);
}

/**
 * Reads what `ip -json -batch` printed: a list in each line.
 *
 * @param count how many there must be
 * @throws {IpipouError} when it is anything else: the program is too old
 */
export function parseIpLists(text: string, count: number): (readonly unknown[])[] {
  const lists = text.trimEnd().split("\n").map(parseJson);
  if (lists.length === count && lists.every(Array.isArray)) return lists;
  throw new IpipouError(
    `Cannot read what ip printed as JSON: install a newer ${PACKAGES.ip}`,
    EXIT.failure,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A program may fail without naming a line, for instance when it is killed. */
function errorOf(
  message: string,
  code: ExitCode,
  lines: readonly number[],
  options: ErrorOptions,
): IpipouError {
  return lines.length > 0
    ? new RefusedError(message, code, lines, options)
    : new IpipouError(message, code, options);
}

function failedLines(
  pattern: RegExp,
  { stderr }: CommandError,
  commands: readonly string[],
): number[] {
  return [...stderr.matchAll(pattern)].map(([, line]) => Number(line) - 1).filter((line) => line in commands);
}

/** The command that failed, where `ip` does not name it: a guess. */
function failedIpCommand({ stderr }: CommandError, commands: readonly string[]): string {
  const fou = stderr.includes(NO_FOU) && commands.find((command) => command.startsWith("fou"));
  if (fou) return fou;
  return commands.length === 1 ? commands[0]! : "-batch -";
}

function reason({ stderr, code }: CommandError): string {
  const lines = linesOf(stderr).map((line) => line.replace(/^(RTNETLINK answers|Error): /, ""));
  return shorten([...new Set(lines)].join("; ")) || `exit code ${code}`;
}

/** One command may be about thousands of peers, and each of thousands may fail. */
export function shorten(text: string): string {
  const shown = showInvisible(text);
  return shown.length > LONGEST_SHOWN ? `${shown.slice(0, LONGEST_SHOWN)}…` : shown;
}

/** What `ip` said, without the lines that only name the command's line. */
function linesOf(stderr: string): string[] {
  return stderr.split(/[\r\n]+/).filter((line) => line.trim() !== "" && !line.startsWith("Command failed "));
}

function withCure(message: string, cure: string): string {
  return cure === "" ? message : `${message}; ${cure}`;
}

function ipExitCode(command: string): ExitCode {
  if (command.startsWith("fou")) return EXIT.ipFou;
  return command.startsWith("address") ? EXIT.ipAddress : EXIT.ipLink;
}
