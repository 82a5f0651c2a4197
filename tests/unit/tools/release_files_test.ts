import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash, generateKeyPairSync } from "node:crypto";
import { gzipSync } from "node:zlib";
import { describeApk } from "../../../tools/release/apk_index.ts";
import { describeUnsigned, type Keys, readKeys, requireKinds } from "../../../tools/release/keys.ts";
import { releaseNotes } from "../../../tools/release/notes.ts";
import { formatSbom, partsOfExecutable } from "../../../tools/release/sbom.ts";
import { publicKeyOf } from "../../../tools/release/usign.ts";

const HERE = new URL(import.meta.url).pathname;

function keysBy(variables: Record<string, string>): Promise<Keys> {
  return readKeys((name) => variables[name]);
}

Deno.test("readKeys() takes files, and names of keys that an agent has", async () => {
  assert.deepEqual(await keysBy({}), { openpgp: null, apk: null, opkg: null });
  assert.deepEqual(
    await keysBy({ RELEASE_OPENPGP_KEY: HERE, RELEASE_APK_KEY: HERE, RELEASE_OPKG_KEY: HERE }),
    { openpgp: { file: HERE }, apk: HERE, opkg: HERE },
  );
  assert.deepEqual((await keysBy({ RELEASE_OPENPGP_KEY: "0123ABCD" })).openpgp, { name: "0123ABCD" });
});

Deno.test("readKeys() refuses a file that is not there, by the name of its variable", async () => {
  for (const name of ["RELEASE_OPENPGP_KEY", "RELEASE_APK_KEY", "RELEASE_OPKG_KEY"]) {
    await assert.rejects(keysBy({ [name]: "/nonexistent/key" }), {
      message: `Cannot sign: ${name} is /nonexistent/key, and there is no such file`,
    });
  }
});

Deno.test("describeUnsigned() names the variable of each key that is missing", () => {
  const all = { openpgp: { file: "/a" }, apk: "/b", opkg: "/c" };
  const missing = (keys: Partial<Keys>) =>
    describeUnsigned({ ...all, ...keys }).map((line) => /RELEASE_\w+/.exec(line)?.[0]);
  assert.deepEqual(missing({}), []);
  assert.deepEqual(missing({ openpgp: null }), ["RELEASE_OPENPGP_KEY"]);
  assert.deepEqual(missing({ apk: null, opkg: null }), ["RELEASE_APK_KEY", "RELEASE_OPKG_KEY"]);
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
  for (const text of [secretKey({ algorithm: "RW" }), "secret", ""]) {
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

/** A gzip member with a file as tar has it, which may say where the archive ends. */
function member(name: string, text: string): Uint8Array {
  const archive = Buffer.alloc(1024);
  archive.write(name);
  archive.write(text, 512);
  return gzipSync(archive);
}

Deno.test("describeApk() takes fields and sum of the second part of a signed apk, and of the first of another", () => {
  const info = "pkgname = ipipou\npkgver = 1.2.3-r0\narch = x86_64\nsize = 9\npkgdesc = tunnels\n" +
    "depend = iproute2\ndepend = nftables\nlicense = MIT\n";
  const control = member(".PKGINFO", info);
  const [signature, data] = [member(".SIGN.RSA.a.rsa.pub", "signature"), member("usr/bin/ipipou", "program")];
  const sum = createHash("sha1").update(control).digest("base64");
  for (const parts of [[signature, control, data], [control, data]]) {
    const apk = Buffer.concat(parts);
    assert.equal(
      describeApk(apk),
      `C:Q1${sum}\nP:ipipou\nV:1.2.3-r0\nA:x86_64\nS:${apk.length}\nI:9\nT:tunnels\nL:MIT\n` +
        "D:iproute2 nftables\n",
    );
  }
  assert.throws(() => describeApk(Buffer.concat([data, data])), /it has no \.PKGINFO/);
});

Deno.test("the bill of materials has what is in the executable, and nothing that only tests use", async () => {
  const parts = await partsOfExecutable(["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"]);
  const text = formatSbom("1.2.3", 1_767_312_000, parts);
  const { metadata, components, specVersion } = JSON.parse(text);
  assert.equal(specVersion, "1.6");
  assert.equal(metadata.component.version, "1.2.3");
  assert.equal(metadata.timestamp, "2026-01-02T00:00:00.000Z");
  assert.deepEqual(
    components.map(({ name, group }: { name: string; group?: string }) => group ?? name).sort(),
    [
      ...["@noble/ed25519", "deno", "deno", "eslint-visitor-keys", "toml-eslint-parser"],
    ],
  );
  assert.equal(formatSbom("1.2.3", 1_767_312_000, parts.toReversed()), text);
});
