import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { GATE_MODULES, TUNNEL_MODULES } from "../../lib/doctor/modules.ts";
import { must, run } from "../../tools/command.ts";
import { aptGet, ensurePackages, foreignArchitecture, unpackPackages } from "../../tools/packages.ts";
import { say } from "../../tools/say.ts";
import { LabError } from "./lab.ts";
import { cacheDirectory, copyModules, kernelOf, packArchive, privateSuite } from "./kernel.ts";
import { supervise } from "./supervise.ts";

/** A machine with another processor, emulated; it sees nothing of this machine's files. */

/** A Debian kernel for aarch64 and what is around it; paths are absolute. */
export interface Machine {
  /** Its version, as `uname -r` says it. */
  readonly release: string;
  readonly image: string;
  readonly initramfs: string;
}

/** The release of Debian that all of it is from. */
const SUITE = "trixie";

/** Debian's only kernels with pages of another size than 4 KiB. */
const META_PACKAGE = "linux-image-arm64-16k";

/** What `ipipou doctor` says that a server needs, and no others: that it lacks none is tested by it. */
const MODULES = ["veth", ...TUNNEL_MODULES, ...GATE_MODULES];

/** Programs, and the libraries of these and of the executable. */
const PACKAGES = [
  ...["busybox-static", "iproute2", "nftables", "libc6", "libgcc-s1", "libnetfilter-queue1", "libnfnetlink0"],
  ...["libmnl0", "libselinux1", "libpcre2-8-0", "libbpf1", "libelf1t64", "libzstd1", "zlib1g", "libcap2"],
  ...["libnftables1", "libnftnl11", "libxtables12", "libjansson4", "libgmp10", "libedit2", "libbsd0"],
  ...["libmd0", "libtinfo6"],
];

/** `/init`: loads the modules and runs the script. Whatever fails in it ends the machine with that exit code. */
const INIT = `#!/usr/bin/busybox sh
/usr/bin/busybox mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /run
export PATH=/usr/sbin:/usr/bin
for module in /modules/*; do insmod "$module"; done
sh -e /script 2>&1
echo "exit $?"
poweroff -f
`;

/** What a directory of the cache has, for its name to change when that does. */
const RECIPE = [...MODULES, ...PACKAGES, INIT].join();

/** What makes and runs it. */
const TOOLS = ["qemu-system-arm", "cpio", "xz-utils", "kmod"];

/**
 * Finds, and on first use downloads and unpacks, a kernel with pages of 16 KiB, and makes an initramfs with the programs
 * that ipipou needs.
 *
 * @throws {Error} that names what could not be found or downloaded
 */
export async function prepareMachine(): Promise<Machine> {
  await ensurePackages(TOOLS, "a machine with another processor");
  const lists = await foreignArchitecture("arm64", `${cacheDirectory()}/apt-${SUITE}-arm64`);
  const options = [...await privateSuite(SUITE), ...lists];
  const { name, version } = await findKernel(options);
  const recipe = createHash("sha256").update(RECIPE).digest("hex").slice(0, 8);
  const directory = `${cacheDirectory()}/${name}_${version}_${recipe}`;
  const release = name.slice("linux-image-".length);
  const machine = { release, image: `${directory}/vmlinuz`, initramfs: `${directory}/initramfs.cpio` };
  if (await Deno.stat(directory).then(() => true, () => false)) return machine;
  say(`Fetching ${name} ${version} and programs for it (about 100 MB; kept in ${cacheDirectory()})`);
  const work = await Deno.makeTempDir({ dir: cacheDirectory(), prefix: "new-" });
  try {
    await unpackPackages([`${name}=${version}`, ...PACKAGES], `${work}/root`, options);
    await Deno.rename(`${work}/root/boot/vmlinuz-${release}`, `${work}/vmlinuz`);
    await makeInitramfs(work, release);
    await Deno.rename(work, directory);
  } finally {
    await Deno.remove(work, { recursive: true }).catch(() => {});
  }
  return machine;
}

async function findKernel(aptOptions: readonly string[]): Promise<{ name: string; version: string }> {
  const offered = async () =>
    kernelOf((await run(["apt-cache", ...aptOptions, "show", META_PACKAGE])).stdout);
  const found = await offered();
  if (found) return found;
  say(`Fetching the package list of ${SUITE} for aarch64`);
  await aptGet([...aptOptions, "update"]);
  return await offered() ?? assert.fail(`${SUITE} has no ${META_PACKAGE}`);
}

/** Packs what the unpacked packages have for a running machine, and the modules that it loads. */
async function makeInitramfs(work: string, release: string): Promise<void> {
  const root = `${work}/root`;
  await must(["depmod", "--basedir", root, release]);
  for (const name of ["modules", "proc", "sys", "dev", "run", "tmp", "etc"]) {
    await Deno.mkdir(`${root}/${name}`, { recursive: true });
  }
  await copyModules(root, release, MODULES, `${root}/modules`);
  const unused = ["boot", "usr/share", "usr/lib/modules", "usr/lib/aarch64-linux-gnu/gconv"];
  await must(["rm", "-rf", ...unused], { cwd: root });
  await Deno.writeTextFile(`${root}/init`, INIT, { mode: 0o755 });
  await packArchive(root, `${work}/initramfs.cpio`);
  await must(["rm", "-rf", root]);
}

/** What a machine runs. */
export interface Job {
  /** Folder whose files are added to those below the machine's root. */
  readonly files: string;
  /** For busybox' shell, in which a command that fails ends it. */
  readonly script: string;
  /** How long it may take, in seconds, with the boot. */
  readonly seconds: number;
}

/**
 * Runs a script as root on a machine of its own, emulated.
 *
 * @returns what the machine's console showed
 * @throws {LabError} with that, when the script failed or did not come to its end
 */
export async function runMachine({ image, initramfs, release }: Machine, job: Job): Promise<string> {
  const directory = await Deno.makeTempDir({ prefix: "ipipou-aarch64-" });
  try {
    await Deno.writeTextFile(`${job.files}/script`, job.script);
    await packArchive(job.files, `${directory}/files.cpio`);
    // The kernel unpacks all archives that follow each other.
    const join = 'cat "$0" files.cpio > initrd && rm files.cpio';
    await must(["sh", "-c", join, initramfs], { cwd: directory });
    const console: string[] = [];
    const decoder = new TextDecoder();
    const end = await supervise({
      argv: machineCommand(image, `${directory}/initrd`),
      stdout: (chunk) => console.push(decoder.decode(chunk, { stream: true })),
      limits: [{ seconds: job.seconds, reason: `timed out after ${job.seconds} s` }],
    });
    const shown = console.join("").replaceAll("\r", "");
    if (/^exit 0$/m.test(shown)) return shown;
    const why = end.killed ?? "did not run its script to the end";
    throw new LabError(`The machine (Linux ${release}) ${why}\n${end.stderr}Its console:\n${shown}`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** The Raspberry Pi 5's processor. */
function machineCommand(image: string, initrd: string): string[] {
  return [
    "qemu-system-aarch64",
    ...["-machine", "virt", "-accel", "tcg,thread=multi", "-cpu", "cortex-a76", "-smp", "2", "-m", "1536"],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-serial", "stdio"],
    ...["-kernel", image, "-initrd", initrd],
    // Emulated, programs start faster at addresses where they were before. Any trouble of the kernel ends the machine.
    ...["-append", "console=ttyAMA0 quiet mitigations=off norandmaps panic=-1 oops=panic"],
  ];
}
