import { elfEnd, type Target } from "./base.ts";
import { architectureOf, build, digestOf, HERE, runForTarget, unlessMade } from "./build.ts";
import { must, run } from "./command.ts";
import { makeExecutable } from "./executable.ts";
import { ensurePackages, foreignArchitecture, unpackPackages } from "./packages.ts";

const ROOT = new URL("..", import.meta.url).pathname;
/** The handwritten files of the bundle: installer, init scripts, licences. */
const PARTS = `${ROOT}tools/bundle`;

/** Path of the bundle, or of a link to it. The kernel finds the loader by this path. */
export const HOME = "/usr/lib/ipipou";

/** Debian's and the dynamic loader's names of an architecture. */
const ARCHITECTURES: Record<Target, { debian: string; triplet: string; loader: string }> = {
  "x86_64-unknown-linux-gnu": {
    debian: "amd64",
    triplet: "x86_64-linux-gnu",
    loader: "ld-linux-x86-64.so.2",
  },
  "aarch64-unknown-linux-gnu": {
    debian: "arm64",
    triplet: "aarch64-linux-gnu",
    loader: "ld-linux-aarch64.so.1",
  },
};

/** The libraries that the program needs, by package. */
const LIBRARIES = {
  libc6: ["libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1"],
  "libgcc-s1": ["libgcc_s.so.1"],
  libmnl0: ["libmnl.so.0"],
};

/** The library that is linked for the bundle, the package with its object files, and a symbol of the one to link. */
const QUEUE = { file: "libnetfilter_queue.so.1", package: "libnetfilter-queue-dev", symbol: "nfq_nlmsg_put" };

/** Licences that Debian's copyright files refer to. */
const COMMON_LICENCES = ["Apache-2.0", "GPL-2", "GPL-3", "LGPL-2.1"];

/**
 * Makes dist/ipipou-ARCH.tar.gz for systems without glibc, unless it is up to date: a folder with the executable, the
 * dynamic loader and libraries it needs, and their licences.
 *
 * @returns the archive's absolute path
 * @throws {Error} when a part cannot be had or made
 */
export async function bundle(target: Target = HERE): Promise<string> {
  const path = `${ROOT}dist/ipipou-${architectureOf(target)}.tar.gz`;
  const built = await build(target);
  const digest = await digestOf([built.digest], ["tools/bundle", "tools/bundle.ts"]);
  await unlessMade(path, digest, async () => {
    const binutils = `binutils-${ARCHITECTURES[target].triplet.replace("_", "-")}`;
    await ensurePackages(["patchelf", binutils], "a program that brings its own loader and libraries");
    const work = await Deno.makeTempDir({ dir: `${ROOT}dist`, prefix: "new-" });
    try {
      await fill(`${work}/ipipou`, work, target, built);
      await pack(work, path);
    } finally {
      await Deno.remove(work, { recursive: true });
    }
  });
  return path;
}

async function fill(
  folder: string,
  work: string,
  target: Target,
  executable: { path: string; commit: string },
): Promise<void> {
  await must(["cp", "-r", PARTS, folder]);
  await addLibraries(folder, `${work}/debian`, target);
  await Deno.copyFile(`${ROOT}LICENSE`, `${folder}/licences/ipipou`);
  for (const name of COMMON_LICENCES) {
    await Deno.copyFile(`/usr/share/common-licenses/${name}`, `${folder}/licences/${name}`);
  }
  const base = await patchBase(executable.path, `${work}/base`, ARCHITECTURES[target].loader);
  await makeExecutable({ target, output: `${folder}/ipipou`, commit: executable.commit, base });
}

