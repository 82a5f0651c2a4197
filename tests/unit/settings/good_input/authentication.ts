import { fromBase64 } from "../../auth/vectors.ts";
import { PRIVATE_KEY, PUBLIC_KEY } from "../bases.ts";
import type { GoodInput } from "./input.ts";

const text = (plain: string) => new TextEncoder().encode(plain);

export const AUTHENTICATION: readonly GoodInput[] = [
  {
    option: "auth-key-file",
    mode: "client",
    argv: ["--auth-key-file", "{dir}/a.key"],
    toml: 'auth.key-file = "a.key"',
    gives: {
      "peers.0.scheme.kind": "ed25519",
      "peers.0.scheme.privateKey": fromBase64(PRIVATE_KEY),
      "peers.0.scheme.secret": "netprickle.com",
    },
  },
  {
    option: "auth-key-b64",
    mode: "client",
    argv: ["--auth-key-b64", PRIVATE_KEY],
    toml: `auth.key-b64 = "${PRIVATE_KEY}"`,
    gives: {
      "peers.0.scheme.kind": "ed25519",
      "peers.0.scheme.privateKey": fromBase64(PRIVATE_KEY),
      "peers.0.scheme.remotePublicKey": null,
    },
  },
  {
    option: "auth-remote-pubkey-b64",
    mode: "server",
    argv: ["--auth-remote-pubkey-b64", PUBLIC_KEY.slice(0, -1)],
    toml: `auth.remote-pubkey-b64 = "${PUBLIC_KEY}"`,
    gives: {
      "peers.0.scheme.kind": "ed25519",
      "peers.0.scheme.privateKey": null,
      "peers.0.scheme.remotePublicKey": fromBase64(PUBLIC_KEY),
    },
  },
  {
    option: "auth-key-type",
    mode: "client",
    argv: ["--auth-key-type", "ed25519"],
    toml: 'auth.key-type = "ed25519"',
    gives: {},
  },
  {
    option: "auth-secret",
    mode: "client",
    argv: ["--auth-secret", "s p", "--auth-key-file", "{dir}/a.key"],
    toml: 'auth.secret = "s p"\nauth.key-file = "a.key"',
    gives: { "peers.0.scheme.secret": "s p" },
  },
  {
    option: "auth-secret-file",
    mode: "client",
    argv: ["--auth-secret-file", "{dir}/a.secret", "--auth-key-file", "{dir}/a.key"],
    toml: 'auth.secret-file = "a.secret"\nauth.key-file = "a.key"',
    gives: { "peers.0.scheme.secret": "secret of a file" },
  },
  {
    option: "auth-token",
    mode: "client",
    argv: ["--auth-token", "пароль"],
    toml: 'auth.token = "пароль"',
    gives: { "peers.0.scheme.kind": "token", "peers.0.scheme.token": text("пароль") },
  },
  {
    option: "auth-token-b64",
    mode: "client",
    argv: ["--auth-token-b64", "AAECAw=="],
    toml: 'auth.token-b64 = "AAECAw"',
    gives: { "peers.0.scheme.token": fromBase64("AAECAw") },
  },
  {
    option: "auth-token-file",
    mode: "client",
    argv: ["--auth-token-file", "{dir}/a.token"],
    toml: 'auth.token-file = "a.token"',
    gives: { "peers.0.scheme.token": text("from a file") },
  },
  {
    option: "auth-max-time-discrepancy",
    mode: "server",
    argv: ["--auth-max-time-discrepancy", "30"],
    toml: "auth.max-time-discrepancy = 30",
    gives: { "peers.0.maxTimeDiscrepancy": 30 },
  },
  {
    option: "auth-max-time-discrepancy",
    mode: "client",
    argv: ["--auth-max-time-discrepancy", "1m"],
    toml: 'auth.max-time-discrepancy = "1m"',
    gives: { "peers.0.maxTimeDiscrepancy": 60 },
  },
  {
    option: "reply-on-auth-ok",
    mode: "server",
    argv: ["--reply-on-auth-ok"],
    toml: "reply-on-auth-ok = true",
    gives: { "peers.0.reply": true },
  },
  {
    option: "reply-on-auth-ok",
    mode: "client",
    argv: ["--reply-on-auth-ok"],
    toml: "reply-on-auth-ok = true",
    gives: { "peers.0.reply": true },
  },
];
