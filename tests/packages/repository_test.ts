import assert from "node:assert/strict";
import { must } from "../../tools/command.ts";
import { textLines } from "../../tools/lines.ts";
import { indexForApt } from "../../tools/release/indexes.ts";
import { OpenPgp } from "../../tools/release/openpgp.ts";
import { eventually } from "../e2e/scenario.ts";
import { VERSION } from "./made.ts";
import { makeStandIns } from "./stand_ins.ts";
import { fileFor, KEYS, makeOpenPgpKeys, RELEASE, serve, STRANGER } from "./repository.ts";
import type { Release } from "../lab/roots.ts";
import { Root } from "./root.ts";

/** Of 400 days that an index for apt is valid. */
const LONG_AGO = Date.parse("2024-01-01") / 1000;

/** A copy of the release, to spoil. */
async function copyRelease(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ dir: `${RELEASE}/..`, prefix: "copy-" });
  await must(["cp", "-r", `${RELEASE}/.`, path]);
  return { path, [Symbol.asyncDispose]: () => must(["rm", "-rf", path]).then(() => {}) };
}

/** Changes one byte in the middle of a file. */
async function spoil(path: string): Promise<void> {
  const bytes = await Deno.readFile(path);
  bytes[bytes.length >> 1]! ^= 1;
  await Deno.writeFile(path, bytes);
}

async function withApt(root: Root, url: string): Promise<void> {
  await root.must(
    "sh",
    "-c",
    "rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*; mkdir -p /etc/apt/keyrings",
  );
  await root.write("/etc/apt/keyrings/ipipou.asc", await Deno.readFile(`${RELEASE}/ipipou.asc`));
  await root.write("/etc/apt/sources.list.d/ipipou.sources", await fileFor("sources", url));
}

for (const release of ["bookworm", "trixie"] as const satisfies readonly Release[]) {
  Deno.test(`apt of ${release} installs from the release, and leaves nothing after a purge`, async () => {
    await using root = await Root.create(release);
    await using server = serve(RELEASE);
    await withApt(root, server.url);
    await root.must("apt-get", "update");
    const before = await root.files();
    await root.must("apt-get", "install", "--yes", "--no-install-recommends", "ipipou");
    assert.match(await root.must("ipipou", "--version"), new RegExp(`^ipipou ${VERSION}\\b`));
    await root.must("apt-get", "purge", "--yes", "ipipou");
    assert.deepEqual(await root.files(), before);
  });
}

