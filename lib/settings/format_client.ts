import { Buffer } from "node:buffer";
import { keyPairOf } from "../auth/keys.ts";
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
  /** The client's private key, 32 bytes, to put into the file; null: the file refers to NAME.key next to it. */
  readonly privateKey: Uint8Array | null;
}

/** Formats the configuration file of a client that is the hub's peer. It contains secrets. */
export function formatClient(hub: Settings, peer: Peer, content: ClientFileContent): string {
  const { name, endpoint, device, privateKey } = content;
  const port = peer.byRemote.port ? peer.remote.port : hub.local.ports[0];
  return [
    ...formatKeys({ number: hub.number, keepalive: KEEPALIVE, "reply-on-auth-ok": peer.reply || null }),
    "[fou]",
    ...formatKeys(device === null ? { "local-port": port } : { local: `:${port}@${device}` }),
    ...formatKeys({ remote: `${endpoint.host}:${endpoint.port}` }),
    "[tunl]",
    ...formatKeys({ ip: peer.tunnel.peerIp, "peer-ip": peer.tunnel.ip, mtu: peer.tunnel.mtu }),
    ...formatScheme(peer, privateKey, name),
  ].map((line) => `${line}\n`).join("");
}

function formatScheme({ scheme, reply }: Peer, privateKey: Uint8Array | null, name: string): string[] {
  switch (scheme.kind) {
    case "port":
      return [];
    case "token": {
      const text = new TextDecoder().decode(scheme.token);
      const isText = Buffer.from(text).equals(scheme.token);
      return ["[auth]", ...formatKeys(isText ? { token: text } : { "token-b64": scheme.token.toBase64() })];
    }
    case "ed25519": {
      // A hub with its own key signs its replies.
      const hubKey = reply && scheme.privateKey !== null ? keyPairOf(scheme.privateKey).publicKey : null;
      return [
        "[auth]",
        ...formatKeys({
          "key-file": privateKey === null ? `${name}.key` : null,
          "key-b64": privateKey?.toBase64() ?? null,
          secret: scheme.secret,
          "remote-pubkey-b64": hubKey?.toBase64() ?? null,
        }),
      ];
    }
  }
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
