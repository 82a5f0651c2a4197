import assert from "node:assert/strict";
import fc from "fast-check";
import { addPeer, type PeerSystem } from "../../../lib/commands/peer.ts";
import { findMistakes } from "../../../lib/settings/check.ts";
import { parseInvocation } from "../../../lib/settings/command_line.ts";
import { convertConf } from "../../../lib/settings/conf.ts";
import { tomlPathOf } from "../../../lib/settings/option.ts";
import { OPTIONS } from "../../../lib/settings/options.ts";
import { parseToml } from "../../../lib/settings/toml.ts";
import { BASES, GOOD_FILES, PRIVATE_KEY, PUBLIC_KEY } from "../../unit/settings/bases.ts";
import { GOOD_INPUTS } from "../../unit/settings/good_input.ts";
import { filesInMemory, load } from "../../unit/settings/memory_files.ts";
import { anyText, textLike } from "../mutate.ts";
import { assertLine, outcomeOf, type Target, target } from "../target.ts";

/** What must not be in any message. */
const SECRET = "S3cr3tOfTheFuzzer";

/** Asserts that messages are lines, and show no secret that `source` has. */
function assertTold(lines: readonly string[], source = ""): void {
  const isMisplaced = isElsewhere(source);
  for (const line of lines) {
    assertLine(line);
    assert.ok(isMisplaced || !line.includes(SECRET), line);
  }
}

/** Whether a file has the secret where none can be, or where what seems to be a line may be within a string. */
function isElsewhere(text: string): boolean {
  const lines = text.split(/[\r\n]/).filter((line) => line.includes(SECRET));
  return /"""|'''/.test(text) ||
    !lines.every((line) => /^[ \t-]*(auth[.-])?(secret|token)( =|=| )/.test(line));
}

/** What loading settings says: warnings, or one error. */
function saidBy(argv: readonly string[], files: Readonly<Record<string, string>>): readonly string[] {
  const outcome = outcomeOf(() => {
    try {
      return load(argv, files, 0o644).warnings;
    } catch (error) {
      // It cannot load the settings of a command that has none.
      if (error instanceof TypeError && error.message.startsWith("Cannot load settings of")) return [];
      throw error;
    }
  });
  return "message" in outcome ? [outcome.message] : outcome.value;
}

const secretOptions = OPTIONS.filter(({ secret }) => secret);
const names = OPTIONS.flatMap(({ long, short }) => [
  ...long === null ? [] : [`--${long}`, `--${long}=`],
  ...short === undefined ? [] : [`-${short}`],
]);
const commands = ["peer", "add", "remove", "list", "convert", "cleanup", "hub", "office", "--make-key"];
const values = GOOD_INPUTS.flatMap(({ argv }) => argv.filter((word) => !word.startsWith("-")));
const word = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...names, ...commands, ...values) },
  { weight: 2, arbitrary: textLike([...names, ...values], ["=", "-", "--", ",", "/", "@", ":", "é"]) },
);
const goodWords = fc.constantFrom(...GOOD_INPUTS.map(({ argv }) => argv));
const secretWords = fc.tuple(fc.constantFrom(...secretOptions), fc.boolean(), anyText).map(
  ([{ long }, isAttached, more]) =>
    isAttached ? [`--${long}=${SECRET}${more}`] : [`--${long}`, `${SECRET}${more}`],
);
const argv = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: goodWords },
    { weight: 4, arbitrary: word.map((text) => [text]) },
    { weight: 1, arbitrary: secretWords },
  ),
  { maxLength: 8 },
).map((words) => words.flat());

const HUB = `server = true\nnumber = 1\nfou.local = ":10001@eth0"\ntunl.net = "172.28.16.0/24"\n`;
const OFFICE = `tunl.peer-ip = "172.28.16.9"\nauth.remote-pubkey-b64 = "${PUBLIC_KEY}"\n`;
const FILES = {
  ...GOOD_FILES,
  "client.toml": BASES.client,
  "server.toml": BASES.server,
  "/etc/ipipou/hub.toml": HUB,
  "/etc/ipipou/hub.peers/office.toml": OFFICE,
};

const commandLine = target(
  "command line",
  ["lib/settings/command_line.ts parseInvocation", "lib/settings/words.ts readWords"],
  argv,
  (words) => {
    const outcome = outcomeOf(() => parseInvocation(words));
    if ("message" in outcome) assertTold([outcome.message]);
    else if ("warnings" in outcome.value) assertTold(outcome.value.warnings);
  },
);

const allSettings = target(
  "settings by command line",
  [
    "lib/settings/load.ts loadSettings",
    "lib/settings/load.ts loadInput",
    "lib/settings/load.ts loadFiles",
    "lib/settings/peers_folder.ts readPeerFolder",
    "lib/settings/files.ts readConfig",
    "lib/settings/files.ts readText",
    "lib/settings/files.ts readToml",
    "lib/settings/scheme.ts readSecretFile",
    "lib/commands/hub.ts loadHub",
  ],
  fc.tuple(fc.constantFrom("client", "server"), argv, textLike([PRIVATE_KEY, "from a file\n"], ["\r\n"])),
  ([mode, words, text]) => {
    const files = { ...FILES, "a.key": text, "a.token": text };
    assertTold(saidBy(["--config", `{dir}/${mode}.toml`, ...words], files));
    assertTold(saidBy(words, files));
  },
);

const keys = OPTIONS.flatMap((option) => tomlPathOf(option)?.join(".") ?? []);
const tomlTokens = [
  ...["[", "]", "{", "}", "=", ",", ".", "#", '"', "'", '"""', "'''", "\n", "\r\n", " ", "\t", "\\", "\\u00"],
  ...["[[peer]]\n", "[fou]\n", "[auth]\n", "[[auth]]\n", "[peer.auth]\n", "[fou.local]\n", "# remark\n"],
  ...["true", "1", "-1", "+1", "1_0", "0x1f", "1e400", "nan", "1979-05-27", "07:32:00", "[[1], {a = 1}]"],
  ...[`"${SECRET}"`, `auth.secret = "${SECRET}"\n`, `auth.token = '${SECRET}'\n`],
];
const tomlSamples = [
  BASES.client,
  BASES.server,
  HUB,
  `${HUB}[[peer]]\nname = "a"\n${OFFICE}[[peer]]\nname = "b"\nroutes = ["10.1.0.0/16"]\nauth.token = "${SECRET}"\n`,
  `[auth]\nsecret = "${SECRET}" # remark\nlifetime = "1h"\n`,
  ...GOOD_INPUTS.flatMap(({ toml }) => toml === undefined ? [] : [`${toml}\n`]),
];
const toml = textLike(tomlSamples, [...tomlTokens, ...keys.map((key) => `${key} = `)]);
const PATH = "/etc/ipipou/x.toml";