Deno.test("apt refuses what another key signed, an index that is too old, and a package with another byte", async (t) => {
  await using copy = await copyRelease();
  await using server = serve(copy.path);
  await using root = await Root.create("bookworm");
  await withApt(root, server.url);
  const now = Math.floor(Date.now() / 1000);
  const index = async (time: number, key: { readonly file: string }) => {
    using openpgp = await OpenPgp.open(key);
    await indexForApt(`${copy.path}/apt`, time, openpgp);
    // Otherwise apt goes on with the index that it has, and warns.
    await root.must("sh", "-c", "rm -rf /var/lib/apt/lists/*");
    return await root.run("apt-get", "update");
  };
  const refused = async (time: number, key: { readonly file: string }, why: RegExp) => {
    const { code, stderr } = await index(time, key);
    assert.equal(code, 100);
    assert.match(stderr, why);
  };
  await t.step("a byte of the package", async () => {
    assert.equal((await index(now, KEYS.openpgp)).code, 0);
    const [deb] = [...Deno.readDirSync(`${copy.path}/apt`)].filter(({ name }) => name.endsWith(".deb"));
    await spoil(`${copy.path}/apt/${deb!.name}`);
    const { code, stderr } = await root.run("apt-get", "install", "--yes", "ipipou");
    assert.equal(code, 100);
    assert.match(stderr, /Hash Sum mismatch/);
  });
  await t.step("another key", () => refused(now, STRANGER, /not signed|couldn't be verified/));
  await t.step("too old", () => refused(LONG_AGO, KEYS.openpgp, /expired/));
  await t.step("a byte of the index", async () => {
    await index(now, KEYS.openpgp);
    const path = `${copy.path}/apt/InRelease`;
    await Deno.writeTextFile(path, (await Deno.readTextFile(path)).replace("Suite: stable", "Suite: stabla"));
    await root.must("sh", "-c", "rm -rf /var/lib/apt/lists/*");
    const { code, stderr } = await root.run("apt-get", "update");
    assert.equal(code, 100);
    assert.match(stderr, /BADSIG/);
  });
});

async function withDnf(root: Root, url: string, level: "all" | "digest"): Promise<void> {
  await root.must("mkdir", "-p", "/etc/yum.repos.d", "/etc/rpm");
  await root.write("/etc/yum.repos.d/ipipou.repo", await fileFor("repo", url));
  await root.write("/etc/rpm/macros.verify", `%_pkgverify_level ${level}\n`);
  // Debian's dnf5 would make a repository of all that it installs, by a program that it does not depend on.
  await root.write("/etc/dnf/libdnf5-plugins/local.conf", "[main]\nname = local\nenabled = 0\n");
  await root.write("/tmp/stand-ins.rpm", await Deno.readFile(await makeStandIns()));
  await root.must(
    "rpm",
    "--install",
    "--nosignature",
    "--define",
    "_pkgverify_level none",
    "/tmp/stand-ins.rpm",
  );
}

for (const level of ["all", "digest"] as const) {
  Deno.test(`dnf5 installs from the release where rpm 6 verifies at the level ${level}`, async () => {
    await using root = await Root.create("forky");
    await using server = serve(RELEASE);
    await withDnf(root, server.url, level);
    const before = await root.files();
    await root.must("dnf5", "--assumeyes", "--setopt=install_weak_deps=False", "install", "ipipou");
    assert.match(await root.must("ipipou", "--version"), new RegExp(`^ipipou ${VERSION}\\b`));
    await root.must("dnf5", "--assumeyes", "remove", "ipipou");
    assert.deepEqual(await root.files(), before);
  });
}

Deno.test("rpm 6 refuses an unsigned package at the level that others are installed at", async () => {
  await using root = await Root.create("forky");
  await withDnf(root, "http://127.0.0.1", "all");
  await root.must("rpm", "--erase", "stand-ins");
  const { code, stderr } = await root.run("rpm", "--install", "/tmp/stand-ins.rpm");
  assert.equal(code, 1);
  assert.match(stderr, /no signature/);
});

Deno.test("dnf5 refuses what another key signed, and a package or an index with another byte", async (t) => {
  const install = async (path: string) => {
    await using server = serve(path);
    await using root = await Root.create("forky");
    await withDnf(root, server.url, "all");
    const { code, stdout, stderr } = await root.run("dnf5", "--assumeyes", "install", "ipipou");
    assert.equal(code, 1);
    assert.equal((await root.run("rpm", "--query", "ipipou")).code, 1);
    return stdout + stderr;
  };
  await t.step("a byte of the package", async () => {
    await using copy = await copyRelease();
    const [rpm] = [...Deno.readDirSync(`${copy.path}/dnf`)].filter(({ name }) => name.endsWith(".rpm"));
    await spoil(`${copy.path}/dnf/${rpm!.name}`);
    assert.match(await install(copy.path), /checksum/i);
  });
  await t.step("a byte of the index", async () => {
    await using copy = await copyRelease();
    const path = `${copy.path}/dnf/repodata/repomd.xml`;
    await Deno.writeTextFile(path, (await Deno.readTextFile(path)).replace("<revision>1", "<revision>2"));
    assert.match(await install(copy.path), /signature/i);
  });
  await t.step("another key", async () => {
    await using copy = await copyRelease();
    using stranger = await OpenPgp.open(STRANGER);
    await stranger.writePublicKey(`${copy.path}/ipipou.asc`);
    assert.match(await install(copy.path), /signature|key/i);
  });
});

Deno.test("SHA256SUMS names all files, and is signed as the index for opkg is", async () => {
  await must(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], { cwd: RELEASE });
  const named = (await Deno.readTextFile(`${RELEASE}/SHA256SUMS`)).trim().split("\n").map((line) =>
    line.slice(66)
  );
  const files = (await must(["find", ".", "-type", "f", "-printf", "%P\n"], { cwd: RELEASE })).trim().split(
    "\n",
  );
  assert.deepEqual(files.filter((name) => !name.startsWith("SHA256SUMS")).sort(), named.sort());
  const home = await Deno.makeTempDir({ prefix: "ipipou-gpg-" });
  await must(["gpg", "--homedir", home, "--batch", "--quiet", "--import", `${RELEASE}/ipipou.asc`]);
  await must(["gpg", "--homedir", home, "--batch", "--verify", "SHA256SUMS.asc", "SHA256SUMS"], {
    cwd: RELEASE,
  });
  await must(["gpgconf", "--homedir", home, "--kill", "all"]);
  await Deno.remove(home, { recursive: true });
  const index = `${RELEASE}/openwrt/${Deno.build.arch}/Packages`;
  await must(["signify-openbsd", "-V", "-p", `${RELEASE}/ipipou.pub`, "-m", index, "-x", `${index}.sig`]);
});

Deno.test("OpenPgp.open() refuses a file with several keys, with a public one, and a key that it cannot sign with", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "ipipou-keys-" });
  const path = (name: string) => `${folder}/${name}.asc`;
  await makeOpenPgpKeys(path("one"));
  await makeOpenPgpKeys(path("two"), { count: 2 });
  await makeOpenPgpKeys(path("locked"), { passphrase: "a passphrase" });
  using one = await OpenPgp.open({ file: path("one") });
  await one.writePublicKey(path("public"));
  const open = async (name: string) => {
    using _ = await OpenPgp.open({ file: path(name) });
  };
  await assert.rejects(open("two"), /^Error: Cannot sign by RELEASE_OPENPGP_KEY: there are 2 private keys: /);
  await assert.rejects(
    open("public"),
    /^Error: Cannot sign by RELEASE_OPENPGP_KEY: there is no private key$/,
  );
  await assert.rejects(open("locked"), /No pinentry|No passphrase/);
  await t.step("one that gpg has, by a name that others have, too", async () => {
    const home = `${folder}/home`;
    await Deno.mkdir(home, { mode: 0o700 });
    Deno.env.set("GNUPGHOME", home);
    await must(["gpg", "--batch", "--quiet", "--import", path("two")]);
    await assert.rejects(OpenPgp.open({ name: "Throw-away" }), /there are 2 private keys: [0-9A-F]{40}, /);
    using second = await OpenPgp.open({ name: "Throw-away key 1" });
    await second.writePublicKey(path("second"));
    const shown = await must(["gpg", "--show-keys", path("second")]);
    assert.match(shown, /key 1/);
    assert.doesNotMatch(shown, /key 0/);
    await must(["gpgconf", "--kill", "all"]);
    Deno.env.delete("GNUPGHOME");
  });
  await Deno.remove(folder, { recursive: true });
});

