import { Buffer } from "node:buffer";
import { publicKeyOf } from "../auth/keys.ts";
import type { Peer, Settings } from "./settings.ts";
import { formatKeys } from "./format_toml.ts";

/** Seconds between auth packets. NATs rarely forget a flow sooner. */
const KEEPALIVE = 25;

/** What a client's file contains besides what follows from the hub's settings. */
interface ClientFileContent {
  /** Name of the file, without folder and extension. */
  readonly name: string;
  /** Where the client reaches the hub: a name or an IPv4 address, and a UDP port. */
  readonly endpoint: { readonly host: string; readonly port: number };
  /** The client's network device; null: by its routes. */
  readonly device: string | null;
  /** The client's private key, 32 bytes; null: it is in the client's NAME.key. */
  readonly privateKey: Uint8Array | null;
}

/** A key of a file, and its value. Where it is a secret, a file of its own can have it. */
interface Proof {
  readonly key: "key-b64" | "secret" | "token" | "token-b64";
  readonly value: string;
  /** What follows NAME. in the other file's name; null: it would be empty, or no text. */
  readonly extension: "key" | "secret" | "token" | null;
}

/** Formats the configuration file of a client that is the hub's peer. It contains secrets. */
export function formatClient(hub: Settings, peer: Peer, content: ClientFileContent): string {
  const proofs = proofsOf(peer, content);
  return formatFile(hub, peer, content, Object.fromEntries(proofs.map(({ key, value }) => [key, value])));
}

function formatFile(
  hub: Settings,
  peer: Peer,
  { name, endpoint, device, privateKey }: ClientFileContent,
  proofs: Readonly<Record<string, string>>,
): string {
  const port = peer.byRemote.port ? peer.remote.port : hub.local.ports[0];
  const isByKey = peer.scheme.kind === "ed25519";
  const auth = formatKeys({
    "key-file": isByKey && privateKey === null ? `${name}.key` : null,
    ...proofs,
    "remote-pubkey-b64": hubKeyOf(peer),
  });
  return [
    ...formatKeys({ number: hub.number, keepalive: KEEPALIVE, "reply-on-auth-ok": peer.reply || null }),
    "[fou]",
    ...formatKeys(device === null ? { "local-port": port } : { local: `:${port}@${device}` }),
    ...formatKeys({ remote: `${endpoint.host}:${endpoint.port}` }),
    "[tunl]",
    ...formatKeys({ ip: peer.tunnel.peerIp, "peer-ip": peer.tunnel.ip, mtu: peer.tunnel.mtu }),
    ...auth.length === 0 ? [] : ["[auth]", ...auth],
  ].map((line) => `${line}\n`).join("");
}

/** A hub with its own key signs its replies. */
function hubKeyOf({ scheme, reply }: Peer): string | null {
  if (scheme.kind !== "ed25519" || !reply || scheme.privateKey === null) return null;
  return publicKeyOf(scheme.privateKey).toBase64();
}

function proofsOf({ scheme }: Peer, { privateKey }: ClientFileContent): Proof[] {
  switch (scheme.kind) {
    case "port":
      return [];
    case "token": {
      const text = new TextDecoder().decode(scheme.token);
      return Buffer.from(text).equals(scheme.token)
        ? [{ key: "token", value: text, extension: "token" }]
        : [{ key: "token-b64", value: scheme.token.toBase64(), extension: null }];
    }
    case "ed25519": {
      const value = scheme.secret;
      const secret: Proof = { key: "secret", value, extension: value === "" ? null : "secret" };
      if (privateKey === null) return [secret];
      return [{ key: "key-b64", value: privateKey.toBase64(), extension: "key" }, secret];
    }
  }
}

/**
 * Formats a POSIX shell command that writes a client's file, and beside it, readable only by their owner, those with its
 * secrets, as a service wants them. It overwrites nothing. It needs no program but mkdir: routers often lack base64.
 */
export function formatClientCommand(hub: Settings, peer: Peer, content: ClientFileContent): string {
  const { name } = content;
  const proofs = proofsOf(peer, content);
  const keys = proofs.map(({ key, value, extension }) =>
    extension === null ? [key, value] : [`${extension}-file`, `${name}.${extension}`]
  );
  const files = proofs.flatMap(({ value, extension }) =>
    extension === null ? [] : [{ file: `${name}.${extension}`, print: printSecret(value) }]
  );
  const main = `${name}.toml`;
  const isSecret = files.length < proofs.length;
  const found = [main, ...files.map(({ file }) => file)].map((file) => `[ -e ${file} ]`).join(" || ");
  const commands = [
    ...files.map(({ file, print }) => `${print} > ${file}`),
    ...isSecret ? [] : ["umask 022"],
    `${printToml(formatFile(hub, peer, content, Object.fromEntries(keys)))} > ${main}`,
  ];
  return "mkdir -p /etc/ipipou && (cd /etc/ipipou && umask 077 && set -C && " +
    `if ${found}; then echo 'there is a client of this name already' >&2; exit 1; fi && ${
      commands.join(" && ")
    })\n`;
}

function printToml(toml: string): string {
  const lines = escapeNonAscii(toml.trimEnd()).split("\n").map(quoteForShell);
  return `printf '%s\\n' ${lines.join(" ")}`;
}

/** A terminal in another locale would garble what is not ASCII. */
function printSecret(text: string): string {
  const bytes = [...new TextEncoder().encode(text)];
  const escaped = bytes.map((byte) => {
    const isPlain = byte >= 0x20 && byte < 0x7f && byte !== 0x5c;
    return isPlain ? String.fromCharCode(byte) : `\\0${byte.toString(8).padStart(3, "0")}`;
  });
  return `printf '%b\\n' ${quoteForShell(escaped.join(""))}`;
}

/** In this TOML such characters only occur in strings. */
function escapeNonAscii(toml: string): string {
  return toml.replace(
    /\P{ASCII}/gu,
    (character) => `\\U${character.codePointAt(0)!.toString(16).padStart(8, "0")}`,
  );
}

function quoteForShell(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