const tomlFile = target(
  "TOML files",
  ["lib/settings/toml.ts parseToml", "lib/settings/toml_tables.ts readTables"],
  fc.tuple(toml, fc.constantFrom(null, "/etc/ipipou/hub.toml")),
  ([text, hub]) => {
    const outcome = outcomeOf(() => parseToml(text, PATH, hub));
    if ("message" in outcome) {
      assertTold([outcome.message], text);
      assert.match(outcome.message, /\/etc\/ipipou\/x\.toml(:\d+:\d+| as TOML: it is nested too deeply)/);
    }
  },
);

const tomlSettings = target(
  "settings by TOML files",
  ["lib/settings/load.ts loadSettings"],
  fc.tuple(fc.constantFrom("client", "server"), toml),
  ([mode, text]) => {
    const files = { ...FILES, "any.toml": text };
    assertTold(saidBy(["--config", `{dir}/${mode}.toml`, "--config", "{dir}/any.toml"], files), text);
    assertTold(saidBy(["--config", "hub"], { ...FILES, "/etc/ipipou/hub.peers/other.toml": text }), text);
  },
);

const checkedFiles = target(
  "checked files",
  ["lib/settings/check.ts findMistakes"],
  fc.tuple(toml, toml),
  ([text, peer]) => {
    const files = { ...FILES, "any.toml": text, "any.peers/p.toml": peer };
    const { mistakes, warnings } = findMistakes("/dir/any.toml", filesInMemory(files, 0o644));
    assertTold([...mistakes, ...warnings], `${text}\n${peer}`);
    // The mistake that a run ends with is one of them.
    const outcome = outcomeOf(() => load(["--config", "{dir}/any.toml"], files, 0o644));
    if ("message" in outcome) assert.ok(mistakes.includes(outcome.message), outcome.message);
    else assert.deepEqual(mistakes, []);
  },
);

/** Comments and space that change no meaning, and take the text out of what is read without the parser. */
const tomlRemarks = ["# é\n", "\t# \t\n", "\n\n"];
const entry = fc.oneof(
  fc.constantFrom(...GOOD_INPUTS.flatMap(({ toml }) => toml?.includes("\n") === false ? [toml] : [])),
  fc.tuple(fc.constantFrom(...keys), textLike(['"a"', "1", "true", '["10.1.0.0/16", "10.2.0.0/16"]']))
    .map(([key, value]) => `${key} = ${value.replaceAll("\n", "")}`),
);
const plainFile = fc.tuple(fc.array(entry, { maxLength: 4 }), fc.array(fc.array(entry, { maxLength: 3 })))
  .map(
    ([lines, peers]) => [lines, ...peers.slice(0, 3).map((peer) => ["[[peer]]", ...peer])],
  );