Deno.test("OpenPgp leaves no keyring and no agent where a signal ends the program", async () => {
  const folder = await Deno.makeTempDir({ prefix: "ipipou-keys-" });
  const [key, script, temporary] = [`${folder}/one.asc`, `${folder}/open.ts`, `${folder}/tmp`];
  await makeOpenPgpKeys(key);
  await Deno.mkdir(temporary);
  const module = new URL("../../tools/release/openpgp.ts", import.meta.url);
  await Deno.writeTextFile(
    script,
    `import { OpenPgp } from "${module}";
     using openpgp = await OpenPgp.open({ file: Deno.args[0] });
     console.log("open");
     await new Promise((resolve) => setTimeout(resolve, 60_000));`,
  );
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "--quiet", script, key],
      env: { TMPDIR: temporary },
      stdin: "null",
      stdout: "piped",
    }).spawn();
    for await (const line of textLines(child.stdout)) {
      assert.equal(line, "open");
      assert.equal([...Deno.readDirSync(temporary)].length, 1);
      child.kill(signal);
    }
    assert.equal((await child.status).signal, signal);
    assert.deepEqual([...Deno.readDirSync(temporary)], []);
    await eventually("gpg's agent is gone", async () => {
      return !(await must(["ps", "-eo", "args"])).includes(temporary);
    });
  }
  await Deno.remove(folder, { recursive: true });
});
