import assert from "node:assert/strict";
import { must, run } from "../../tools/command.ts";
import { build } from "../../tools/build.ts";
import { makeOne, pathOf } from "../../tools/release/main.ts";
import { MADE, REQUESTS, VERSION } from "./made.ts";

/** What all packages have below their prefix. */
const FILES = [
  "bin/ipipou",
  "lib/systemd/system/ipipou@.service",
  "share/bash-completion/completions/ipipou",
  "share/doc/ipipou/CHANGELOG.md",
  "share/doc/ipipou/README.md",
  "share/doc/ipipou/docs/compatibility.md",
  "share/doc/ipipou/docs/design.md",
  "share/doc/ipipou/examples/client.toml",
  "share/doc/ipipou/examples/hub.toml",
  "share/doc/ipipou/examples/server.toml",
  "share/fish/vendor_completions.d/ipipou.fish",
  "share/man/man5/ipipou.toml.5.gz",
  "share/man/man8/ipipou.8.gz",
];
const DEB_FILES = [...FILES, "share/doc/ipipou/copyright", "share/zsh/vendor-completions/_ipipou"].sort();
const OTHER_FILES = [...FILES, "share/doc/ipipou/LICENSE", "share/zsh/site-functions/_ipipou"].sort();

/** A directory that goes with the test. */
async function makeFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "ipipou-packages-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

/** The files below a directory, as their mode and path. */
async function listing(root: string): Promise<string[]> {
  const lines = await must(["find", root, "-type", "f", "-printf", "%m %P\n"]);
  return lines.trim().split("\n").sort((a, b) => a.slice(4) < b.slice(4) ? -1 : 1);
}

function expected(paths: readonly string[]): string[] {
  return paths.map((path) => `${path === "bin/ipipou" ? 755 : 644} ${path}`);
}

/** Checks what is installed below a prefix that is `root` for now. */
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

Deno.test("the deb has its files, and says what it needs", async () => {
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

Deno.test("the rpm installs its files, says what it needs, and leaves nothing when it is erased", async () => {
  await using folder = await makeFolder();
  const rpm = ["rpm", "--root", folder.path, "--dbpath", "/db", "--nodeps", "--noscripts"];
  await must([...rpm, "--install", MADE.rpm]);
  assert.deepEqual(await listing(`${folder.path}/usr`), expected(OTHER_FILES));
  await checkInstalled(`${folder.path}/usr`, "/usr");
  await must([...rpm, "--erase", "ipipou"]);
  assert.equal(await must(["find", folder.path, "-mindepth", "1", "-name", "*ipipou*"]), "");
  const relations = await must(["rpm", "--query", "--package", "--requires", "--recommends", MADE.rpm]);
  assert.deepEqual(relations.trim().split("\n"), [
    "iproute",
    "kmod",
    "glibc >= 2.27",
    "nftables",
    "libnetfilter_queue",
  ]);
});

Deno.test("the tar.gz is unpacked into /usr/local", async () => {
  await using folder = await makeFolder();
  await must(["tar", "-xzf", MADE.tar, "-C", folder.path, "--strip-components=1"]);
  assert.deepEqual(await listing(folder.path), expected(OTHER_FILES));
  await checkInstalled(folder.path, "/usr/local");
});

Deno.test("packages are the same bytes however often they are made", async () => {
  await using folder = await makeFolder();
  const { path: executable } = await build();
  for (const name of ["deb", "rpm", "tar"] as const) {
    const request = { ...REQUESTS[name], folder: folder.path };
    await makeOne(request, executable);
    assert.equal((await run(["cmp", MADE[name], pathOf(request)])).code, 0, name);
  }
});
