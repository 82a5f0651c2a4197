import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { must, run } from "../../tools/command.ts";
import { build } from "../../tools/build.ts";
import { makeOne, pathOf } from "../../tools/release/packages.ts";
import { MADE, REQUESTS, VERSION } from "./made.ts";

/** The files in docs. */
const DOCUMENTS = [...Deno.readDirSync(new URL("../../docs", import.meta.url))]
  .map(({ name }) => name).filter((name) => /\.(md|json)$/.test(name));

/** Documentation and shell completions, below the prefix of a package. */
const READERS_FILES = [
  "share/bash-completion/completions/ipipou",
  "share/doc/ipipou/CHANGELOG.md",
  "share/doc/ipipou/README.md",
  ...DOCUMENTS.map((name) => `share/doc/ipipou/docs/${name}`),
  "share/doc/ipipou/examples/client.toml",
  "share/doc/ipipou/examples/hub.toml",
  "share/doc/ipipou/examples/server.toml",
  "share/fish/vendor_completions.d/ipipou.fish",
  "share/man/man5/ipipou.toml.5.gz",
  "share/man/man8/ipipou.8.gz",
];
/** Files that have different names in Debian. */
const DEBIAN_FILES = ["share/doc/ipipou/copyright", "share/zsh/vendor-completions/_ipipou"];
const OTHER_FILES = ["share/doc/ipipou/LICENSE", "share/zsh/site-functions/_ipipou"];

/** The files of packages for systems with glibc and systemd. */
const SYSTEM_FILES = ["bin/ipipou", "lib/systemd/system/ipipou@.service", ...READERS_FILES];
const DEB_FILES = [...SYSTEM_FILES, ...DEBIAN_FILES].sort();
const RPM_FILES = [...SYSTEM_FILES, ...OTHER_FILES].sort();

/** The files of packages with their own libraries, below the root, without licences. */
const BUNDLED_FILES = [
  "etc/init.d/ipipou",
  "usr/bin/ipipou -> /usr/lib/ipipou/ipipou",
  "usr/lib/ipipou/ipipou",
  ...[
    ...["ld-linux-x86-64.so.2", "libc.so.6", "libdl.so.2", "libgcc_s.so.1", "libm.so.6", "libmnl.so.0"],
    ...["libnetfilter_queue.so.1", "libpthread.so.0", "librt.so.1"],
  ].map((name) => `usr/lib/ipipou/lib/${name}`),
];
const ALPINE_FILES = [
  ...BUNDLED_FILES,
  ...[...READERS_FILES, ...OTHER_FILES].map((path) => `usr/${path}`),
].sort();
const OPENWRT_FILES = [...BUNDLED_FILES, "lib/upgrade/keep.d/ipipou"].sort();

/** Makes a directory that is removed at the end of the test. */
async function makeFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "ipipou-packages-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** The files below a directory, each as its mode and path. */
async function listing(root: string): Promise<string[]> {
  const lines = await must(["find", root, "-type", "f", "-printf", "%m %P\n"]);
  return lines.trim().split("\n").sort((a, b) => a.slice(4) < b.slice(4) ? -1 : 1);
}

function expected(paths: readonly string[]): string[] {
  return paths.map((path) => `${path === "bin/ipipou" ? 755 : 644} ${path}`);
}

/** Checks the files installed below `root`, which stands for `prefix`. */
async function checkInstalled(root: string, prefix: string): Promise<void> {
  assert.match(await must([`${root}/bin/ipipou`, "--version"]), new RegExp(`^ipipou ${VERSION}\\b`));
  const unit = await Deno.readTextFile(`${root}/lib/systemd/system/ipipou@.service`);
  const programs = new Set(unit.match(/(?<=[ =])\/\S*\/bin\/ipipou\b/g));
  assert.deepEqual([...programs], [`${prefix}/bin/ipipou`]);
  for (const page of ["man8/ipipou.8", "man5/ipipou.toml.5"]) {
    assert.match(
      await must(["zcat", `${root}/share/man/${page}.gz`]),
      new RegExp(`^\\.TH .* "ipipou ${VERSION}"`),
    );
  }
}

