import type { ProgramEnd, ProgramName } from "./ports.ts";

/** Where programs are looked for without PATH. The executable brings it along, as the runtime does not start without one. */
export const USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Runs a program; see {@linkcode RunProgram}. @param path where it is looked for: folders, as in PATH */
export async function runProgram(
  program: ProgramName,
  args: readonly string[],
  input: string,
  timeLimit: number,
  path = searchPath(),
): Promise<ProgramEnd> {
  leaveLostFolder();
  const limit = AbortSignal.timeout(timeLimit);
  const child = new Deno.Command(program, {
    args: [...args],
    // The runtime refuses to pass on variables of the dynamic linker.
    clearEnv: true,
    env: { LC_ALL: "C", PATH: path },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    signal: limit,
    // In a session of its own: what Ctrl-C sends to a terminal's programs is for this one alone. It takes a fork of the
    // whole process, so it is done only where there may be a terminal.
    detached: hasTerminal(),
  }).spawn();
  const writer = child.stdin.getWriter();
  // A program may end before it has read everything. Its exit code says why.
  const written = writer.write(new TextEncoder().encode(input)).then(() => writer.close()).catch(() => {});
  const { code, stdout, stderr } = await child.output();
  await written;
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, stdout: text(stdout), stderr: text(stderr), isLate: limit.aborted };
}

/** The runtime starts nothing from a folder that was deleted or hidden: it says that there is no such program. */
function leaveLostFolder(): void {
  try {
    Deno.statSync(Deno.cwd());
  } catch {
    // Relative paths lead nowhere any more, nor do they there.
    Deno.chdir("/proc");
  }
}

function hasTerminal(): boolean {
  return [Deno.stdin, Deno.stdout, Deno.stderr].some((stream) => stream.isTerminal());
}

/** Whether a program is there. @param path where it is looked for, as by `runProgram()` */
export function hasProgram(program: ProgramName, path = searchPath()): boolean {
  return path.split(":").some((folder) => {
    try {
      const { isFile, mode } = Deno.statSync(`${folder}/${program}`);
      return isFile && (mode! & 0o111) !== 0;
    } catch {
      return false;
    }
  });
}

function searchPath(): string {
  return Deno.env.get("PATH") ?? USUAL_PATH;
}
