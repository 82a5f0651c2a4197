import { keygen } from "./lib/commands/keygen.ts";
import { run } from "./lib/commands/run.ts";
import { logStyle } from "./lib/daemon/reload.ts";
import { EXIT, type ExitCode, IpipouError } from "./lib/errors.ts";
import { Log } from "./lib/log.ts";
import { type Invocation, parseInvocation } from "./lib/settings/command_line.ts";
import { readFromDisk } from "./lib/settings/disk.ts";
import { helpText } from "./lib/settings/help.ts";
import { loadSettings } from "./lib/settings/load.ts";
import config from "./deno.json" with { type: "json" };

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

function printError(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(text));
}

/** A log that nobody can take any more must not end a tunnel. */
function writeLog(line: string): void {
  try {
    printError(`${line}\n`);
  } catch {
    return;
  }
}

async function runDaemon(invocation: Invocation & { kind: "run" }): Promise<void> {
  const load = () => loadSettings(invocation, readFromDisk);
  const { settings, warnings } = load();
  const log = new Log({ ...logStyle(settings), write: writeLog, now: () => new Date() });
  for (const warning of warnings) log.warning(warning);
  await run(settings, log, load);
}

/** Does what the command line asks for. @throws {IpipouError} with the exit code to end with */
async function main(argv: readonly string[]): Promise<void> {
  const invocation = parseInvocation(argv);
  switch (invocation.kind) {
    case "help":
      return print(helpText());
    case "version":
      return print(`ipipou ${config.version}\n`);
    case "keygen":
      return print(keygen(invocation.labelled));
    case "run":
      return await runDaemon(invocation);
  }
}

function exitCodeOf(error: unknown): ExitCode {
  printError(`ipipou: ${error instanceof Error ? error.message : String(error)}\n`);
  return error instanceof IpipouError ? error.exitCode : EXIT.failure;
}

Deno.exit(await main(Deno.args).then(() => EXIT.ok, exitCodeOf));
