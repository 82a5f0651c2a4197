import { must } from "../command.ts";
import { KEY_VARIABLES, type Keys } from "./keys.ts";

/** Signs with an OpenPGP key, by gpg. */
export class OpenPgp implements AsyncDisposable {
  readonly #home: string | null;
  readonly #key: string;

  private constructor(home: string | null, key: string) {
    this.#home = home;
    this.#key = key;
  }

  /** A key in a file gets a keyring of its own until disposed. @throws {Error} when gpg cannot sign with the key */
  static async open(key: NonNullable<Keys["openpgp"]>): Promise<OpenPgp> {
    const home = "file" in key ? await Deno.makeTempDir({ prefix: "ipipou-gpg-" }) : null;
    const keyring = new OpenPgp(home, "");
    try {
      if ("file" in key) await keyring.#gpg("--import", key.file);
      const opened = new OpenPgp(home, await keyring.#find("file" in key ? null : key.name));
      // What it cannot do, as for want of a passphrase, must not come out when all is built.
      await opened.#gpg("--output", "-", "--detach-sign", "/dev/null");
      return opened;
    } catch (error) {
      await keyring[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The fingerprint of a private key. One of several could be another one's here than where the rpms are signed. */
  async #find(name: string | null): Promise<string> {
    const which = name === null ? [] : ["--", name];
    const listed = await this.#gpg("--with-colons", "--list-secret-keys", ...which);
    const found = [...listed.matchAll(/^sec:.*\nfpr:+([0-9A-F]+):/gm)].map(([, fingerprint]) => fingerprint!);
    if (found.length === 1) return found[0]!;
    const several = `there are ${found.length} private keys: ${found.join(", ")}`;
    throw new Error(
      `Cannot sign by ${KEY_VARIABLES.openpgp}: ${found.length === 0 ? "there is no private key" : several}`,
    );
  }

  /** Writes an armoured signature of a file beside it. @param ending of the signature's name */
  async sign(path: string, ending = "asc"): Promise<void> {
    await this.#gpg("--armor", "--output", `${path}.${ending}`, "--detach-sign", path);
  }

  /** Writes a text with its signature in it. */
  async clearSign(path: string, output: string): Promise<void> {
    await this.#gpg("--output", output, "--clear-sign", path);
  }

  /** Writes the public key, armoured. */
  async writePublicKey(output: string): Promise<void> {
    await this.#gpg("--armor", "--output", output, "--export", this.#key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#home === null) return;
    try {
      await must(["gpgconf", "--homedir", this.#home, "--kill", "all"]);
    } finally {
      await Deno.remove(this.#home, { recursive: true });
    }
  }

  async #gpg(...args: string[]): Promise<string> {
    // A key in a file has no passphrase, so nobody is asked for one.
    const home = this.#home === null ? [] : ["--homedir", this.#home, "--pinentry-mode", "error"];
    const key = this.#key === "" ? [] : ["--local-user", this.#key];
    return await must([
      "gpg",
      "--batch",
      "--yes",
      "--quiet",
      "--digest-algo",
      "SHA512",
      ...home,
      ...key,
      ...args,
    ]);
  }
}
