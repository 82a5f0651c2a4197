import { Buffer } from "node:buffer";
import type { GivenValues } from "./given.ts";
import type { ReadFile } from "./files.ts";
import { OPTIONS } from "./options.ts";
import { readSecretFile } from "./scheme.ts";
import { formatSetting, formatString, replaces } from "./format_toml.ts";
import type { Setting } from "./words.ts";

/** What is to be in a peer's file. */
export interface PeerFileContent {
  /** Its address in the tunnel, where `settings` do not give it; null: it has none here. */
  readonly peerIp: string | null;
  /** Its public key, where `settings` do not give it. */
  readonly publicKey: Uint8Array | null;
  /** What was said of it, the later over the earlier. */
  readonly settings: readonly Setting[];
  /** The same, as values. */
  readonly given: Readonly<GivenValues>;
}

/** A peer's file. */
export interface PeerFile {
  readonly text: string;
  /** Whether a secret stands in it. */
  readonly holdsSecret: boolean;
}

/**
 * Makes a peer's file. What files of secrets hold is copied into it.
 *
 * @param read reads those
 * @throws {SettingsError} when one cannot be read
 */
export function makePeerFile(
  { peerIp, publicKey, settings, given }: PeerFileContent,
  read: ReadFile,
): PeerFile {
  const lasting = settings.filter(({ option }, index) =>
    !settings.slice(index + 1).some((later) => replaces(later.option, option))
  ).map((setting) => inline(setting, given, read));
  const lines = [
    ...peerIp === null ? [] : [`tunl.peer-ip = ${formatString(peerIp)}`],
    ...publicKey === null ? [] : [`auth.remote-pubkey-b64 = "${Buffer.from(publicKey).toString("base64")}"`],
    ...lasting.map((setting) => formatSetting(setting, given)),
  ];
  return {
    text: lines.map((line) => `${line}\n`).join(""),
    holdsSecret: lasting.some(({ option }) => option.secret),
  };
}

/** What a file of a secret holds, as the option that takes it as it is. */
function inline(setting: Setting, given: Readonly<GivenValues>, read: ReadFile): Setting {
  const { option } = setting;
  if (option.kind !== "secretFile") return setting;
  const { text } = readSecretFile(read, setting.text, given[option.slot]!.place);
  const inPlace = option.slot === "privateKey" ? "privateKey" : "text";
  return {
    option: OPTIONS.find((other) => other.kind === inPlace && other.slot === option.slot)!,
    text: inPlace === "privateKey" ? text.replace(/\n.*$/s, "").trim() : text,
  };
}
