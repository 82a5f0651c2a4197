import { must } from "../command.ts";
import { cleanUpOnInterrupt } from "../interrupt.ts";
import { KEY_VARIABLES, type Keys } from "./keys.ts";

/** Signs with an OpenPGP key, by gpg. */
export class OpenPgp implements Disposable {
  /** Null: gpg's own. */
  readonly #keyring: Keyring | null;
  /** The fingerprint; "": it is not known yet. */
  #key = "";

  private constructor(keyring: Keyring | null) {
    this.#keyring = keyring;
  }

  /** A key in a file gets a keyring of its own until disposed. @throws {Error} when gpg cannot sign with the key */
  static async open(key: NonNullable<Keys["openpgp"]>): Promise<OpenPgp> {
    using resources = new DisposableStack();
    const opened = resources.use(new OpenPgp("file" in key ? new Keyring() : null));
    if ("file" in key) await opened.#gpg("--import", key.file);
    opened.#key = await opened.#find("file" in key ? null : key.name);
    // What it cannot do, as for want of a passphrase, must not come out when all is built.
    await opened.#gpg("--output", "-", "--detach-sign", "/dev/null");
    resources.move();
    return opened;
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

  [Symbol.dispose](): void {
    this.#keyring?.[Symbol.dispose]();
  }

  async #gpg(...args: string[]): Promise<string> {
    // A key in a file has no passphrase, so nobody is asked for one.
    const home = this.#keyring === null
      ? []
      : ["--homedir", this.#keyring.folder, "--pinentry-mode", "error"];
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

/** A folder for gpg, which has a private key in it: it goes also where a signal ends this program. */
class Keyring implements Disposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "ipipou-gpg-" });
  readonly #listening = cleanUpOnInterrupt(() => this.#remove());

  [Symbol.dispose](): void {
    this.#listening[Symbol.dispose]();
    this.#remove();
  }

  #remove(): void {
    try {
      // Else gpg's agent outlives this program.
      const args = ["--homedir", this.folder, "--kill", "all"];
      new Deno.Command("gpgconf", { args, stdin: "null", stdout: "null", stderr: "null" }).outputSync();
    } finally {
      Deno.removeSync(this.folder, { recursive: true });
    }
  }
}
