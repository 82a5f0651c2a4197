import assert from "node:assert/strict";
import fc from "fast-check";
import { EXIT, IpipouError } from "../../../lib/errors.ts";
import { tomlPathOf } from "../../../lib/settings/option.ts";
import { OPTIONS } from "../../../lib/settings/options.ts";
import type { Settings } from "../../../lib/settings/settings.ts";
import { anyText, valueOf } from "./arbitrary_values.ts";
import { BASES, GOOD_FILES } from "./bases.ts";
import { GOOD_INPUTS } from "./good_input.ts";
import { load } from "./memory_files.ts";

const RUNS = { numRuns: 2000 };
const SECRET = "S3cr3tOfTheTest";

interface Outcome {
  readonly settings: Settings | null;
  /** All errors and warnings. */
  readonly said: readonly string[];
}

/** The result. Anything but settings or a `SettingsError` fails the test. */
function outcomeOf(argv: readonly string[], files: Readonly<Record<string, string>> = {}): Outcome {
  try {
    const { settings, warnings } = load(argv, files, 0o644);
    return { settings, said: warnings };
  } catch (error) {
    if (error instanceof TypeError && error.message.startsWith("Cannot load settings of")) {
      return { settings: null, said: [] };
    }
    assert.ok(error instanceof IpipouError, String(error instanceof Error ? error.stack : error));
    assert.equal(error.exitCode, EXIT.usage);
    return { settings: null, said: [error.message] };
  }
}

function assertLines(said: readonly string[]): void {
  for (const line of said) {
    assert.ok(line.length < 1000, line);
    // deno-lint-ignore no-control-regex
    assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/);
  }
}

const names = OPTIONS.flatMap(({ long, short }) =>
  [long === null ? [] : `--${long}`, short === undefined ? [] : `-${short}`].flat()
);
const values = GOOD_INPUTS.flatMap(({ argv }) => argv.filter((word) => !word.startsWith("-")));
const goodWords = fc.constantFrom(...GOOD_INPUTS.map(({ argv }) => argv));
const badWords = fc.oneof(
  fc.constantFrom(...names, ...values).map((word) => [word]),
  fc.tuple(fc.constantFrom(...names), anyText).map(([name, text]) => [`${name}=${text}`]),
  fc.tuple(fc.constantFrom(...names), fc.nat(12)).map(([name, length]) => [name.slice(0, length)]),
  anyText.map((text) => [text]),
);
const anyArgv = fc.array(fc.oneof({ weight: 4, arbitrary: goodWords }, badWords), { maxLength: 8 }).map((
  words,
) => words.flat());

const goodLines = fc.constantFrom(...GOOD_INPUTS.flatMap(({ toml }) => toml ?? []));
const keys = OPTIONS.flatMap((option) => tomlPathOf(option)?.join(".") ?? []);
const tomlValues = fc.oneof(
  fc.constantFrom(
    "true",
    "1",
    "-1",
    "1.5",
    "inf",
    "''",
    "'''a\nb'''",
    "[]",
    "[[1], {a = 1}]",
    "{}",
    "{a = {b = 1}}",
    "1979-05-27",
    "07:32:00",
  ),
  anyText.map((text) => JSON.stringify(text)),
);
const badLines = fc.oneof(
  fc.tuple(fc.constantFrom(...keys), tomlValues).map(([key, value]) => `${key} = ${value}`),
  fc.tuple(anyText, tomlValues).map(([key, value]) => `${JSON.stringify(key)} = ${value}`),
  fc.constantFrom(
    "[fou]",
    "[auth]",
    "[[auth]]",
    "[[peer]]",
    '[[peer]]\nname = "a"\ntunl.peer-ip = "10.0.0.7"',
    '[[peer]]\nname = "b"\nroutes = ["10.1.0.0/16"]',
    "[peer.auth]",
    '[tunl]\nnet = "10.0.0.0/24"',
    "[a.b]",
    "[fou.local]",
    "#",
    "",
    "= 1",
    '"""',
    "__proto__ = 1",
    "[constructor]",
  ),
  anyText,
);
const anyToml = fc.array(fc.oneof(goodLines, badLines), { maxLength: 6 }).map((lines) => lines.join("\n"));

Deno.test("loadSettings() turns any command line into settings or one line of error", () => {
  fc.assert(fc.property(anyArgv, (argv) => assertLines(outcomeOf(argv, GOOD_FILES).said)), RUNS);
});

Deno.test("loadSettings() turns any file into settings or one line of error", () => {
  fc.assert(
    fc.property(anyToml, fc.constantFrom("", BASES.client, BASES.server), (toml, base) => {
      const files = { ...GOOD_FILES, "base.toml": base, "any.toml": toml };
      assertLines(outcomeOf(["--config", "{dir}/base.toml", "--config", "{dir}/any.toml"], files).said);
    }),
    RUNS,
  );
});

