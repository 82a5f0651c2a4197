import type { Kernel } from "./kernel.ts";

/** What makes the machine's processor: this machine's own, or a program. */
export type Accelerator = "kvm" | "tcg";

/** Files by which a machine is told what to run, and tells what became of it; absolute paths. */
export interface MachineFiles {
  /** The shell script to run as process 1. */
  readonly job: string;
  /** Gets the text the job writes to the port named "status". */
  readonly status: string;
  /** Gets the text the job writes to the port named "result". */
  readonly result: string;
  /** Gets the kernel's log. */
  readonly log: string;
}

/** The files of a machine in a directory. */
export function machineFiles(directory: string): MachineFiles {
  const [job, status, result, log] = ["job", "status", "result", "kernel.log"].map((name) =>
    `${directory}/${name}`
  );
  return { job: job!, status: status!, result: result!, log: log! };
}

/** What QEMU emulates; this, and what it is made of. */
export interface MachineOptions {
  readonly processors: number;
  readonly memoryMiB: number;
  /** Whether the job has QEMU's own terminal. Otherwise what it writes to the port "output" is QEMU's output. */
  readonly terminal: boolean;
}

/** The text of a file that QEMU makes; empty when it has not made it. */
export function readText(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/** The command that runs a machine to its end. It sees this machine's files, and cannot change them. */
export function machineCommand(
  kernel: Kernel,
  accelerator: Accelerator,
  files: MachineFiles,
  { processors, memoryMiB, terminal }: MachineOptions,
): string[] {
  const output = terminal
    ? ["-chardev", "stdio,id=output,signal=off", "-device", "virtconsole,chardev=output"]
    : ["-chardev", "file,id=output,path=/dev/stdout", "-device", "virtserialport,chardev=output,name=output"];
  return [
    "qemu-system-x86_64",
    ...processorArguments(accelerator),
    ...["-smp", `${processors}`, "-m", `${memoryMiB}`],
    ...["-machine", "q35", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-kernel", kernel.vmlinux, "-initrd", kernel.initramfs],
    ...["-append", kernelArguments(accelerator, files.job)],
    ...["-serial", `file:${files.log}`],
    ...["-fsdev", "local,id=host,path=/,security_model=none,readonly=on,multidevs=remap"],
    ...["-device", "virtio-9p-pci,fsdev=host,mount_tag=host"],
    ...["-device", "virtio-serial-pci", ...output],
    ...(["status", "result"] as const).flatMap((port) => [
      ...["-chardev", `file,id=${port},path=${files[port]}`],
      ...["-device", `virtserialport,chardev=${port},name=${port}`],
    ]),
    // A network card that leads nowhere. The kernel knows it once its driver is loaded.
    ...["-netdev", "user,id=card,restrict=on", "-device", "e1000,netdev=card,romfile="],
  ];
}

function processorArguments(accelerator: Accelerator): string[] {
  if (accelerator === "kvm") return ["-accel", "kvm", "-cpu", "host"];
  // A processor without wide vectors is emulated faster.
  return ["-accel", "tcg,thread=multi", "-cpu", "Nehalem"];
}

function kernelArguments(accelerator: Accelerator, job: string): string {
  // Panics end the machine at once (-no-reboot), and an oops is a panic: a broken kernel passes no test.
  const always = `console=ttyS0 panic=-1 oops=panic random.trust_cpu=on lab.script=${job}`;
  if (accelerator === "kvm") return always;
  // Mitigations are costly under emulation, and of no use in it. As for norandmaps, the emulator translates code again
  // wherever a program has it at another address than its last run had: with it our executable starts in 0.5 s of
  // processor time instead of 1.3, ip in 30 ms instead of 80.
  return `mitigations=off norandmaps ${always}`;
}
