import { lastLines } from "../../tools/command.ts";
import { ensurePackages } from "../../tools/packages.ts";
import { type Job, jobScript } from "./guest.ts";
import { hereCommand, requireOwnKernel } from "./here.ts";
import { type Kernel, prepareKernel } from "./kernel.ts";
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
  /** How many processors are emulated, 2 if left out. One alone is faster than each of several. */
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
const MACHINE_PACKAGES = ["qemu-system-x86", "cpio"];

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
const DEFAULT_ENVIRONMENT = {
  HOME: "/root",
  PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
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
  const terminal = options.terminal ? { terminal: Deno.consoleSize() } : {};
  const systemd = { systemd: options.systemd ?? false };
  await Deno.writeTextFile(
    `${directory}/job`,
    jobScript({ ...job, ...terminal, ...systemd }, kernel.modules),
  );
  const seconds = options.silenceSeconds;
  const silence = seconds === undefined ? undefined : { seconds, reason: `wrote nothing for ${seconds} s` };
  const end = await supervise({
    argv: ["qemu-system-x86_64", ...qemuArguments(kernel, directory, options)],
    stdout: sinkOf(options),
    ...(silence === undefined ? {} : { silence }),
    limits: [
      ...limitsOf(options),
      {
        seconds: BOOT_SECONDS,
        reason: `did not boot within ${BOOT_SECONDS} s`,
        holds: () => readText(`${directory}/status`) === "",
      },
    ],
  });
  if (options.terminal) Deno.stdin.setRaw(false);
  const code = /^exit (\d+)$/m.exec(readText(`${directory}/status`))?.[1];
  if (code !== undefined) return { code: Number(code), result: readText(`${directory}/result`) };
  const why = end.killed ??
    `ended without its command's exit code (QEMU: ${end.status.signal ?? end.status.code})`;
  const log = lastLines(readText(`${directory}/kernel.log`).replaceAll("\r", ""), 60);
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

function qemuArguments(kernel: Kernel, directory: string, options: LabOptions): string[] {
  // Panics end the machine at once (-no-reboot), and an oops is a panic: a broken kernel passes no test.
  const kernelArguments = [
    "console=ttyS0 panic=-1 oops=panic",
    // Costly under emulation, and of no use in it. The emulator translates code again wherever a program has it at
    // another address than its last run had: our executable starts in 0.5 s of processor time instead of 1.3, ip in
    // 30 ms instead of 80.
    "mitigations=off random.trust_cpu=on norandmaps",
    `lab.script=${directory}/job`,
  ].join(" ");
  const output = options.terminal
    ? ["-chardev", "stdio,id=output,signal=off", "-device", "virtconsole,chardev=output"]
    : ["-chardev", "file,id=output,path=/dev/stdout", "-device", "virtserialport,chardev=output,name=output"];
  return [
    // /dev/kvm is of no use here: where it exists, stock kernels were seen to hang in it.
    // A processor without wide vectors is emulated faster: our executable starts in 1.25 s, not 1.57.
    ...["-accel", "tcg,thread=multi", "-cpu", "Nehalem", "-smp", `${options.processors ?? 2}`],
    ...["-m", `${options.memoryMiB ?? 2048}`],
    ...["-machine", "q35", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-kernel", kernel.vmlinuz, "-initrd", kernel.initramfs, "-append", kernelArguments],
    ...["-serial", `file:${directory}/kernel.log`],
    ...["-fsdev", "local,id=host,path=/,security_model=none,readonly=on,multidevs=remap"],
    ...["-device", "virtio-9p-pci,fsdev=host,mount_tag=host"],
    ...["-device", "virtio-serial-pci", ...output],
    ...["status", "result"].flatMap((port) => [
      ...["-chardev", `file,id=${port},path=${directory}/${port}`],
      ...["-device", `virtserialport,chardev=${port},name=${port}`],
    ]),
  ];
}

function writeToStandardOutput(chunk: Uint8Array): void {
  let written = 0;
  while (written < chunk.length) written += Deno.stdout.writeSync(chunk.subarray(written));
}

/** The text of a file of QEMU's making; empty when it did not come to make it. */
function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
