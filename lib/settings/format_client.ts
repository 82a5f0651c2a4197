import { Buffer } from "node:buffer";
import { keyPairOf } from "../auth/keys.ts";
import type { Scheme } from "../auth/scheme.ts";
import type { Peer, Settings } from "./settings.ts";
import { formatString } from "./format_toml.ts";

/** Seconds between auth packets. NATs rarely forget a flow sooner. */
const KEEPALIVE = 25;

/** What a client's file contains besides what follows from the hub's settings. */
export interface ClientFileContent {
  /** Name of the file, without folder and extension. */
  readonly name: string;
  /** Where the client reaches the hub: a name or an IPv4 address, and a UDP port. */
  readonly endpoint: { readonly host: string; readonly port: number };
  /** The client's network device. */
  readonly device: string;
  /** The client's private key, 32 bytes, to put into the file; null: the file refers to NAME.key next to it. */
  readonly privateKey: Uint8Array | null;
}

/** Formats the configuration file of a client that is the hub's peer. It contains secrets. */
export function formatClient(hub: Settings, peer: Peer, content: ClientFileContent): string {
  const { name, endpoint, device, privateKey } = content;
  const port = peer.byRemote.port ? peer.remote.port : hub.local.ports[0];
  return [
    `number = ${hub.number}`,
    `keepalive = ${KEEPALIVE}`,
    ...peer.reply ? ["reply-on-auth-ok = true"] : [],
    "[fou]",
    `local = ${formatString(`:${port}@${device}`)}`,
    `remote = ${formatString(`${endpoint.host}:${endpoint.port}`)}`,
    "[tunl]",
    `ip = ${formatString(peer.tunnel.peerIp)}`,
    `peer-ip = ${formatString(peer.tunnel.ip)}`,
    ...formatScheme(peer, privateKey, name),
  ].map((line) => `${line}\n`).join("");
}

function formatScheme({ scheme, reply }: Peer, privateKey: Uint8Array | null, name: string): string[] {
  switch (scheme.kind) {
    case "port":
      return [];
    case "token":
      return ["[auth]", formatToken(scheme.token)];
    case "ed25519":
      return [
        "[auth]",
        privateKey === null ? `key-file = ${formatString(`${name}.key`)}` : formatKey("key-b64", privateKey),
        `secret = ${formatString(scheme.secret)}`,
        ...reply ? formatOwnKey(scheme) : [],
      ];
  }
}

function formatToken(token: Uint8Array): string {
  const text = new TextDecoder().decode(token);
  return Buffer.from(text).equals(token) ? `token = ${formatString(text)}` : formatKey("token-b64", token);
}

/** A hub with its own key signs its replies. */
function formatOwnKey({ privateKey }: Scheme & { kind: "ed25519" }): string[] {
  return privateKey === null ? [] : [formatKey("remote-pubkey-b64", keyPairOf(privateKey).publicKey)];
}

function formatKey(key: string, bytes: Uint8Array): string {
  return `${key} = "${bytes.toBase64()}"`;
}

/**
 * Formats a POSIX shell command that writes a client's file, readable only by its owner, and never overwrites one. It
 * needs no program but mkdir: routers often lack base64.
 *
 * @param name of the file, without folder and extension; without characters special to a shell
 */
export function formatClientCommand(name: string, file: string): string {
  const lines = escapeNonAscii(file.trimEnd()).split("\n").map(quoteForShell);
  const path = `/etc/ipipou/${name}.toml`;
  return `mkdir -p /etc/ipipou && (umask 077; set -C; printf '%s\\n' ${lines.join(" ")} > ${path})\n`;
}

/** In this TOML such characters only occur in strings. A terminal in another locale would garble them. */
function escapeNonAscii(toml: string): string {
  return toml.replace(
    /\P{ASCII}/gu,
    (character) => `\\U${character.codePointAt(0)!.toString(16).padStart(8, "0")}`,
  );
}

function quoteForShell(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
