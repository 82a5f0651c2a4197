import process from "node:process";
import { KEY_LENGTH } from "./lib/auth/keys.ts";
import type { PeerOutcome, PeerSystem } from "./lib/commands/peer.ts";
import type { StatusSystem } from "./lib/commands/status_system.ts";
import { COMMIT } from "./lib/commit.ts";
import { claimConfigs, tellToReload } from "./lib/daemon/claim.ts";
import { withLocalPlace } from "./lib/daemon/outside.ts";
import { logStyle } from "./lib/daemon/reload.ts";
import { Signals } from "./lib/daemon/signals.ts";
import { EXIT, type ExitCode, exitCodeOf, outputError } from "./lib/errors.ts";
import { logsToJournal } from "./lib/journal.ts";
import { Log } from "./lib/log.ts";
import { LogOutput } from "./lib/log_output.ts";
import type { Command } from "./lib/settings/commands.ts";
import type {
  DoctorRequest,
  ExportRequest,
  Invocation,
  MetricsRequest,
  Sources,
  StatusRequest,
} from "./lib/settings/invocation.ts";
import { parseInvocation } from "./lib/settings/command_line.ts";
import { warnOfPublicOutput } from "./lib/public_output.ts";
import { withCredentials } from "./lib/settings/credentials.ts";
import { DISK, removeFromDisk, writeToDisk, writeWithFolder } from "./lib/settings/disk.ts";
import { nameOfConfig, pathOf } from "./lib/settings/files.ts";
import { commandHelpText, helpText } from "./lib/settings/help.ts";
import { loadFiles, loadSettings } from "./lib/settings/load.ts";
import { chooseLog, identify, type Resolved } from "./lib/settings/resolve.ts";
import type { Settings } from "./lib/settings/settings.ts";
import { connectStatusSocket, listStatusSockets } from "./lib/status_socket.ts";
import { SYSTEM } from "./lib/system.ts";
import deno from "./deno.json" with { type: "json" };

// Deprecation warnings of the runtime's own modules are of no use to users.
Object.assign(process, { noDeprecation: true });

/** Milliseconds that the last lines of a log may take. */
const LAST_LINES_MILLISECONDS = 3_000;

/** What is written from the start of a run on goes here: nobody who has stopped reading may stop a tunnel by that. */
const LOG_OUTPUT = new LogOutput(Deno.stderr, SYSTEM.clock);

function print(text: string): void {
  try {
    const bytes = new TextEncoder().encode(text);
    // A pipe may take a part. Where it has no room and nobody may wait, what it took is not known: that is an error.
    for (let done = 0; done < bytes.length;) done += Deno.stdout.writeSync(bytes.subarray(done));
  } catch (error) {
    throw outputError(error);
  }
}

/** What a command does, and its result, are worth more than a note about it that cannot be written, or not all of it. */
function printError(text: string): void {
  try {
    Deno.stderr.writeSync(new TextEncoder().encode(text));
  } catch {
    // Where to tell it is what failed.
  }
}

/** Says why the program ends. */
let tellEnd = (message: string, _code: ExitCode) => {
  // Marks it as an error in the journal.
  const priority = logsToJournal() ? "<3>" : "";
  LOG_OUTPUT.write(`${priority}ipipou: ${message}`);
};

function makeLog(style: Settings["log"]): Log {
  const log = new Log({
    ...logStyle(style),
    pairs: true,
    priorities: logsToJournal(),
    write: (line) => LOG_OUTPUT.write(line),
    now: () => new Date(),
  });
  LOG_OUTPUT.formatWarning = (message, event) => log.formatWarning(message, event);
  return log;
}

/** Makes what reads a run's settings, now and at each reload. */
function loaderOf(invocation: Sources & { readonly warnings: readonly string[] }): () => Resolved {
  const { CREDENTIALS_DIRECTORY, NOTIFY_SOCKET } = process.env;
  const files = { ...DISK, read: withCredentials(DISK.read, CREDENTIALS_DIRECTORY, Boolean(NOTIFY_SOCKET)) };
  return () => loadSettings(invocation, files);
}

