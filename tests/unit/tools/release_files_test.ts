import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { generateKeyPairSync } from "node:crypto";
import { dirname } from "node:path";
import { must } from "../../../tools/command.ts";
import { describeUnsigned, type Keys, readKeys, requireKinds } from "../../../tools/release/keys.ts";
import { releaseNotes } from "../../../tools/release/notes.ts";
import { makeRelease } from "../../../tools/release/release.ts";
import { formatSbom, type Part, partsOfBundle, partsOfExecutable } from "../../../tools/release/sbom.ts";
import { publicKeyOf } from "../../../tools/release/usign.ts";

const HERE = new URL(import.meta.url).pathname;

function keysBy(variables: Record<string, string>): Promise<Keys> {
  return readKeys((name) => variables[name]);
}

Deno.test("readKeys() takes files, and names of keys that an agent has", async () => {
  assert.deepEqual(await keysBy({}), { openpgp: null, apk: null, opkg: null });
  assert.deepEqual(
    await keysBy({ RELEASE_OPENPGP_KEY: "", RELEASE_APK_KEY: "", RELEASE_OPKG_KEY: "" }),
    { openpgp: null, apk: null, opkg: null },
  );
  assert.deepEqual(
    await keysBy({ RELEASE_OPENPGP_KEY: HERE, RELEASE_APK_KEY: HERE, RELEASE_OPKG_KEY: HERE }),
    { openpgp: { file: HERE }, apk: HERE, opkg: HERE },
  );
  assert.deepEqual((await keysBy({ RELEASE_OPENPGP_KEY: "0123ABCD" })).openpgp, { name: "0123ABCD" });
});

Deno.test("readKeys() refuses a file that is not there, by the name of its variable", async () => {
  for (const name of ["RELEASE_OPENPGP_KEY", "RELEASE_APK_KEY", "RELEASE_OPKG_KEY"]) {
    for (const path of ["/nonexistent/key", dirname(HERE)]) {
      await assert.rejects(keysBy({ [name]: path }), {
        message: `Cannot sign: ${name} is ${path}, and there is no such file`,
      });
    }
  }
});

Deno.test("describeUnsigned() names the variable of each key that is missing", () => {
  const all = { openpgp: { file: "/a" }, apk: "/b", opkg: "/c" };
  const missing = (keys: Partial<Keys>) =>
    describeUnsigned({ ...all, ...keys }).map((line) => /RELEASE_\w+/.exec(line)?.[0]);
  assert.deepEqual(missing({}), []);
  assert.deepEqual(missing({ openpgp: null }), ["RELEASE_OPENPGP_KEY"]);
  assert.deepEqual(missing({ apk: null }), ["RELEASE_APK_KEY"]);
  assert.deepEqual(missing({ opkg: null }), ["RELEASE_OPKG_KEY"]);
  assert.match(
    describeUnsigned({ ...all, openpgp: { name: "0123ABCD" } }).join(),
    /^The rpms are not signed/,
  );
});

Deno.test("releaseNotes() is the section of the version, and no other", () => {
  const changelog = "# Changelog\n\n## 1.1.0, unreleased\n\n- b\n\n## 1.0.0\n\n- a\n\n### more\n";
  assert.equal(releaseNotes(changelog, "1.1.0"), "## 1.1.0, unreleased\n\n- b\n\n");
  assert.equal(releaseNotes(changelog, "1.0.0"), "## 1.0.0\n\n- a\n\n### more\n");
  assert.throws(() => releaseNotes(changelog, "1.0"), /CHANGELOG\.md has no section/);
});

/** A secret key as usign and signify write it. */
function secretKey({ rounds = 0, algorithm = "Ed" } = {}): string {
  const bytes = Buffer.alloc(104);
  bytes.write(`${algorithm}BK`, 0, "latin1");
  bytes.writeUInt32BE(rounds, 4);
  bytes.fill("number..", 32, 40).fill("seed", 40, 72).fill("public", 72);
  return `untrusted comment: a key\n${bytes.toString("base64")}\n`;
}

Deno.test("publicKeyOf() has the number and the public half of a secret key", () => {
  const [comment, key] = publicKeyOf(secretKey()).split("\n");
  assert.match(comment!, /^untrusted comment: /);
  assert.equal(Buffer.from(key!, "base64").toString(), `Ednumber..${"public".repeat(6).slice(0, 32)}`);
});

Deno.test("publicKeyOf() refuses keys with a passphrase, and what is no key, without saying what it is", () => {
  assert.throws(() => publicKeyOf(secretKey({ rounds: 42 })), /has a passphrase; make one by signify -G -n/);
  const short = Buffer.from(secretKey().split("\n")[1]!, "base64").toString("base64", 0, 103);
  for (const text of [secretKey({ algorithm: "RW" }), short, "secret", ""]) {
    assert.throws(() => publicKeyOf(text), { message: /has no secret key of usign or signify$/ });
  }
});

