import process from "node:process";
import { cleanup } from "./lib/commands/cleanup.ts";
import { convert } from "./lib/commands/convert.ts";
import { keygen } from "./lib/commands/keygen.ts";
import { run } from "./lib/commands/run.ts";
import { COMMIT } from "./lib/commit.ts";
import { logStyle } from "./lib/daemon/reload.ts";
import { EXIT, type ExitCode, IpipouError } from "./lib/errors.ts";
import { logsToJournal } from "./lib/journal.ts";
import { Log } from "./lib/log.ts";
import { type Invocation, parseInvocation } from "./lib/settings/command_line.ts";
import { withCredentials } from "./lib/settings/credentials.ts";
import { DISK, writeToDisk } from "./lib/settings/disk.ts";
import { commandHelpText, helpText } from "./lib/settings/help.ts";
import { loadGiven, loadSettings } from "./lib/settings/load.ts";
import { chooseLog, identify } from "./lib/settings/resolve.ts";
import type { Settings } from "./lib/settings/settings.ts";
import config from "./deno.json" with { type: "json" };

// What the runtime's own parts think of each other is nothing to whoever runs this.
Object.assign(process, { noDeprecation: true });

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

function makeLog(style: Settings["log"]): Log {
  return new Log({
    ...logStyle(style),
    priorities: logsToJournal(),
    write: writeLog,
    now: () => new Date(),
  });
}

async function runDaemon(invocation: Invocation & { kind: "run" }): Promise<void> {
  const files = { ...DISK, read: withCredentials(DISK.read, Deno.env.get("CREDENTIALS_DIRECTORY")) };
  const load = () => loadSettings(invocation, files);
  const { settings, warnings } = load();
  const log = makeLog(settings.log);
  for (const warning of warnings) log.warning(warning);
  await run(settings, log, load);
}

async function cleanUp(invocation: Invocation & { kind: "cleanup" }): Promise<void> {
  const { given } = loadGiven(invocation, DISK.read);
  print(await cleanup(identify(given), makeLog(chooseLog(given))));
}

/** Does what the command line asks for. @throws {IpipouError} with the exit code to end with */
async function main(argv: readonly string[]): Promise<void> {
  const invocation = parseInvocation(argv);
  switch (invocation.kind) {
    case "help":
      return print(invocation.command === null ? helpText() : commandHelpText(invocation.command));
    case "version":
      return print(`ipipou ${config.version} (${COMMIT})\n`);
    case "keygen":
      return print(keygen(invocation.labelled));
    case "run":
      return await runDaemon(invocation);
    case "convert":
      return print(convert(invocation, DISK.read, writeToDisk));
    case "cleanup":
      return await cleanUp(invocation);
  }
}

function exitCodeOf(error: unknown): ExitCode {
  // The journal keeps it as an error then.
  const priority = logsToJournal() ? "<3>" : "";
  printError(`${priority}ipipou: ${error instanceof Error ? error.message : String(error)}\n`);
  return error instanceof IpipouError ? error.exitCode : EXIT.failure;
}

Deno.exit(await main(Deno.args).then(() => EXIT.ok, exitCodeOf));
