import { lastLines } from "../../tools/command.ts";
import { ensurePackages } from "../../tools/packages.ts";
import { type GuestRoot, type Job, jobScript } from "./guest.ts";
import { hereCommand, requireOwnKernel } from "./here.ts";
import { prepareKernel } from "./kernel.ts";
import { chooseAccelerator } from "./kvm.ts";
import { machineCommand, machineFiles, readText } from "./machine.ts";
import { type Limit, supervise, type Supervision } from "./supervise.ts";

/** How to run a command in the lab; all of it is optional. */
export interface LabOptions {
  /** First two numbers of the kernel's version, "6.1" or "6.12"; the machine's own Debian kernel if left out. */
  kernel?: string;
  /** How long the command may take, boot included, in seconds. */
  timeoutSeconds?: number;
  /** How long a command may write nothing that tells what it does, boot included, in seconds; not with `here`. */
  silenceSeconds?: number;
  memoryMiB?: number;
  /** How many processors it has, 2 if left out. Emulated, one alone is faster than each of several. */
  processors?: number;
  /** Environment of the command, over the usual one. */
  env?: Record<string, string>;
  /** The command's working directory; this process's if left out. */
  cwd?: string;
  /** Gets the command's output as it comes; standard output if left out. */
  stdout?: (chunk: Uint8Array) => void;
  /** Gives the command this process's terminal instead of a pipe. */
  terminal?: boolean;
  /** Runs the command as a service under systemd; not with `here`. */
  systemd?: boolean;
  /** The root file system of the machine, this machine's own if left out; not with `here`. */
  root?: GuestRoot;
  /** Runs the command on this machine's kernel, in namespaces of its own, instead of in QEMU. */
  here?: boolean;
}

/** The lab itself failed: its machine did not boot, crashed, hung or was interrupted. */
export class LabError extends Error {
  override name = "LabError";
}

/** The lab's machine fell silent: as emulated ones do, once in a long while. */
export class SilentLabError extends LabError {
  override name = "SilentLabError";
}

/** What makes the machine. */
const MACHINE_PACKAGES = ["qemu-system-x86", "cpio", "xz-utils"];

/** What commands in the lab find there, because it sees this machine's files. */
const PACKAGES = [
  "kmod",
  "iproute2",
  "nftables",
  "conntrack",
  "libnetfilter-queue1",
  "iputils-ping",
  "iperf3",
  "tcpdump",
];

/** The Debian packages that make the lab and that commands find in it; `here` as in LabOptions. */
export function labPackages(here: boolean): string[] {
  return here ? PACKAGES : [...MACHINE_PACKAGES, ...PACKAGES];
}

/** What a command finds in its environment: these, as this process has them if it has, and `LabOptions.env`. */
const INHERITED = ["HOME", "PATH", "TERM", "NO_COLOR", "DENO_DIR"];
/** Where commands find programs, unless this process has a PATH of its own. */
export const LAB_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const DEFAULT_ENVIRONMENT = {
  HOME: "/root",
  PATH: LAB_PATH,
  TERM: "dumb",
  LANG: "C.UTF-8",
};

const BOOT_SECONDS = 90;

/** What is left of a command that ran to its end. */
interface LabResult {
  /** Its own exit code; 128 + N after signal N. */
  code: number;
  /** What it wrote to the file $LAB_RESULT; empty without one. */
  result: string;
}

/**
 * Runs one command as root on a stock Debian kernel that sees this machine's files. What it changes in them is thrown
 * away; its output comes as it is written, and the text it leaves in $LAB_RESULT at the end.
 *
 * Throws LabError, with the last lines of the kernel's log, when the command did not come to its end.
 */
export async function runInLab(argv: readonly string[], options: LabOptions = {}): Promise<LabResult> {
  const inherited = INHERITED.flatMap((name) => {
    const value = Deno.env.get(name);
    return value === undefined ? [] : [[name, value]];
  });
  const env = { ...DEFAULT_ENVIRONMENT, ...Object.fromEntries(inherited), ...options.env };
  const job = { argv, env, cwd: options.cwd ?? Deno.cwd() };
  await ensurePackages(labPackages(options.here ?? false), "the lab");
  const directory = await Deno.makeTempDir({ prefix: "ipipou-lab-" });
  try {
    return options.here
      ? await runHere(job, directory, options)
      : await runInMachine(job, directory, options);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function runHere(job: Job, directory: string, options: LabOptions): Promise<LabResult> {
  await requireOwnKernel();
  const LAB_RESULT = `${directory}/result`;
  const argv = hereCommand({ ...job, env: { ...job.env, LAB_RESULT } });
  const end = await supervise({ argv, stdout: sinkOf(options), limits: limitsOf(options) });
  if (end.killed !== undefined) throw new LabError(`${job.argv.join(" ")} ${end.killed}`);
  return { code: end.status.code, result: readText(LAB_RESULT) };
}

async function runInMachine(job: Job, directory: string, options: LabOptions): Promise<LabResult> {
  const kernel = await prepareKernel(options.kernel);
  const accelerator = await chooseAccelerator(kernel);
  const files = machineFiles(directory);
  const terminal = options.terminal ? { terminal: Deno.consoleSize() } : {};
  const systemd = { systemd: options.systemd ?? false };
  const root = options.root === undefined ? {} : { root: options.root };
  await Deno.writeTextFile(
    files.job,
    jobScript({ ...job, ...terminal, ...systemd, ...root }, kernel.modules),
  );
  const seconds = options.silenceSeconds;
  const silence = seconds === undefined ? undefined : { seconds, reason: `wrote nothing for ${seconds} s` };
  const end = await supervise({
    argv: machineCommand(kernel, accelerator, files, {
      processors: options.processors ?? 2,
      memoryMiB: options.memoryMiB ?? 2048,
      terminal: options.terminal ?? false,
    }),
    stdout: sinkOf(options),
    ...(silence === undefined ? {} : { silence }),
    limits: [
      ...limitsOf(options),
      {
        seconds: BOOT_SECONDS,
        reason: `did not boot within ${BOOT_SECONDS} s`,
        holds: () => readText(files.status) === "",
      },
    ],
  });
  if (options.terminal) Deno.stdin.setRaw(false);
  const code = /^exit (\d+)$/m.exec(readText(files.status))?.[1];
  if (code !== undefined) return { code: Number(code), result: readText(files.result) };
  const why = end.killed ??
    `ended without its command's exit code (QEMU: ${end.status.signal ?? end.status.code})`;
  const log = lastLines(readText(files.log).replaceAll("\r", ""), 60);
  const Kind = why === silence?.reason ? SilentLabError : LabError;
  throw new Kind(
    `The lab's machine (Linux ${kernel.release}) ${why}\n${end.stderr}Its kernel's last words:\n${log}`,
  );
}

function sinkOf(options: LabOptions): Supervision["stdout"] {
  return options.terminal ? undefined : options.stdout ?? writeToStandardOutput;
}

function limitsOf({ timeoutSeconds: seconds }: LabOptions): Limit[] {
  return seconds === undefined ? [] : [{ seconds, reason: `timed out after ${seconds} s` }];
}

function writeToStandardOutput(chunk: Uint8Array): void {
  let written = 0;
  while (written < chunk.length) written += Deno.stdout.writeSync(chunk.subarray(written));
}
