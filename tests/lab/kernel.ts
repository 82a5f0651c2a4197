import { createHash } from "node:crypto";
import { must, run } from "../../tools/command.ts";
import { aptGet, unpackPackages } from "../../tools/packages.ts";
import { say } from "../../tools/say.ts";
import { INITRAMFS_INIT, INITRAMFS_MODULES } from "./guest.ts";
import { unpackKernel } from "./vmlinux.ts";

/** A stock Debian kernel, ready to boot; all paths are absolute. */
export interface Kernel {
  /** As `uname -r` says it. */
  release: string;
  /** Uncompressed: a `vmlinuz` unpacks itself at each boot, for 4 s under emulation. */
  vmlinux: string;
  initramfs: string;
  /** What belongs at `/lib/modules`. */
  modules: string;
}

/** A kernel package at one version, and the apt options with which this machine can download it. */
interface KernelPackage {
  name: string;
  version: string;
  aptOptions: string[];
}

/** What a directory of the cache has, for its name to change when that does. */
const RECIPE = `vmlinux ${INITRAMFS_MODULES.join()} ${INITRAMFS_INIT}`;

const META_PACKAGE = "linux-image-amd64";

/** Where Debian's mirrors keep a kernel that is not the machine's own release's. */
const SUITE_OF_KERNEL: Record<string, string> = {
  "5.10": "bullseye",
  "6.1": "bookworm",
  "6.12": "bookworm-backports",
  "7.2": "forky",
};

/**
 * The directory that keeps kernels between runs: `$IPIPOU_LAB_DIR`, or `ipipou-lab` in the user's cache.
 */
export function cacheDirectory(env: (name: string) => string | undefined = Deno.env.get): string {
  const userCache = env("XDG_CACHE_HOME") || `${env("HOME") || "/root"}/.cache`;
  return env("IPIPOU_LAB_DIR") || `${userCache}/ipipou-lab`;
}

/**
 * Finds, and on first use downloads and unpacks, a kernel.
 *
 * `line` is the first two numbers of its version ("6.12"); without it, the one of this machine's Debian release.
 * Throws an Error that names what could not be found or downloaded.
 */
export async function prepareKernel(line?: string): Promise<Kernel> {
  if (Deno.build.arch !== "x86_64") {
    throw new Error(`Cannot boot the lab on ${Deno.build.arch}: its kernels are for x86_64`);
  }
  const wanted = await findPackage(line);
  const recipe = createHash("sha256").update(RECIPE).digest("hex").slice(0, 8);
  const directory = `${cacheDirectory()}/${wanted.name}_${wanted.version}_${recipe}`;
  if (!await exists(directory)) await build(wanted, directory);
  return await describe(directory);
}

/**
 * The kernel image package that a metapackage stands for, by `apt-cache show` of all versions of the metapackage,
 * newest first; undefined when none is of the line asked for.
 */
export function kernelOf(aptCacheShow: string, line?: string): { name: string; version: string } | undefined {
  for (const [, name, version] of aptCacheShow.matchAll(/^Depends: .*?\b(linux-image-\d\S+) \(= (\S+)\)/gm)) {
    if (line === undefined || name!.startsWith(`linux-image-${line}.`)) {
      return { name: name!, version: version! };
    }
  }
  return undefined;
}

/**
 * The packages that have a kernel's files, by `apt-cache show` of its image package: since Debian 14 that is empty, and
 * needs one with the kernel, one with its modules, and one with their lists.
 */
export function packagesOf(image: string, aptCacheShow: string): string[] {
  const depends = /^Depends: (.*)$/m.exec(aptCacheShow)?.[1] ?? "";
  const parts = [...depends.matchAll(/\blinux-(?:base|binary|modules)-\d\S*/g)].map(([name]) => name);
  return parts.length === 0 ? [image] : parts;
}

async function findPackage(line: string | undefined): Promise<KernelPackage> {
  const offered = async (aptOptions: string[]) => {
    const shown = await run(["apt-cache", ...aptOptions, "show", META_PACKAGE]);
    const found = kernelOf(shown.stdout, line);
    return found && { ...found, aptOptions };
  };
  let found = await offered([]);
  if (found) return found;
  // Images of fresh machines often come without package lists.
  if ((await run(["apt-cache", "show", META_PACKAGE])).code !== 0) {
    say("Fetching the package lists (to find a kernel for the lab)");
    await aptGet(["update"]);
    found = await offered([]);
    if (found) return found;
  }
  const suite = SUITE_OF_KERNEL[line ?? ""];
  if (suite === undefined) {
    const known = Object.keys(SUITE_OF_KERNEL).join(", ");
    throw new Error(
      `Cannot find kernel ${line ?? ""}: apt offers no such ${META_PACKAGE} here; known ones: ${known}`,
    );
  }
  const aptOptions = await privateSuite(suite);
  found = await offered(aptOptions);
  if (!found) {
    say(`Fetching the package list of ${suite} (for kernel ${line})`);
    await aptGet([...aptOptions, "update"]);
    found = await offered(aptOptions);
  }
  if (!found) throw new Error(`Cannot find kernel ${line}: neither this machine's apt nor ${suite} has it`);
  return found;
}

/**
 * Apt options that make one suite of this machine's own Debian mirror visible, with lists of their own, so
 * that the machine's configuration stays as it is.
 */
