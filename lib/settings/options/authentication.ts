import type { OptionGroup } from "../option.ts";
import { DURATION } from "./kinds.ts";

const FILE = { kind: "secretFile", metavar: "FILE", neverAbbreviated: true } as const;

export const AUTHENTICATION: OptionGroup = {
  title: "Authentication",
  options: [
    {
      long: "auth-key-file",
      ...FILE,
      slot: "privateKey",
      help: "Read this host's ed25519 private key from the first line of FILE",
      perPeer: true,
    },
    {
      long: "auth-key-b64",
      kind: "privateKey",
      slot: "privateKey",
      metavar: "KEY",
      help: "This host's ed25519 private key, 32 bytes in base64",
      secret: true,
      perPeer: true,
    },
    {
      long: "auth-remote-pubkey-b64",
      kind: "publicKey",
      slot: "remotePublicKey",
      metavar: "KEY",
      help: "The peer's ed25519 public key, 32 bytes in base64",
      perPeer: true,
    },
    {
      long: "auth-key-type",
      kind: "choice",
      choices: ["ed25519"],
      metavar: "TYPE",
      help: "Type of the authentication keys",
      default: "ed25519",
      perPeer: true,
    },
    {
      long: "auth-secret-file",
      ...FILE,
      slot: "secret",
      help: "Read the shared secret from FILE",
      perPeer: true,
    },
    {
      long: "auth-secret",
      kind: "text",
      slot: "secret",
      metavar: "TEXT",
      help: "Shared secret, covered by the signatures and never sent",
      default: "netprickle.com",
      secret: true,
      perPeer: true,
    },
    {
      long: "auth-token-file",
      ...FILE,
      slot: "token",
      help: "Read the authentication token from FILE",
      perPeer: true,
    },
    {
      long: "auth-token",
      kind: "text",
      slot: "token",
      metavar: "TEXT",
      help: "Authenticate with this token instead of keys; weak, because it is sent unencrypted",
      secret: true,
      perPeer: true,
    },
    {
      long: "auth-token-b64",
      kind: "base64",
      slot: "token",
      metavar: "TOKEN",
      help: "Authentication token in base64, for one that is not text",
      secret: true,
      perPeer: true,
    },
    {
      long: "auth-max-time-discrepancy",
      ...DURATION,
      slot: "maxTimeDiscrepancy",
      help: "How far the time in a signed auth packet or reply may differ from ours; 0 is no limit",
      default: "0",
      perPeer: true,
    },
    {
      long: "reply-on-auth-ok",
      kind: "flag",
      slot: "reply",
      gives: true,
      help:
        "Server: reply to valid auth packets. Client: expect a reply, log whether it comes, and retry until it does",
      perPeer: true,
    },
    {
      long: "auth-keygen",
      kind: "command",
      command: "keygen",
      help: "Print a new private key and its public key, one per line (labelled with -v), and exit",
      commandLineOnly: true,
    },
  ],
};