Deno.test("the deb has its files and its dependencies", async () => {
  await using folder = await makeFolder();
  await must(["dpkg-deb", "--extract", MADE.deb, folder.path]);
  assert.deepEqual(await listing(`${folder.path}/usr`), expected(DEB_FILES));
  assert.deepEqual(
    (await must(["find", `${folder.path}/etc`, "-printf", "%m %P\n"])).trim(),
    "755 \n755 ipipou",
  );
  await checkInstalled(`${folder.path}/usr`, "/usr");
  const fields = await must(["dpkg-deb", "--field", MADE.deb, "Depends", "Recommends", "Architecture"]);
  assert.equal(
    fields,
    "Depends: iproute2, kmod, libc6 (>= 2.27)\nRecommends: nftables, libnetfilter-queue1\nArchitecture: amd64\n",
  );
});

Deno.test("the rpm installs its files, has its dependencies, and leaves nothing when it is erased", async () => {
  await using folder = await makeFolder();
  const rpm = ["rpm", "--root", folder.path, "--dbpath", "/db", "--nodeps", "--noscripts"];
  await must([...rpm, "--install", MADE.rpm]);
  assert.deepEqual(await listing(`${folder.path}/usr`), expected(RPM_FILES));
  await checkInstalled(`${folder.path}/usr`, "/usr");
  await must([...rpm, "--erase", "ipipou"]);
  assert.equal(await must(["find", folder.path, "-mindepth", "1", "-name", "*ipipou*"]), "");
  const relations = await must(["rpm", "--query", "--package", "--requires", "--recommends", MADE.rpm]);
  assert.deepEqual(relations.trim().split("\n"), [
    "(iproute or iproute2)",
    "kmod",
    "glibc >= 2.27",
    "nftables",
    "(libnetfilter_queue or libnetfilter_queue1)",
  ]);
});

/** Checks the files and licences that a package for routers installed below a folder that stands for the root. */
async function checkBundled(root: string, files: readonly string[], initScript: string): Promise<void> {
  const format = ["-type", "f", "-printf", "%m %P\n", "-o", "-type", "l", "-printf", "%P -> %l\n"];
  const listed = (await must(["find", root, ...format])).trim().split("\n");
  const licences = listed.filter((line) => line.startsWith("644 usr/lib/ipipou/licences/"));
  assert.ok(licences.length > 10, "the licences of what is bundled");
  const others = listed.filter((line) => !licences.includes(line));
  const modes = files.map((path) => {
    if (path.includes(" -> ")) return path;
    return `${/^(etc|usr\/lib)\//.test(path) ? 755 : 644} ${path}`;
  });
  assert.deepEqual(others.sort(), modes.sort());
  assert.match(await Deno.readTextFile(`${root}/etc/init.d/ipipou`), new RegExp(`^#!.*${initScript}\n`));
  const { mode } = await Deno.stat(`${root}/etc/ipipou`);
  assert.equal(mode! & 0o7777, 0o755);
  assert.deepEqual([...Deno.readDirSync(`${root}/etc/ipipou`)], []);
}

/** Unpacks an apk, including the parts for apk itself, whose names begin with a dot. */
async function unpackApk(path: string, folder: string): Promise<string> {
  await must(["tar", "--warning=no-unknown-keyword", "-xzf", path, "-C", folder]);
  return await Deno.readTextFile(`${folder}/.PKGINFO`);
}

/** The values of a field, which an apk may have several times. */
function valuesOf(pkginfo: string, field: string): string[] {
  return [...pkginfo.matchAll(new RegExp(`^${field} = (.*)$`, "gm"))].map(([, value]) => value!);
}

