import { beginsLikeExtension } from "../auth/extension.ts";
import { publicKeyOf } from "../auth/keys.ts";
import { LONGEST_PAYLOAD, looksLikeInnerPacket, type Scheme } from "../auth/scheme.ts";
import { HIDDEN, MissingError, SettingsError, showPath } from "./errors.ts";
import { type ReadFile, readText, type TextFile } from "./files.ts";
import type { Given, GivenValues } from "./given.ts";
import { DEFAULT_SECRET, type SecretFile } from "./option.ts";
import { decodeKey, ValueError } from "./values.ts";

/** What fits IPv4's minimum MTU (576), minus IP and UDP headers. */
const SAFE_TOKEN_LENGTH = 548;

/** What gives the key by which a client is known. */
const KEY_OPTIONS = { client: "--auth-key-file", server: "--auth-remote-pubkey-b64" } as const;

/** What is needed to choose a scheme. */
export interface SchemeContext {
  readonly mode: "client" | "server";
  readonly read: ReadFile;
  /** Takes one line. */
  readonly warn: (warning: string) => void;
}

/**
 * Chooses how a client authenticates: a token if there is one, else a key (on a client its own private key, on a server
 * the client's public key), else nothing.
 *
 * @param own the values that were given for this peer, rather than for all
 * @throws {SettingsError} for an unusable token or key, or an unreadable file
 */
export function chooseScheme(
  given: Readonly<GivenValues>,
  own: Readonly<GivenValues>,
  context: SchemeContext,
): Scheme {
  const { token, privateKey, remotePublicKey } = given;
  const [needed, spare] = context.mode === "client"
    ? [privateKey, remotePublicKey]
    : [remotePublicKey, privateKey];
  if (token !== undefined) {
    for (const other of [needed, spare, own.secret]) {
      if (other !== undefined) context.warn(`${other.place} has no effect together with ${token.place}`);
    }
    return { kind: "token", token: readToken(token, given.reply?.value ?? false, context) };
  }
  if (needed === undefined) {
    if (privateKey !== undefined && own.privateKey === undefined) {
      context.warn(`${privateKey.place} has no effect on a server without ${KEY_OPTIONS.server}`);
    }
    return { kind: "port" };
  }
  if (context.mode === "client" && spare !== undefined && !given.reply?.value) {
    context.warn(`${spare.place} has no effect on a client without --reply-on-auth-ok`);
  }
  const secret = given.secret === undefined ? DEFAULT_SECRET : readSharedSecret(given.secret, context);
  const weakness = weaknessOf(secret);
  if (weakness !== null) {
    context.warn(`The shared secret is ${weakness}: give both sides the same --auth-secret-file`);
  }
  return {
    kind: "ed25519",
    privateKey: privateKey === undefined ? null : readKey(privateKey, context),
    remotePublicKey: remotePublicKey?.value ?? null,
    secret,
  };
}

function weaknessOf(secret: string): string | null {
  // Version 0.1 takes an empty one, too; here as there it is mostly a variable of a script that is not set.
  if (secret === "") return "empty";
  return secret === DEFAULT_SECRET ? "the default, which everyone knows" : null;
}

/**
 * Refuses a part of what keys need where there is no key: whoever gives it wants no server that admits everyone.
 *
 * @param own the values that were given for this peer: what is given for all may be for others
 * @throws {SettingsError}
 */
export function refuseHalfOfKeys(own: Readonly<GivenValues>, mode: SchemeContext["mode"]): void {
  const half = own.secret ?? own.privateKey ?? own.remotePublicKey;
  if (half === undefined) return;
  throw new MissingError(
    `Cannot use ${half.place} without ${
      KEY_OPTIONS[mode]
    }: alone it authenticates nothing; give both or neither`,
    { table: "auth", owner: own },
  );
}

/**
 * Refuses a public key that is one of the private keys in use: the far side must never have that, nor does it work.
 *
 * @throws {SettingsError}
 */
export function refusePrivateKeys(
  peers: readonly { readonly scheme: Scheme; readonly given: Readonly<GivenValues> }[],
): void {
  const keys = peers.map(({ scheme }) => scheme).filter((scheme) => scheme.kind === "ed25519");
  const secrets = new Set(keys.flatMap(({ privateKey }) => privateKey?.toBase64() ?? []));
  for (const { scheme, given } of peers) {
    if (scheme.kind !== "ed25519" || !secrets.has(scheme.remotePublicKey?.toBase64() ?? "")) continue;
    throw new SettingsError(
      `Cannot use ${HIDDEN} as ${given.remotePublicKey!.place}: it is this side's private key; ` +
        "give the far side's public key, the second line of --auth-keygen there",
    );
  }
}