Deno.test("loadSettings() rejects a file nested deeper than any stack", () => {
  const depth = 20_000;
  const brackets = `x = ${"[".repeat(depth)}`;
  const braces = `x = ${"{a=".repeat(depth)}`;
  const closed = [`${brackets}${"]".repeat(depth)}`, `${braces}1${"}".repeat(depth)}`];
  for (
    const deep of [brackets, braces, ...closed, `[${"a.".repeat(depth)}a]`, `${"a.".repeat(depth)}a = 1`]
  ) {
    assert.equal(outcomeOf(["--config", "{dir}/x.toml"], { "x.toml": deep }).settings, null);
  }
});

const secretOptions = OPTIONS.filter(({ secret }) => secret);

Deno.test("loadSettings() never shows a secret of the command line", () => {
  const secretWords = fc.tuple(fc.constantFrom(...secretOptions), fc.boolean(), anyText).map(
    ([{ long }, attached, more]) => {
      const text = SECRET + more;
      return attached ? [`--${long}=${text}`] : [`--${long}`, text];
    },
  );
  const argvs = fc.tuple(anyArgv, secretWords, anyArgv, fc.constantFrom("client", "server"));
  fc.assert(
    fc.property(argvs, ([before, secret, after, mode]) => {
      const files = { ...GOOD_FILES, "base.toml": BASES[mode] };
      const { said } = outcomeOf(["--config", "{dir}/base.toml", ...before, ...secret, ...after], files);
      for (const line of said) assert.ok(!line.includes(SECRET), line);
    }),
    RUNS,
  );
});

Deno.test("loadSettings() never shows a secret of a file", () => {
  const wraps = ["'X'", '"X"', "'''X'''", "X", "'X", '"X\\q"', "['X']", "{ a = 'X' }", "'X' 1"];
  const lines = fc.tuple(fc.constantFrom(...secretOptions), fc.constantFrom(...wraps)).map(
    ([option, wrap]) => `${tomlPathOf(option)?.join(".")} = ${wrap.replace("X", SECRET)}`,
  );
  fc.assert(
    fc.property(anyToml, lines, anyToml, (before, secret, after) => {
      const files = {
        ...GOOD_FILES,
        "base.toml": BASES.client,
        "any.toml": [before, secret, after].join("\n"),
      };
      const { said } = outcomeOf(["--config", "{dir}/base.toml", "--config", "{dir}/any.toml"], files);
      for (const line of said) assert.ok(!line.includes(SECRET), line);
    }),
    RUNS,
  );
});

Deno.test("loadSettings() never shows the content of a secret file", () => {
  const options = OPTIONS.flatMap((option) => option.kind === "secretFile" ? [`--${option.long}`] : []);
  fc.assert(fc.property(fc.constantFrom(...options), anyText, anyText, (option, before, after) => {
    const files = { ...GOOD_FILES, secret: `${before}${SECRET}${after}`, "base.toml": BASES.client };
    const { said } = outcomeOf(["--config", "{dir}/base.toml", option, "{dir}/secret"], files);
    for (const line of said) assert.ok(!line.includes(SECRET), line);
  }));
});

const lasting = OPTIONS.flatMap((option) => {
  const value = valueOf(option);
  return value === null || !("slot" in option) ? [] : [{ option, value, slot: option.slot }];
});
const saidBothWays = fc.uniqueArray(fc.constantFrom(...lasting), {
  selector: ({ slot }) => slot,
  maxLength: 6,
})
  .chain((chosen) =>
    fc.tuple(...chosen.map(({ option, value }) =>
      value.map(({ word, toml }) => ({
        argv: option.kind === "flag" ? `--${option.long}` : `--${option.long}=${word}`,
        line: `${tomlPathOf(option)?.join(".")} = ${toml}`,
      }))
    ))
  );

Deno.test("loadSettings() makes the same settings from a command line and an equivalent file", () => {
  let settled = 0;
  fc.assert(
    fc.property(saidBothWays, fc.constantFrom("client", "server"), (said, mode) => {
      const files = { "base.toml": BASES[mode], "same.toml": said.map(({ line }) => line).join("\n") };
      const base = ["--config", "{dir}/base.toml"];
      const fromWords = outcomeOf([...base, ...said.map(({ argv }) => argv)], files);
      const fromFile = outcomeOf([...base, "--config", "{dir}/same.toml"], files);
      assert.deepEqual(fromFile.settings, fromWords.settings, fromFile.said.join("\n"));
      if (fromFile.settings !== null) settled++;
    }),
    RUNS,
  );
  assert.ok(settled > RUNS.numRuns / 4, `only ${settled} were settings`);
});
