import { createPrivateKey } from "node:crypto";
import { publicKeyOf } from "./usign.ts";

/** What a release is signed with. null: with nothing. */
export interface Keys {
  /** File of an armoured OpenPGP private key without a passphrase, or the name of one that gpg's agent has. */
  readonly openpgp: { readonly file: string } | { readonly name: string } | null;
  /** File of an RSA private key in PEM. */
  readonly apk: string | null;
  /** File of a secret key of usign or signify without a passphrase. */
  readonly opkg: string | null;
}

/** The environment variables that name them. */
export const KEY_VARIABLES = {
  openpgp: "RELEASE_OPENPGP_KEY",
  apk: "RELEASE_APK_KEY",
  opkg: "RELEASE_OPKG_KEY",
} as const;

/**
 * Reads which keys the caller has.
 *
 * @param variable the value of an environment variable
 * @throws {Error} naming the variable, when there is no such file
 */
export async function readKeys(variable: (name: string) => string | undefined): Promise<Keys> {
  const file = async (name: string) => {
    const path = variable(name) || null;
    if (path !== null) await requireFile(name, path);
    return path;
  };
  const name = variable(KEY_VARIABLES.openpgp) || null;
  const isPath = name?.includes("/") === true;
  if (isPath) await requireFile(KEY_VARIABLES.openpgp, name!);
  return {
    openpgp: name === null ? null : isPath ? { file: name } : { name },
    apk: await file(KEY_VARIABLES.apk),
    opkg: await file(KEY_VARIABLES.opkg),
  };
}

/** Looks whether the keys are what they should be: a release takes long, and needs them last. @throws {Error} */
export async function requireKinds({ apk, opkg }: Pick<Keys, "apk" | "opkg">): Promise<void> {
  if (apk !== null && !isRsa(await Deno.readTextFile(apk))) {
    const need = "must have an RSA private key in PEM, without a passphrase";
    throw new Error(`Cannot sign: ${apk}, as ${KEY_VARIABLES.apk}, ${need}`);
  }
  if (opkg !== null) publicKeyOf(await Deno.readTextFile(opkg));
}

function isRsa(pem: string): boolean {
  try {
    return createPrivateKey(pem).asymmetricKeyType === "rsa";
  } catch {
    return false;
  }
}

/** What stays unsigned with these keys, a sentence each. */
export function describeUnsigned({ openpgp, apk, opkg }: Keys): string[] {
  const lines: string[] = [];
  if (openpgp === null) {
    lines.push(
      `SHA256SUMS, the rpms and the indexes for apt and dnf are not signed: set ${KEY_VARIABLES.openpgp}`,
    );
  } else if ("name" in openpgp) {
    lines.push(`The rpms are not signed, as nfpm asks no agent: set ${KEY_VARIABLES.openpgp} to a file`);
  }
  if (apk === null) lines.push(`The apks and Alpine's index are not signed: set ${KEY_VARIABLES.apk}`);
  if (opkg === null) lines.push(`The index for opkg is not signed: set ${KEY_VARIABLES.opkg}`);
  return lines;
}

async function requireFile(variable: string, path: string): Promise<void> {
  try {
    if ((await Deno.stat(path)).isFile) return;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  throw new Error(`Cannot sign: ${variable} is ${path}, and there is no such file`);
}
