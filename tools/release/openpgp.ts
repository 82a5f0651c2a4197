import { must } from "../command.ts";
import type { Keys } from "./keys.ts";

/** Signs with an OpenPGP key, by gpg. */
export class OpenPgp implements AsyncDisposable {
  readonly #home: string | null;
  readonly #key: string;

  private constructor(home: string | null, key: string) {
    this.#home = home;
    this.#key = key;
  }

  /** A key in a file gets a keyring of its own until disposed. @throws {Error} when gpg cannot use the key */
  static async open(key: NonNullable<Keys["openpgp"]>): Promise<OpenPgp> {
    if ("name" in key) return new OpenPgp(null, key.name);
    const home = await Deno.makeTempDir({ prefix: "ipipou-gpg-" });
    const keyring = new OpenPgp(home, "");
    try {
      await keyring.#gpg("--import", key.file);
      const listed = await keyring.#gpg("--with-colons", "--list-secret-keys");
      const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(listed)?.[1];
      if (fingerprint === undefined) throw new Error(`Cannot sign: there is no private key in ${key.file}`);
      return new OpenPgp(home, fingerprint);
    } catch (error) {
      await keyring[Symbol.asyncDispose]();
      throw error;
    }
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
    await must(["gpgconf", "--homedir", this.#home, "--kill", "all"]);
    await Deno.remove(this.#home, { recursive: true });
  }

  async #gpg(...args: string[]): Promise<string> {
    const home = this.#home === null ? [] : ["--homedir", this.#home];
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
