import type { GivenValues } from "./given.ts";
import type { ReadFile } from "./files.ts";
import { OPTIONS } from "./options.ts";
import { readSecretFile } from "./scheme.ts";
import { formatKeys, formatSetting, replaces } from "./format_toml.ts";
import type { Setting } from "./words.ts";

/** What a peer's file is made from. */
interface PeerFileContent {
  /** Its tunnel address if `settings` do not set it; null: none is written. */
  readonly peerIp: string | null;
  /** Whether the hub replies to it is written; null: `settings` or the hub's say. */
  readonly reply: true | null;
  /** Its public key if `settings` do not set it. */
  readonly publicKey: Uint8Array | null;
  /** Its options in order; later ones override earlier ones. */
  readonly settings: readonly Setting[];
  /** Their values. */
  readonly given: Readonly<GivenValues>;
}

/**
 * Formats a peer's file. The content of secret files is copied into it.
 *
 * @param read reads the secret files
 * @throws {SettingsError} when one cannot be read
 */
export function formatPeer(
  { peerIp, publicKey, reply, settings, given }: PeerFileContent,
  read: ReadFile,
): { text: string; holdsSecret: boolean } {
  const lasting = settings.filter(({ option }, index) =>
    !settings.slice(index + 1).some((later) => replaces(later.option, option))
  ).map((setting) => inline(setting, given, read));
  const lines = [
    ...formatKeys({ "reply-on-auth-ok": reply }),
    ...formatKeys({ "tunl.peer-ip": peerIp, "auth.remote-pubkey-b64": publicKey?.toBase64() ?? null }),
    ...lasting.map((setting) => formatSetting(setting, given)),
  ];
  return {
    text: lines.map((line) => `${line}\n`).join(""),
    holdsSecret: lasting.some(({ option }) => option.secret),
  };
}

/** Replaces an option that names a secret's file by the one that takes the secret itself. */
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