/** Reads the secrets that are said for all peers, so that a mistake shows while there is no peer yet. @throws {SettingsError} */
export function checkCommonSecrets(given: Readonly<GivenValues>, context: SchemeContext): void {
  if (given.secret !== undefined) readSharedSecret(given.secret, context);
  if (given.privateKey !== undefined) readKey(given.privateKey, context);
  if (given.token !== undefined) readToken(given.token, given.reply?.value ?? false, context);
}

/** What is signed ends with the secret, which must not pass for a part of what is before it. */
function readSharedSecret(given: NonNullable<GivenValues["secret"]>, context: SchemeContext): string {
  const { value, what } = loadText(given, context);
  if (!beginsLikeExtension(value)) return value;
  throw new SettingsError(
    `Cannot use ${what}: it begins as an extension of an auth packet does, choose another`,
  );
}

/** A secret's value, and how errors refer to it. */
function loadSecret<T>(
  { value, place }: Given<T | SecretFile>,
  { read, warn }: SchemeContext,
): { value: T | string; what: string } {
  if (!isSecretFile(value)) return { value, what: `${HIDDEN} as ${place}` };
  const file = readSecretFile(read, value.file, place);
  if (file.isPublic) warn(warnOfPublic(file.path));
  return { value: file.text, what: describeContent(file.path, place) };
}

/** A secret that all of its file is, but for the last line break, as a key is not. */
function loadText<T>(given: Given<T | SecretFile>, context: SchemeContext): ReturnType<typeof loadSecret<T>> {
  const loaded = loadSecret(given, context);
  const { value } = given;
  if (isSecretFile(value) && /^\s|\s$|[\r\n]/.test(`${loaded.value}`)) context.warn(warnOfSpace(value.file));
  return loaded;
}

/**
 * Reads a secret file; its final line break is not part of the secret.
 *
 * @param place the option that names it
 * @throws {SettingsError} when it cannot be read, or is empty or blank
 */
export function readSecretFile(read: ReadFile, path: string, place: string): TextFile {
  const file = readText(read, path, place);
  const text = file.text.replace(/\r?\n$/, "");
  if (/\S/.test(text)) return { ...file, text };
  throw new SettingsError(
    `Cannot use ${describeContent(path, place)}: it is ${text === "" ? "empty" : "blank"}`,
  );
}

function describeContent(path: string, place: string): string {
  return `the content of ${showPath(path)} (${place})`;
}

function isSecretFile(value: unknown): value is SecretFile {
  return typeof value === "object" && value !== null && "file" in value;
}

/** The warning about a file with secrets that every user of this host can read. */
export function warnOfPublic(path: string): string {
  const shown = showPath(path);
  return `${shown} holds secrets and every user of this host can read it: chmod o-r ${shown}`;
}

function warnOfSpace(path: string): string {
  return `${
    showPath(path)
  } begins or ends with white space, or has several lines: all but its last line break is part ` +
    "of the secret, and has to be the same on both sides";
}

function readToken(
  given: NonNullable<GivenValues["token"]>,
  isSentBack: boolean,
  context: SchemeContext,
): Uint8Array<ArrayBuffer> {
  const { value, what } = loadText(given, context);
  const token = typeof value === "string" ? new TextEncoder().encode(value) : value;
  const { length } = token;
  if (length === 0 || length > LONGEST_PAYLOAD) {
    throw new SettingsError(`Cannot use ${what}: must be 1 to ${LONGEST_PAYLOAD} bytes, but it is ${length}`);
  }
  if (looksLikeInnerPacket(token)) {
    throw new SettingsError(`Cannot use ${what}: it looks like an IPv4 packet, choose another`);
  }
  if (isSentBack && looksLikeInnerPacket(token.toReversed())) {
    throw new SettingsError(
      `Cannot use ${what}: reversed, as in replies, it looks like an IPv4 packet, choose another`,
    );
  }
  if (length > SAFE_TOKEN_LENGTH) {
    context.warn(
      `${given.place} is ${length} bytes: more than ${SAFE_TOKEN_LENGTH} may not pass every network`,
    );
  }
  return token;
}

/** The first line of a key file is the private key, so that the output of `--auth-keygen` can be used as such a file. */
function readKey(
  given: NonNullable<GivenValues["privateKey"]>,
  context: SchemeContext,
): Uint8Array<ArrayBuffer> {
  const { value, what } = loadSecret(given, context);
  if (typeof value !== "string") return value;
  const [first = "", second = ""] = value.split("\n").map((line) => line.trim());
  refuseSwapped(first, second, what);
  try {
    return decodeKey(first);
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    throw new SettingsError(`Cannot use ${what}: its first line ${error.message}`);
  }
}

/** Lines that were swapped are taken for what they are where the second one's public key is the first. */
function refuseSwapped(first: string, second: string, what: string): void {
  let swapped;
  try {
    swapped = publicKeyOf(decodeKey(second)).toBase64() === decodeKey(first).toBase64();
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    return;
  }
  if (swapped) {
    throw new SettingsError(
      `Cannot use ${what}: its first line is the public key; the private one must be first`,
    );
  }
}