Deno.test("requireKinds() refuses keys of another kind, or with a passphrase, without saying what they are", async () => {
  const path = await Deno.makeTempFile({ prefix: "ipipou-key-" });
  const check = async (kind: "apk" | "opkg", text: string) => {
    await Deno.writeTextFile(path, text);
    await requireKinds({ apk: null, opkg: null, [kind]: path });
  };
  const form = { type: "pkcs8", format: "pem" } as const;
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const other = generateKeyPairSync("ed25519").privateKey.export(form);
  const locked = privateKey.export({ ...form, cipher: "aes-256-cbc", passphrase: "a passphrase" });
  await requireKinds({ apk: null, opkg: null });
  await check("apk", String(privateKey.export(form)));
  await check("opkg", secretKey());
  const spki = publicKey.export({ type: "spki", format: "pem" });
  for (const text of [other, locked, spki, "secret", ""]) {
    await assert.rejects(check("apk", String(text)), {
      message:
        `Cannot sign: ${path}, as RELEASE_APK_KEY, must have an RSA private key in PEM, without a passphrase`,
    });
  }
  await assert.rejects(check("opkg", secretKey({ rounds: 42 })), /has a passphrase/);
  await Deno.remove(path);
});

interface Bom {
  readonly specVersion: string;
  readonly metadata: { readonly timestamp: string; readonly component: Readonly<Record<string, unknown>> };
  readonly components: readonly Readonly<Record<string, unknown>>[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn?: readonly string[] }[];
}

/** 2 January 2026. */
const TIME = 1_767_312_000;

Deno.test("the bill of materials has what is in the executable, and nothing that only tests use", async () => {
  const parts = await partsOfExecutable(["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"]);
  const text = formatSbom("1.2.3", TIME, parts);
  const { metadata, components, specVersion }: Bom = JSON.parse(text);
  assert.equal(specVersion, "1.6");
  assert.equal(metadata.component["version"], "1.2.3");
  assert.equal(metadata.timestamp, "2026-01-02T00:00:00.000Z");
  assert.deepEqual(
    components.map(({ name, group }) => group ?? name).sort(),
    ["@noble/ed25519", "deno", "deno", "eslint-visitor-keys", "toml-eslint-parser"],
  );
  assert.equal(formatSbom("1.2.3", TIME, parts.toReversed()), text);
});

Deno.test("formatSbom() says of each part where it is from, its licence, and its sum where there is one", () => {
  const parts = [
    { name: "a", version: "1", purl: "pkg:generic/a@1", licence: "MIT", sha256: "ab".repeat(32) },
    {
      name: "b",
      version: "2",
      purl: "pkg:npm/b@2",
      licence: "GPL-3.0-or-later WITH GCC-exception-3.1",
      sha256: null,
    },
  ];
  const { components, dependencies }: Bom = JSON.parse(formatSbom("1.2.3", TIME, parts));
  assert.deepEqual(
    components.map(({ name, version, purl, licenses, hashes }) => ({
      name,
      version,
      purl,
      licenses,
      hashes,
    })),
    parts.map(({ licence, sha256, ...known }) => ({
      ...known,
      licenses: [{ expression: licence }],
      hashes: sha256 === null ? undefined : [{ alg: "SHA-256", content: sha256 }],
    })),
  );
  const { dependsOn } = dependencies.find(({ ref }) => ref === "ipipou")!;
  assert.deepEqual(dependsOn, parts.map(({ purl }) => purl));
});

/** What is in a bundle whose licences have this README. */
async function partsIn(readme: string): Promise<readonly Part[]> {
  const folder = await Deno.makeTempDir({ prefix: "ipipou-bundle-" });
  try {
    await Deno.mkdir(`${folder}/ipipou/licences`, { recursive: true });
    await Deno.writeTextFile(`${folder}/ipipou/licences/README`, readme);
    await must(["tar", "-C", folder, "-czf", `${folder}/bundle.tar.gz`, "ipipou"]);
    return await partsOfBundle(`${folder}/bundle.tar.gz`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("partsOfBundle() names the sources that the bundle's licences name, whose licences it knows", async () => {
  const sources = "These are the sources:\n\n  glibc=2.36-9+deb12u10\n  libmnl=1:1.0.4-3\n\nand so on\n";
  assert.deepEqual(
    (await partsIn(sources)).map(({ purl, licence, sha256 }) => [purl, licence, sha256]),
    [
      ["pkg:deb/debian/glibc@2.36-9%2Bdeb12u10?arch=source", "LGPL-2.1-or-later", null],
      ["pkg:deb/debian/libmnl@1%3A1.0.4-3?arch=source", "LGPL-2.1-or-later", null],
    ],
  );
  await assert.rejects(partsIn("These are the sources: none\n"), /its licences name no sources$/);
  await assert.rejects(partsIn("  libunknown=1\n"), /the licence of libunknown is not in sbom\.ts$/);
});

Deno.test("makeRelease() refuses a key of another kind before anything is made", async () => {
  const folder = await Deno.makeTempDir({ prefix: "ipipou-release-" });
  try {
    await Deno.writeTextFile(`${folder}/key`, "secret");
    const keys = { openpgp: null, apk: `${folder}/key`, opkg: null };
    const options = { targets: [], keys, version: "1.2.3", time: TIME, folder: `${folder}/release` };
    await assert.rejects(makeRelease(options), /must have an RSA private key/);
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["key"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
