import { createHash } from "node:crypto";
import { lastLines, must } from "../../tools/command.ts";
import { say } from "../../tools/say.ts";
import { cacheDirectory, type Kernel } from "./kernel.ts";
import { type Accelerator, machineCommand, machineFiles, readText } from "./machine.ts";
import { supervise } from "./supervise.ts";

const DEVICE = "/dev/kvm";
/** How long a kernel may take to boot and power off, in seconds: ten times what it takes where KVM works. */
const PROBE_SECONDS = 15;
/** How long it may take until it writes its first message. */
const FIRST_MESSAGE_SECONDS = 5;
/** What programs write in the machine that is tried, and nothing else. */
const SIGN = "programs run in it";
const SCRIPT = `echo "${SIGN}" > /dev/ttyS0
echo o > /proc/sysrq-trigger
exec sleep infinity
`;

/** What became of a machine that was tried with KVM. */
export interface Trial {
  /** Its kernel's log, and what the program in it wrote. */
  readonly log: string;
  /** What QEMU wrote. */
  readonly stderr: string;
  /** Why it was ended; undefined when it ended by itself. */
  readonly killed?: string;
}

/** Why KVM is of no use, by a trial; undefined when it is of use. */
export function refusalOf({ log, stderr, killed }: Trial): string | undefined {
  if (log.includes(SIGN) && killed === undefined) return undefined;
  const said = /^KVM internal error.*$/m.exec(stderr)?.[0] ?? lastLines(stderr, 1);
  const how = killed ?? "ended before it had booted";
  return `a machine with KVM ${how}${said === "" ? "" : ` (${said})`}`;
}

/** What is remembered of a trial: nothing after the colon when KVM is of use. */
const VERDICT = /^kvm: (.*)\n$/;

/** The text by which a trial's result is kept; undefined as of {@linkcode refusalOf}. */
export function writeVerdict(refusal: string | undefined): string {
  return `kvm: ${(refusal ?? "").replaceAll("\n", " ")}\n`;
}

/** What was kept by {@linkcode writeVerdict}; null for any other text. */
export function readVerdict(text: string): { refusal: string | undefined } | null {
  const refusal = VERDICT.exec(text)?.[1];
  return refusal === undefined ? null : { refusal: refusal || undefined };
}

const chosen = new Map<string, Promise<Accelerator>>();

/**
 * Chooses how a kernel is run: by KVM where that runs a stock kernel, which is tried once and remembered in the lab's
 * cache; else by emulation, and says why.
 */
export function chooseAccelerator(kernel: Kernel): Promise<Accelerator> {
  const choice = chosen.get(kernel.vmlinux) ?? choose(kernel);
  chosen.set(kernel.vmlinux, choice);
  return choice;
}

async function choose(kernel: Kernel): Promise<Accelerator> {
  const refusal = await deviceRefusal() ?? await triedRefusal(kernel);
  if (refusal === undefined) return "kvm";
  say(`The lab emulates its processor: ${refusal}`);
  return "tcg";
}

async function deviceRefusal(): Promise<string | undefined> {
  try {
    (await Deno.open(DEVICE, { read: true, write: true })).close();
    return undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return `there is no ${DEVICE}`;
    return `cannot open ${DEVICE}: ${error instanceof Error ? error.message : error}`;
  }
}

async function triedRefusal(kernel: Kernel): Promise<string | undefined> {
  const path = `${cacheDirectory()}/kvm-${await surroundings(kernel)}`;
  const kept = readVerdict(await Deno.readTextFile(path).catch(() => ""));
  if (kept !== null) return kept.refusal && `${kept.refusal}; remove ${path} to have it tried again`;
  say(`Trying KVM (once, for ${PROBE_SECONDS} s at most)`);
  const refusal = refusalOf(await tryKvm(kernel));
  await Deno.writeTextFile(path, writeVerdict(refusal));
  return refusal;
}

/** Digest of what decides about a trial: the kernel, this machine's own one and its processor, and QEMU. */
async function surroundings(kernel: Kernel): Promise<string> {
  const processor = (await Deno.readTextFile("/proc/cpuinfo")).match(/^(model name|flags)\b.*$/gm) ?? [];
  const own = await Deno.readTextFile("/proc/version");
  const qemu = await must(["qemu-system-x86_64", "--version"]);
  const words = [kernel.vmlinux, own, qemu, ...new Set(processor)];
  return createHash("sha256").update(JSON.stringify(words)).digest("hex").slice(0, 16);
}

async function tryKvm(kernel: Kernel): Promise<Trial> {
  const directory = await Deno.makeTempDir({ prefix: "ipipou-kvm-" });
  try {
    const files = machineFiles(directory);
    await Deno.writeTextFile(files.job, SCRIPT);
    const options = { processors: 1, memoryMiB: 512, terminal: false };
    const { stderr, killed } = await supervise({
      argv: machineCommand(kernel, "kvm", files, options),
      stdout: () => {},
      limits: [
        { seconds: PROBE_SECONDS, reason: `did not boot and end within ${PROBE_SECONDS} s` },
        {
          seconds: FIRST_MESSAGE_SECONDS,
          reason: `wrote nothing within ${FIRST_MESSAGE_SECONDS} s`,
          holds: () => readText(files.log) === "",
        },
      ],
    });
    const log = readText(files.log);
    return { log, stderr, ...(killed === undefined ? {} : { killed }) };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