const plainToml = target(
  "TOML files, with and without the parser",
  ["lib/settings/toml_tables.ts piecesOf", "lib/settings/toml_tables.ts countPeers"],
  fc.tuple(plainFile, fc.constantFrom(...tomlRemarks)),
  ([parts, remark]) => {
    const textOf = (end: string) => parts.map((lines) => `${lines.join("\n")}\n${end}`).join("");
    const [plain, parsed] = ["", remark].map((end) => outcomeOf(() => meaningOf(textOf(end))));
    if ("value" in plain! || "value" in parsed!) assert.deepEqual(plain, parsed);
  },
);

/** The values in a file, without their places. */
function meaningOf(text: string) {
  const { given, peers, holdsSecret } = parseToml(text, PATH);
  const valuesOf = (values: typeof given) =>
    Object.fromEntries(Object.entries(values).map(([slot, { value }]) => [slot, value]));
  return { given: valuesOf(given), peers: peers.map((peer) => valuesOf(peer.given)), holdsSecret };
}

const confSamples = [
  `server\nnumber 0\nfou-dev eth0\nfou-local-port 10000\nauth-remote-pubkey-b64 ${PUBLIC_KEY}\nverb 3\n`,
  `# remark\nclient\n-n 0\nfou-local @wlan0\nfou-remote a.example:10000\nauth-key-b64 ${PRIVATE_KEY}\n`,
  `auth-secret ${SECRET}\n--auth-token=${SECRET}\nauth-lifetime 3600\nvvv\n`,
];
const conf = textLike(confSamples, [
  ...["\n", "\r", "\r\n", " ", "\t", "#", "-", "--", "=", "server\n", `auth-secret ${SECRET}\n`],
  ...names.map((name) => `${name.replace(/^-+/, "").replace("=", "")} `),
  ...values,
]);

const confFile = target(
  "files of version 0.1",
  ["lib/settings/conf.ts convertConf", "lib/settings/conf.ts readConf"],
  conf,
  (text) => {
    const outcome = outcomeOf(() => convertConf(text, "/etc/ipipou/x.conf"));
    if ("message" in outcome) return assertTold([outcome.message], text);
    const { toml, holdsSecret } = outcome.value;
    assert.equal(parseToml(toml, PATH).holdsSecret, holdsSecret);
    const merged = ["convert", "--hub", "other", "/etc/ipipou/x.conf", "/etc/ipipou/y.conf"];
    const other = confSamples[0]!.replace("10000", "10001").replaceAll("number 0", "number 1");
    assertTold(saidBy(merged, { "/etc/ipipou/x.conf": text, "/etc/ipipou/y.conf": other }), text);
  },
);

const peerWords = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(...GOOD_INPUTS.map(({ argv }) => argv)) },
    { weight: 1, arbitrary: secretWords },
    { weight: 1, arbitrary: word.map((text) => [text]) },
  ),
  { maxLength: 4 },
).map((words) => words.flat());
const KEYS = [["--make-key"], ["--auth-remote-pubkey-b64", PUBLIC_KEY], ["--auth-token", SECRET]];

const peerFiles = target(
  "files of added peers",
  ["lib/commands/peer.ts addPeer", "lib/settings/toml.ts parseToml"],
  fc.tuple(fc.constantFrom(...KEYS), peerWords, anyText),
  ([key, words, secret]) => {
    const written: string[] = [];
    const files = { ...FILES, "a.key": PRIVATE_KEY, "a.token": secret, "a.secret": secret };
    const system: PeerSystem = {
      ...filesInMemory(files),
      write: (_path, text) => written.push(text) > 0,
      remove: () => {},
      lock: () => new DisposableStack(),
      tellToReload: () => null,
    };
    const argv = ["peer", "add", "hub", "home", "--endpoint", "hub.example", ...key, ...words];
    const outcome = outcomeOf(() => {
      const invocation = parseInvocation(argv.map((text) => text.replaceAll("{dir}", "/dir")));
      return invocation.kind === "peer-add" ? addPeer(invocation, system, new Uint8Array(32).fill(7)) : null;
    });
    if ("message" in outcome) return assertTold([outcome.message]);
    if (outcome.value === null) return;
    assertTold(outcome.value.notes);
    // What was written is read again: the hub's part, and the client's.
    load(["--config", "hub"], { ...files, "/etc/ipipou/hub.peers/home.toml": written[0]! });
    if (!words.includes("--line")) parseToml(outcome.value.result, "/etc/ipipou/hub.toml");
  },
);

/** What the administrator writes. */
export const SETTINGS_TARGETS: readonly Target[] = [
  commandLine,
  allSettings,
  tomlFile,
  tomlSettings,
  checkedFiles,
  plainToml,
  confFile,
  peerFiles,
];
