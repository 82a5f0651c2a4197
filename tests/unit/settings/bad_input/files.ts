import { README_KEY_PAIR as PAIR } from "../../auth/vectors.ts";
import { BASES, GOOD_FILES } from "../bases.ts";
import { type BadInput, onCommandLine, type Words } from "./input.ts";
import { KEY, OK_CLIENT } from "./phrases.ts";

const MISSING = [
  [
    [...OK_CLIENT, "--auth-key-file", "/nonexistent/key"],
    "Cannot read /nonexistent/key (--auth-key-file): No such file or directory; make it, or name another",
  ],
  [
    ["--config", "nonexistent"],
    "Cannot read /etc/ipipou/nonexistent.toml (--config): No such file or directory; make it, or name another",
  ],
  [
    ["--config", "/nonexistent"],
    "Cannot read /nonexistent (--config): No such file or directory; make it, or name another",
  ],
  [
    ["--config", "nonexistent.conf"],
    "Cannot read /etc/ipipou/nonexistent.conf (--config): it is a file of version 0.1; convert it to TOML: ipipou convert --write nonexistent.conf",
  ],
] as const;

const WITH_FILES: readonly (readonly [Words, Readonly<Record<string, string>>, string])[] = [
  [
    [...OK_CLIENT, "--auth-key-file", "{dir}/k"],
    { k: "" },
    "Cannot use the content of {dir}/k (--auth-key-file): it is empty",
  ],
  [
    [...OK_CLIENT, "--auth-key-file", "{dir}/k"],
    { k: "AAAA\nhunter2" },
    `Cannot use the content of {dir}/k (--auth-key-file): its first line ${KEY}, but it is 3 bytes`,
  ],
  [
    [...OK_CLIENT, "--auth-key-file", "{dir}"],
    {},
    "Cannot read {dir} (--auth-key-file): Is a directory; make it a UTF-8 text file that this user can read",
  ],
  [
    [...OK_CLIENT, "--auth-key-file", "{dir}/k"],
    { k: `${PAIR.publicKey.toBase64()}\n${PAIR.privateKey.toBase64()}\n` },
    "Cannot use the content of {dir}/k (--auth-key-file): its first line is the public key; the private one must be first",
  ],
  [
    [...OK_CLIENT, "--auth-token-file", "{dir}/t"],
    { t: "\n" },
    "Cannot use the content of {dir}/t (--auth-token-file): it is empty",
  ],
  [
    [...OK_CLIENT, "--auth-token-file", "{dir}/t"],
    { t: "x".repeat(1473) },
    "Cannot use the content of {dir}/t (--auth-token-file): must be 1 to 1472 bytes, but it is 1473",
  ],
  [[...OK_CLIENT, "--auth-key-file", "{dir}/k", "--auth-secret-file", "{dir}/s"], {
    ...GOOD_FILES,
    k: GOOD_FILES["a.key"] ?? "",
    s: "",
  }, "Cannot use the content of {dir}/s (--auth-secret-file): it is empty"],
  [[...OK_CLIENT, "--auth-key-file", "{dir}/k", "--auth-secret-file", "{dir}/s"], {
    ...GOOD_FILES,
    k: GOOD_FILES["a.key"] ?? "",
    s: "\n \t\r\n\n",
  }, "Cannot use the content of {dir}/s (--auth-secret-file): it is blank"],
  [
    "--config {dir}/a.toml --config {dir}/b.toml --config {dir}/a.toml",
    { "a.toml": "", "b.toml": "" },
    "Cannot use {dir}/a.toml as --config twice: give each file once",
  ],
  [
    "--config {dir}",
    {},
    "Cannot read {dir} (--config): Is a directory; make it a UTF-8 text file that this user can read",
  ],
  [
    "--config {dir}/old.conf",
    { "old.conf": "client\nnumber 1\n" },
    "Cannot read {dir}/old.conf (--config): it is a file of version 0.1; convert it to TOML: ipipou convert {dir}/old.conf > {dir}/old.toml",
  ],
  [
    "--config {dir}/old.toml",
    { "old.conf": "client\nnumber 1\n" },
    "Cannot read {dir}/old.conf (--config): it is a file of version 0.1; convert it to TOML: ipipou convert {dir}/old.conf > {dir}/old.toml",
  ],
  ["--config {dir}/a.toml --config {dir}/b.toml", {
    "a.toml": BASES.client,
    "b.toml": "keepalive = 1\nverb = -1",
  }, "Cannot use -1 as verb at {dir}/b.toml:2:8: must be a whole number from 0 to 99"],
];

/** Files that are missing, unreadable, or have invalid content. */
export const FILES: readonly BadInput[] = [
  ...MISSING.map(onCommandLine),
  ...WITH_FILES.map(([argv, files, message]) => ({ ...onCommandLine([argv, message]), files })),
];