async function runDaemon(invocation: Invocation & { kind: "run" }): Promise<void> {
  const signals = new Signals();
  const paths = invocation.configs.map((name) => pathOf(name, "toml"));
  using claim = claimConfigs(paths.filter((path) => DISK.read(path).ok), SYSTEM.locks);
  const load = loaderOf(invocation);
  const { settings, localPlaces, warnings } = load();
  const log = makeLog(settings.log);
  for (const warning of warnings) log.warning(warning, null);
  for (const problem of claim.problems) log.info(problem);
  // Whoever reads the log is not to find a line of another form in it, or what it is to hide.
  if (settings.log.format === "json" || !settings.log.addresses) {
    tellEnd = (message, code) => log.error(message, { event: "failed", code });
  }
  const config = paths.map(nameOfConfig).find((name) => name !== null) ?? null;
  const identity = { config, release: deno.version, pid: process.pid };
  const { run } = await import("./lib/commands/run.ts");
  await run({ system: SYSTEM, settings, log, load, orders: signals, identity }).catch((error) => {
    throw withLocalPlace(error, localPlaces);
  });
}

/** What the start would log are comments too, as a terminal shows both. */
async function tellDryRun(invocation: Invocation & { kind: "dry-run" }): Promise<void> {
  const { settings, localPlaces, warnings } = loaderOf(invocation)();
  const { verbosity, addresses } = settings.log;
  const write = (line: string) => printError(`# would log: ${line}\n`);
  const log = new Log({ verbosity, addresses, time: false, pid: null, write, now: () => new Date() });
  for (const warning of warnings) log.warning(warning, null);
  const { dryRun } = await import("./lib/commands/dry_run.ts");
  const script = await dryRun({ system: SYSTEM, settings, log }).catch((error) => {
    throw withLocalPlace(error, localPlaces);
  });
  print(script);
}

async function showExport({ format, name }: ExportRequest): Promise<void> {
  const { settings, warnings } = loaderOf({ configs: [name], place: "NAME", given: {}, warnings: [] })();
  for (const warning of warnings) printError(`Warning: ${warning}\n`);
  const { exportInstance } = await import("./lib/commands/export.ts");
  print(await exportInstance({ format, name }, settings, SYSTEM));
}

/** Makes what the commands need that look at instances. What only these need is loaded here: it costs a run nothing. */
async function withStatusSystem<T>(work: (system: StatusSystem) => Promise<T>): Promise<T> {
  const { statusSystem } = await import("./lib/commands/status_system.ts");
  using reader = SYSTEM.openReader();
  using routes = SYSTEM.openRoutes();
  const sockets = { list: listStatusSockets, connect: connectStatusSocket };
  const names = { holderOf: SYSTEM.locks.holderOf, instanceOf };
  return await work(statusSystem(SYSTEM.clock, reader, routes, sockets, names));
}

async function showStatus(request: StatusRequest, system: StatusSystem): Promise<ExitCode> {
  if (request.watch) return await watch(request, system);
  const { showStatus } = await import("./lib/commands/status.ts");
  const { text, notes, exitCode } = await showStatus(request, system);
  for (const note of notes) printError(`${note}\n`);
  print(text);
  return exitCode;
}

async function watch(request: StatusRequest, system: StatusSystem): Promise<ExitCode> {
  const { watchStatus } = await import("./lib/commands/watch.ts");
  const { onKeys, terminalSize, writeToTerminal } = await import("./lib/terminal.ts");
  const signals = new Signals();
  const terminal = { size: terminalSize, write: writeToTerminal, onKeys, stop: signals.stop };
  return await watchStatus(request, system, { ...terminal, now: () => new Date() });
}

async function showMetrics({ name, file, listen }: MetricsRequest, system: StatusSystem): Promise<void> {
  const { Metrics } = await import("./lib/commands/metrics.ts");
  const { replaceMetricsFile, serveMetrics } = await import("./lib/metrics_output.ts");
  const metrics = new Metrics(name, system);
  if (file !== null) return await replaceMetricsFile(file, await metrics.make());
  if (listen === null) {
    const { text, notes } = await metrics.show();
    for (const note of notes) printError(`${note}\n`);
    return print(text);
  }
  const signals = new Signals();
  await serveMetrics(listen, (...request) => metrics.answer(...request), signals.stop);
}

async function examine(request: DoctorRequest): Promise<ExitCode> {
  const { doctor } = await import("./lib/commands/doctor.ts");
  const { HOST } = await import("./lib/system/host.ts");
  const { text, exitCode } = await withStatusSystem((status) =>
    doctor(request, { system: SYSTEM, host: HOST, files: DISK, status })
  );
  print(text);
  return exitCode;
}

/** The name of the instance of /etc/ipipou/NAME.toml; null: there are no such settings, or none that can be read. */
function instanceOf(config: string): string | null {
  try {
    return identify(loadFiles({ configs: [config], given: {} }, DISK.read).given).name;
  } catch {
    return null;
  }
}

