import { DEFAULT_SECRET, type OptionGroup, optionsOf } from "../option.ts";
import { duration, secretFile, turnsOn } from "./kinds.ts";

const OF_PEER = optionsOf({
  "--auth-key-file FILE": {
    ...secretFile("privateKey"),
    help: "Read this host's ed25519 private key from the first line of FILE",
  },
  "--auth-key-b64 KEY": {
    kind: "privateKey",
    slot: "privateKey",
    help: "This host's ed25519 private key, 32 bytes in base64",
    secret: true,
  },
  "--auth-remote-pubkey-b64 KEY": {
    kind: "publicKey",
    slot: "remotePublicKey",
    help: "The peer's ed25519 public key, 32 bytes in base64",
  },
  "--auth-key-type TYPE": {
    kind: "choice",
    choices: ["ed25519"],
    help: "Type of the authentication keys",
    default: "ed25519",
  },
  "--auth-secret-file FILE": { ...secretFile("secret"), help: "Read the shared secret from FILE" },
  "--auth-secret TEXT": {
    kind: "text",
    slot: "secret",
    help: "Shared secret, covered by the signatures and never sent",
    default: DEFAULT_SECRET,
    secret: true,
  },
  "--auth-token-file FILE": { ...secretFile("token"), help: "Read the authentication token from FILE" },
  "--auth-token TEXT": {
    kind: "text",
    slot: "token",
    help: "Authenticate with this token instead of keys; weak, because it is sent unencrypted",
    secret: true,
  },
  "--auth-token-b64 TOKEN": {
    kind: "base64",
    slot: "token",
    help: "Authentication token in base64, for one that is not text",
    secret: true,
  },
  "--auth-max-time-discrepancy SEC": {
    ...duration("maxTimeDiscrepancy"),
    help: "How far the time in a signed auth packet or reply may differ from ours; 0 is no limit",
    default: "0",
  },
  "--reply-on-auth-ok": {
    ...turnsOn("reply"),
    help:
      "Server: reply to valid auth packets. Client: expect a reply, log whether it comes, and retry until it does",
  },
}, { perPeer: true });

const OF_INSTANCE = optionsOf({
  "--auth-keygen": {
    kind: "command",
    command: "keygen",
    help: "Print a new private key and its public key, one per line (labelled with -v), and exit",
  },
});

export const AUTHENTICATION: OptionGroup = {
  title: "Authentication",
  options: [...OF_PEER, ...OF_INSTANCE],
};
