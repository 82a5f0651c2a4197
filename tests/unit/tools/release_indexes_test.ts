import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash, createVerify, generateKeyPairSync } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";
import { must } from "../../../tools/command.ts";
import { describeApk, indexForApk } from "../../../tools/release/apk_index.ts";
import { aptRelease, filesIn, indexForOpkg } from "../../../tools/release/indexes.ts";
import { apkKeyName } from "../../../tools/release/nfpm.ts";

/** 2 January 2026. */
const TIME = 1_767_312_000;
const BLOCK = 512;

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "ipipou-index-" });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A gzip member with a file as tar has it, which may say where the archive ends. */
function member(name: string, text: string): Uint8Array {
  const archive = Buffer.alloc(2 * BLOCK);
  archive.write(name);
  archive.write(text, BLOCK);
  return gzipSync(archive);
}

const INFO = "pkgname = ipipou\npkgver = 1.2.3-r0\narch = x86_64\nsize = 9\npkgdesc = tunnels\n" +
  "depend = iproute2\ndepend = nftables\nlicense = MIT\n";
const CONTROL = member(".PKGINFO", INFO);
const [SIGNATURE, DATA] = [
  member(".SIGN.RSA.a.rsa.pub", "signature"),
  member("usr/bin/ipipou", "program"),
];

Deno.test("describeApk() takes fields and sum of the second part of a signed apk, and of the first of another", () => {
  const sum = createHash("sha1").update(CONTROL).digest("base64");
  for (const parts of [[SIGNATURE, CONTROL, DATA], [CONTROL, DATA]]) {
    const apk = Buffer.concat(parts);
    assert.equal(
      describeApk(apk),
      `C:Q1${sum}\nP:ipipou\nV:1.2.3-r0\nA:x86_64\nS:${apk.length}\nI:9\nT:tunnels\nL:MIT\n` +
        "D:iproute2 nftables\n",
    );
  }
  assert.throws(() => describeApk(Buffer.concat([DATA, DATA])), /it has no \.PKGINFO/);
});

/** Writes an index for two apks. @returns it, and the text that it must have */
async function indexApks(folder: string, key: string | null): Promise<{ index: Uint8Array; text: string }> {
  const [one, two] = [Buffer.concat([CONTROL, DATA]), Buffer.concat([SIGNATURE, CONTROL, DATA])];
  await Deno.writeFile(`${folder}/b.apk`, two);
  await Deno.writeFile(`${folder}/a.apk`, one);
  await Deno.writeTextFile(`${folder}/c.txt`, "no package");
  await indexForApk(folder, TIME, key);
  const index = await Deno.readFile(`${folder}/APKINDEX.tar.gz`);
  return { index, text: `${describeApk(one)}\n${describeApk(two)}\n` };
}

Deno.test("indexForApk() writes an archive with a paragraph for each apk, the same in each run", async () => {
  await withFolder(async (folder) => {
    const { index, text } = await indexApks(folder, null);
    assert.equal(await must(["tar", "-xzOf", `${folder}/APKINDEX.tar.gz`, "APKINDEX"]), text);
    const listed = await must([
      ...["tar", "--utc", "--full-time", "--numeric-owner", "-tvzf"],
      `${folder}/APKINDEX.tar.gz`,
    ]);
    assert.match(listed, /^-rw-r--r-- 0\/0 +\d+ 2026-01-02 00:00:00 APKINDEX\n$/);
    assert.deepEqual((await indexApks(folder, null)).index, index);
  });
});

Deno.test("indexForApk() puts the signature of all that follows in front, in an archive without an end", async () => {
  await withFolder(async (folder) => {
    const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const key = `${folder}/release.rsa`;
    await Deno.writeTextFile(key, String(privateKey.export({ type: "pkcs8", format: "pem" })));
    const { index: unsigned } = await indexApks(folder, null);
    const { index } = await indexApks(folder, key);
    const start = index.length - unsigned.length;
    assert.deepEqual(index.subarray(start), unsigned);
    const archive = gunzipSync(index.subarray(0, start));
    const name = ".SIGN.RSA.release.rsa.pub";
    assert.equal(archive.toString("latin1", 0, name.length + 1), `${name}\0`);
    // Its length in octal.
    assert.equal(Number.parseInt(archive.toString("latin1", 124, 135), 8), 256);
    assert.equal(archive.length, 2 * BLOCK);
    const signature = archive.subarray(BLOCK, BLOCK + 256);
    assert.ok(createVerify("RSA-SHA1").update(unsigned).verify(publicKey, signature));
  });
});

Deno.test("apkKeyName() is the key's file's name with one ending, whatever it ends in", () => {
  for (
    const name of [
      "release",
      "release.rsa",
      "release.pem",
      "release.key",
      "release.rsa.pem",
      "release.rsa.key",
    ]
  ) {
    assert.equal(apkKeyName(`/keys/${name}`), "release.rsa.pub");
  }
  assert.equal(apkKeyName("/keys.pem/me@example.org-5f3a.rsa"), "me@example.org-5f3a.rsa.pub");
});

Deno.test("indexForOpkg() has a paragraph for each ipk, with its file before the description", async () => {
  await withFolder(async (folder) => {
    const expected: string[] = [];
    for (const name of ["b", "a"]) {
      const head = `Package: ${name}\nVersion: 1.2.3-1\n`;
      const description = "Description: tunnels\n Description: and more\n";
      const work = await Deno.makeTempDir({ dir: folder });
      await Deno.writeTextFile(`${work}/control`, head + description);
      await must(["tar", "-C", work, "-czf", `${work}/control.tar.gz`, "./control"]);
      await must(["tar", "-C", work, "-czf", `${folder}/${name}.ipk`, "./control.tar.gz"]);
      const bytes = await Deno.readFile(`${folder}/${name}.ipk`);
      const sum = createHash("sha256").update(bytes).digest("hex");
      const file = `Filename: ${name}.ipk\nSize: ${bytes.length}\nSHA256sum: ${sum}\n`;
      expected.unshift(`${head}${file}${description}`);
    }
    await indexForOpkg(folder, null);
    const index = await Deno.readTextFile(`${folder}/Packages`);
    assert.equal(index, expected.join("\n"));
    assert.equal(gunzipSync(await Deno.readFile(`${folder}/Packages.gz`)).toString(), index);
  });
});

Deno.test("aptRelease() has the release's own time, and when it is too old, in place of the time of now", () => {
  const made = "Date: Mon, 30 Nov 2026 01:02:03 +0000\nSHA256:\n 0a1b 12 Packages\n Date: 12 Packages.gz\n";
  assert.equal(
    aptRelease(made, TIME),
    "Origin: ipipou\nLabel: ipipou\nSuite: stable\nArchitectures: amd64 arm64\n" +
      "Date: Fri, 02 Jan 2026 00:00:00 GMT\nValid-Until: Sat, 06 Feb 2027 00:00:00 GMT\n" +
      "SHA256:\n 0a1b 12 Packages\n Date: 12 Packages.gz\n",
  );
});

Deno.test("filesIn() has the paths of files with an ending, sorted", async () => {
  await withFolder(async (folder) => {
    for (const name of ["c.rpm", "a.rpm", "b.rpm", "rpm", "a.rpm.asc"]) {
      await Deno.writeTextFile(`${folder}/${name}`, "");
    }
    assert.deepEqual(await filesIn(folder, ".rpm"), ["a", "b", "c"].map((name) => `${folder}/${name}.rpm`));
  });
});