export async function privateSuite(suite: string): Promise<string[]> {
  const targets = await must([
    "apt-get",
    "indextargets",
    "--format",
    "$(ORIGIN) $(REPO_URI) $(RELEASE)",
    "Identifier: Packages",
  ]);
  const mirror = /^Debian (\S+) [a-z]+$/m.exec(targets)?.[1];
  if (mirror === undefined) {
    throw new Error(`Cannot find ${suite}: apt is configured with no Debian mirror here`);
  }
  const directory = `${cacheDirectory()}/apt-${suite}`;
  await Deno.mkdir(`${directory}/lists/partial`, { recursive: true });
  await Deno.mkdir(`${directory}/cache/archives/partial`, { recursive: true });
  const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
  await Deno.writeTextFile(
    `${directory}/sources.list`,
    `deb [signed-by=${keyring}] ${mirror} ${suite} main\n`,
  );
  return [
    // Nobody may have renewed the list of a release that is not out yet.
    "Acquire::Check-Valid-Until=false",
    `Dir::Etc::SourceList=${directory}/sources.list`,
    "Dir::Etc::SourceParts=-",
    `Dir::State::Lists=${directory}/lists`,
    `Dir::Cache=${directory}/cache`,
  ].flatMap((option) => ["-o", option]);
}

/** Everything is made beside `directory` and renamed into place, so that a half-made kernel is never found. */
async function build(wanted: KernelPackage, directory: string): Promise<void> {
  await Deno.mkdir(cacheDirectory(), { recursive: true });
  const work = await Deno.makeTempDir({ dir: cacheDirectory(), prefix: "new-" });
  try {
    say(
      `Fetching ${wanted.name} ${wanted.version} (the lab's kernel, about 100 MB; kept in ${cacheDirectory()})`,
    );
    const { name, version, aptOptions } = wanted;
    const shown = await must(["apt-cache", ...aptOptions, "show", `${name}=${version}`]);
    const packages = packagesOf(name, shown).map((part) => `${part}=${version}`);
    await unpackPackages(packages, `${work}/kernel`, aptOptions);
    await unpackPackages(["busybox-static"], `${work}/busybox`);
    say("Unpacking it and making its initramfs");
    const kernel = await describe(work);
    await unpackKernel(await imageOf(`${work}/kernel`, kernel.release), kernel.vmlinux);
    await must(["depmod", "--basedir", `${work}/kernel`, kernel.release]);
    await makeInitramfs(work, kernel);
    try {
      await Deno.rename(work, directory);
    } catch (error) {
      // Another run was faster, with the same result.
      if (!await exists(directory)) throw error;
    }
  } finally {
    await Deno.remove(work, { recursive: true }).catch(() => {});
  }
}

/** Packs busybox, the init script and the modules it loads as a cpio archive. */
async function makeInitramfs(work: string, kernel: Kernel): Promise<void> {
  const root = `${work}/initramfs`;
  for (const name of ["bin", "modules", "proc", "sys", "dev", "host", "overlay", "new"]) {
    await Deno.mkdir(`${root}/${name}`, { recursive: true });
  }
  await Deno.copyFile(`${work}/busybox/usr/bin/busybox`, `${root}/bin/busybox`);
  await copyModules(`${work}/kernel`, kernel.release, INITRAMFS_MODULES, `${root}/modules`);
  await Deno.writeTextFile(`${root}/init`, INITRAMFS_INIT, { mode: 0o755 });
  await packArchive(root, `${work}/initramfs.cpio`);
  await Deno.remove(root, { recursive: true });
}

/**
 * Copies modules of a kernel and those that they need, uncompressed, to a folder: in the order of their names they can be
 * loaded.
 *
 * @param root of the unpacked packages; depmod has been there
 */
export async function copyModules(
  root: string,
  release: string,
  modules: readonly string[],
  folder: string,
): Promise<void> {
  const files = new Set<string>();
  for (const module of modules) {
    const modprobe = ["modprobe", "--dirname", root, "--set-version", release, "--show-depends", module];
    for (const [, file] of (await must(modprobe)).matchAll(/^insmod (\S+)/gm)) files.add(file!);
  }
  let number = 100;
  for (const file of files) {
    const target = `${folder}/${number++}-${file.slice(file.lastIndexOf("/") + 1)}`;
    await Deno.copyFile(file, target);
    if (target.endsWith(".xz")) await must(["xz", "--decompress", target]);
  }
}

/** Packs a folder as the kernel wants an initramfs. */
export async function packArchive(folder: string, path: string): Promise<void> {
  await must(["sh", "-c", 'find . | cpio -o -H newc -R 0:0 --quiet > "$0"', path], { cwd: folder });
}

/** The path of a kernel's image; since Debian 14 it is beside its modules. */
async function imageOf(root: string, release: string): Promise<string> {
  const path = `${root}/boot/vmlinuz-${release}`;
  return await exists(path) ? path : `${root}/lib/modules/${release}/vmlinuz`;
}

async function describe(directory: string): Promise<Kernel> {
  const modules = `${directory}/kernel/lib/modules`;
  for await (const { name: release } of Deno.readDir(modules)) {
    return { release, modules, vmlinux: `${directory}/vmlinux`, initramfs: `${directory}/initramfs.cpio` };
  }
  throw new Error(`Cannot find a kernel in ${directory}: remove it and try again`);
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
