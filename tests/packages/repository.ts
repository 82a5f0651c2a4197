import assert from "node:assert/strict";
import { must } from "../../tools/command.ts";
import { makeRelease } from "../../tools/release/release.ts";
import type { Keys } from "../../tools/release/keys.ts";
import { HERE } from "../../tools/build.ts";
import { sourceTime } from "../../tools/release/packages.ts";
import { VERSION } from "./made.ts";

const FOLDER = new URL("../../dist/tested", import.meta.url).pathname;

/** A release with throw-away keys. */
export const RELEASE = `${FOLDER}/release`;
/** Those keys, and an OpenPGP key that signed nothing. */
export const KEYS = {
  openpgp: { file: `${FOLDER}/keys/openpgp.asc` },
  apk: `${FOLDER}/keys/release.rsa`,
  opkg: `${FOLDER}/keys/opkg.sec`,
} as const satisfies Keys;
export const STRANGER = { file: `${FOLDER}/keys/stranger.asc` } as const;

/** Makes keys, and a release for this machine's architecture that they sign. */
export async function makeTestRelease(): Promise<void> {
  const folder = `${FOLDER}/keys`;
  await must(["rm", "-rf", folder]);
  await must(["mkdir", "-p", folder]);
  for (const { file } of [KEYS.openpgp, STRANGER]) await makeOpenPgpKeys(file);
  await must(["openssl", "genrsa", "-out", KEYS.apk, "2048"]);
  await must(["signify-openbsd", "-G", "-n", "-p", `${folder}/opkg.pub`, "-s", KEYS.opkg]);
  const release = {
    targets: [HERE],
    keys: KEYS,
    version: VERSION,
    time: await sourceTime(),
    folder: RELEASE,
  };
  await makeRelease(release);
}

/** Makes a file with new private keys. */
export async function makeOpenPgpKeys(file: string, { count = 1, passphrase = "" } = {}): Promise<void> {
  const home = await Deno.makeTempDir({ prefix: "ipipou-gpg-" });
  const gpg = [
    "gpg",
    "--homedir",
    home,
    "--batch",
    "--quiet",
    "--pinentry-mode",
    "loopback",
    "--passphrase",
    passphrase,
  ];
  try {
    for (let number = 0; number < count; number++) {
      const owner = `Throw-away key ${number} <throw@away.example>`;
      await must([...gpg, "--quick-generate-key", owner, "rsa3072", "sign", "1d"]);
    }
    await must([...gpg, "--armor", "--output", file, "--export-secret-keys"]);
  } finally {
    await must(["gpgconf", "--homedir", home, "--kill", "all"]);
    await Deno.remove(home, { recursive: true });
  }
}

/** The file that install.md has for a package manager, of a repository served at `url`. */
export async function fileFor(manager: "sources" | "repo", url: string): Promise<string> {
  const install = await Deno.readTextFile(new URL("../../docs/install.md", import.meta.url));
  const block = new RegExp(`\`\`\`${manager}\n(.*?)\`\`\``, "s").exec(install)?.[1];
  assert.ok(block !== undefined, `install.md has a file for ${manager}`);
  return block.replaceAll("https://packages.example", url);
}

/** Serves a folder on loopback until disposed, as any web server would. */
export function serve(folder: string): AsyncDisposable & { readonly url: string } {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    try {
      const file = await Deno.open(`${folder}${new URL(request.url).pathname}`);
      return new Response(file.readable, { headers: { "content-length": `${(await file.stat()).size}` } });
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      return new Response(null, { status: 404 });
    }
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}