Deno.test("Alpine's apk has its files, its dependencies, and the digests that apk requires", async () => {
  await using folder = await makeFolder();
  const info = await unpackApk(MADE.apk, folder.path);
  await Deno.remove(`${folder.path}/.PKGINFO`);
  await Deno.remove(`${folder.path}/.pre-deinstall`);
  await checkBundled(folder.path, ALPINE_FILES, "openrc-run");
  assert.deepEqual(valuesOf(info, "pkgver"), [`${VERSION}-r0`]);
  assert.deepEqual(valuesOf(info, "arch"), ["x86_64"]);
  assert.deepEqual(valuesOf(info, "depend"), ["iproute2", "nftables"]);
  const bytes = Buffer.from(await Deno.readFile(MADE.apk));
  // Two archives, one after the other, both with the same gzip header.
  const data = bytes.subarray(bytes.lastIndexOf(bytes.subarray(0, 10)));
  assert.deepEqual(valuesOf(info, "datahash"), [digest("sha256", data)]);
  const init = digest("sha1", await Deno.readFile(`${folder.path}/etc/init.d/ipipou`));
  assert.ok(gunzipSync(data).includes(`APK-TOOLS.checksum.SHA1=${init}\n`));
});

function digest(algorithm: string, bytes: Uint8Array): string {
  return createHash(algorithm).update(bytes).digest("hex");
}

Deno.test("OpenWrt's packages have their files and their dependencies", async () => {
  const client = ["ip-full", "kmod-fou", "kmod-ipip"];
  const server = ["nftables-json", "kmod-nft-fib", "kmod-nft-queue", "kmod-nfnetlink-queue"];
  await using ipk = await makeFolder();
  await must(["tar", "-xzf", MADE.ipk, "-C", ipk.path]);
  const control = await must(["tar", "-xzOf", `${ipk.path}/control.tar.gz`, "./control"]);
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, "m").exec(control)?.[1];
  assert.equal(field("Architecture"), "x86_64");
  assert.equal(field("Depends"), client.join(", "));
  assert.equal(field("Recommends"), server.join(", "));
  await Deno.mkdir(`${ipk.path}/root`);
  await must(["tar", "-xzf", `${ipk.path}/data.tar.gz`, "-C", `${ipk.path}/root`]);
  await checkBundled(`${ipk.path}/root`, OPENWRT_FILES, "rc.common");
  assert.equal(await Deno.readTextFile(`${ipk.path}/root/lib/upgrade/keep.d/ipipou`), "/etc/ipipou/\n");

  await using apk = await makeFolder();
  const info = await unpackApk(MADE.openwrtApk, apk.path);
  assert.deepEqual(valuesOf(info, "depend"), [...client, ...server]);
  for (const name of [".PKGINFO", ".pre-install", ".post-install", ".pre-deinstall"]) {
    await Deno.remove(`${apk.path}/${name}`);
  }
  await checkBundled(apk.path, OPENWRT_FILES, "rc.common");
});

/** The line of docs/install.md that begins like this, for another folder than /usr/local. */
async function lineFor(folder: string, beginning: string): Promise<string> {
  const text = await Deno.readTextFile(new URL("../../docs/install.md", import.meta.url));
  const line = text.split("\n").find((line) => line.startsWith(beginning))!;
  const name = MADE.tar.slice(MADE.tar.lastIndexOf("/") + 1);
  assert.ok(line.includes(name) && line.includes("/usr/local"), line);
  return line.replace(name, MADE.tar).replace("/usr/local", folder);
}

Deno.test("the tar.gz is unpacked into /usr/local, and removed, as docs/install.md says", async () => {
  await using folder = await makeFolder();
  await must(["sh", "-ec", await lineFor(folder.path, "tar -xzf ipipou-1")]);
  assert.deepEqual(await listing(folder.path), expected(RPM_FILES));
  await checkInstalled(folder.path, "/usr/local");
  await must(["sh", "-ec", await lineFor(folder.path, "tar -tzf")]);
  assert.deepEqual(await listing(folder.path), [""]);
});

Deno.test("packages are reproducible byte for byte", async () => {
  await using folder = await makeFolder();
  const { path: executable } = await build();
  for (const name of ["deb", "rpm", "apk", "ipk", "openwrtApk", "tar"] as const) {
    const request = { ...REQUESTS[name], folder: folder.path };
    await makeOne(request, executable);
    assert.equal((await run(["cmp", MADE[name], pathOf(request)])).code, 0, name);
  }
});