/** Takes the loader, the libraries and their licences from Debian's packages. */
async function addLibraries(folder: string, unpacked: string, target: Target): Promise<void> {
  const { debian, triplet, loader } = ARCHITECTURES[target];
  const own = (await must(["dpkg", "--print-architecture"])).trim();
  const options = debian === own ? [] : await foreignArchitecture(debian, `${ROOT}dist/apt-${debian}`);
  const packages = [...Object.keys(LIBRARIES), QUEUE.package];
  await unpackPackages(packages, unpacked, options);
  await Deno.mkdir(`${folder}/lib`);
  // Some are links to a name with more digits.
  for (const name of [loader, ...Object.values(LIBRARIES).flat()]) {
    await must(["cp", "-L", `${unpacked}/usr/lib/${triplet}/${name}`, `${folder}/lib/${name}`]);
  }
  await linkQueueLibrary(`${unpacked}/usr/lib/${triplet}/libnetfilter_queue.a`, `${folder}/lib`, target);
  const sources = [];
  for (const name of packages) {
    await Deno.copyFile(await copyrightOf(name, unpacked, options), `${folder}/licences/${name}`);
    sources.push(`  ${await sourceOf(name, options)}\n`);
  }
  await Deno.writeTextFile(`${folder}/licences/README`, sources.join(""), { append: true });
}

/**
 * Links the part of libnetfilter_queue that writes messages, which is all that the program calls. The rest, deprecated,
 * would need libnfnetlink too.
 *
 * @param archive Debian's object files of the library
 * @param folder with the libraries that it needs; gets the library
 */
async function linkQueueLibrary(archive: string, folder: string, target: Target): Promise<void> {
  const { triplet, loader } = ARCHITECTURES[target];
  const path = `${folder}/${QUEUE.file}`;
  const needed = ["libmnl.so.0", "libc.so.6", loader].map((name) => `${folder}/${name}`);
  const options = ["-soname", QUEUE.file, "--strip-all", "--as-needed", "-z", "defs", "-z", "now"];
  await must([`${triplet}-ld`, "-shared", ...options, "-u", QUEUE.symbol, "-o", path, archive, ...needed]);
  await Deno.chmod(path, 0o644);
}

/** The path of a package's copyright file. Some packages link to another package's folder. */
async function copyrightOf(name: string, unpacked: string, options: readonly string[]): Promise<string> {
  const documents = `${unpacked}/usr/share/doc/${name}`;
  if (!(await Deno.lstat(documents)).isSymlink) return `${documents}/copyright`;
  const other = await Deno.readLink(documents);
  await unpackPackages([other], `${unpacked}/${other}`, options);
  return `${unpacked}/${other}/usr/share/doc/${other}/copyright`;
}

/** Source package and version of the package that apt downloads, as "glibc=2.36-9+deb12u14". */
async function sourceOf(name: string, options: readonly string[]): Promise<string> {
  const { stdout } = await run(["apt-cache", ...options, "show", "--no-all-versions", name]);
  const field = (key: string) => new RegExp(`^${key}: (.*)$`, "m").exec(stdout)?.[1];
  // "Source: gcc-12 (12.2.0-14)" has a version only if it differs from the package's.
  const [, source, version] = /^(\S+)(?: \((.*)\))?$/.exec(field("Source") ?? name)!;
  return `${source}=${version ?? field("Version")}`;
}

/**
 * Extracts the base binary of an executable, and makes it look for its loader and libraries in the bundle. This must
 * happen before the program is appended: afterwards the program would not find itself.
 */
async function patchBase(executable: string, base: string, loader: string): Promise<string> {
  const bytes = await Deno.readFile(executable);
  await Deno.writeFile(base, bytes.subarray(0, elfEnd(bytes)), { mode: 0o755 });
  // Unlike runpath, rpath also applies to dependencies of libraries.
  const libraries = ["--force-rpath", "--set-rpath", "$ORIGIN/lib"];
  await must(["patchelf", "--set-interpreter", `${HOME}/lib/${loader}`, ...libraries, base]);
  return base;
}

/** Packs the folder `ipipou` in `work`. Equal content gives equal bytes. */
async function pack(work: string, path: string): Promise<void> {
  const same = [
    "--sort=name",
    "--mtime=@0",
    "--owner=0",
    "--group=0",
    "--numeric-owner",
    "--mode=u=rwX,go=rX",
  ];
  await must(["tar", ...same, "-C", work, "-cf", `${work}/tar`, "ipipou"]);
  await must(["gzip", "-n", `${work}/tar`]);
  await Deno.rename(`${work}/tar.gz`, path);
}

if (import.meta.main) await runForTarget(bundle);