async function cleanUp(invocation: Invocation & { kind: "cleanup" }): Promise<void> {
  const { given } = loadFiles(invocation, DISK.read);
  const { cleanup } = await import("./lib/commands/cleanup.ts");
  const removed = await cleanup(identify(given), SYSTEM, makeLog(chooseLog(given)));
  await LOG_OUTPUT.flush(LAST_LINES_MILLISECONDS);
  print(removed);
}

const PEER_SYSTEM: PeerSystem = {
  ...DISK,
  write: writeWithFolder,
  remove: removeFromDisk,
  lock: (path) => SYSTEM.locks.folder(path),
  tellToReload: (path) => tellToReload(path, SYSTEM.locks),
};

/** Prints text that contains a secret. */
function printSecret(text: string): void {
  const warning = warnOfPublicOutput();
  if (warning !== null) printError(`Warning: ${warning}\n`);
  print(text);
}

async function makeKeys(labelled: boolean): Promise<void> {
  const { keygen, KEYGEN_NOTE } = await import("./lib/commands/keygen.ts");
  printSecret(keygen(labelled));
  if (!labelled && Deno.stderr.isTerminal()) printError(KEYGEN_NOTE);
}

async function checkFiles(names: readonly string[]): Promise<void> {
  const { check } = await import("./lib/commands/check.ts");
  check(names, DISK, (line) => print(`${line}\n`));
}

async function convertFiles(invocation: Invocation & { kind: "convert" }): Promise<void> {
  const { convert } = await import("./lib/commands/convert.ts");
  print(convert(invocation, DISK, writeToDisk));
}

/** The result goes to standard output, so that it can be piped; notes go to standard error. */
function printPeers({ result, notes }: PeerOutcome, printResult: (result: string) => void): void {
  for (const note of notes) printError(`${note}\n`);
  printResult(result);
}

async function managePeers(invocation: Extract<Invocation, { kind: `peer-${string}` }>): Promise<void> {
  const { addPeer, listPeers, removePeer, showPeer } = await import("./lib/commands/peer.ts");
  switch (invocation.kind) {
    case "peer-add": {
      for (const warning of invocation.warnings) printError(`Warning: ${warning}\n`);
      const key = crypto.getRandomValues(new Uint8Array(KEY_LENGTH));
      const added = addPeer(invocation, PEER_SYSTEM, key);
      try {
        return printPeers(added, printSecret);
      } catch (error) {
        // Nobody else has the private key of its client.
        if (invocation.makeKey) printPeers(removePeer(invocation, PEER_SYSTEM), () => {});
        throw error;
      }
    }
    case "peer-show":
      return printPeers(showPeer(invocation, DISK), printSecret);
    case "peer-remove":
      return printPeers(removePeer(invocation, PEER_SYSTEM), print);
    case "peer-list":
      return printPeers(listPeers(invocation.hub, DISK), print);
  }
}

function helpOf(commands: readonly Command[]): string {
  return commands.length === 0 ? helpText() : commands.map(commandHelpText).join("\n");
}

/** Does what the command line asks for. @returns the exit code, if it is not 0 @throws {IpipouError} with the exit code */
async function main(argv: readonly string[]): Promise<ExitCode | void> {
  const invocation = parseInvocation(argv);
  switch (invocation.kind) {
    case "help":
      return print(helpOf(invocation.commands));
    case "version":
      return print(`ipipou ${deno.version} (${COMMIT})\n`);
    case "keygen":
      return await makeKeys(invocation.labelled);
    case "run":
      return await runDaemon(invocation);
    case "dry-run":
      return await tellDryRun(invocation);
    case "status":
      return await withStatusSystem((system) => showStatus(invocation, system));
    case "metrics":
      return await withStatusSystem((system) => showMetrics(invocation, system));
    case "check":
      return await checkFiles(invocation.names);
    case "doctor":
      return await examine(invocation);
    case "export":
      return await showExport(invocation);
    case "convert":
      return await convertFiles(invocation);
    case "cleanup":
      return await cleanUp(invocation);
    case "peer-add":
    case "peer-show":
    case "peer-remove":
    case "peer-list":
      return await managePeers(invocation);
  }
}

function handleEnd(error: unknown): ExitCode {
  const code = exitCodeOf(error);
  tellEnd(error instanceof Error ? error.message : String(error), code);
  return code;
}

const exitCode = await main(Deno.args).then((code) => code ?? EXIT.ok, handleEnd);
await LOG_OUTPUT.flush(LAST_LINES_MILLISECONDS);
Deno.exit(exitCode);
