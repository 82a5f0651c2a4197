import assert from "node:assert/strict";
import { nameOf, type Option, tomlPathOf } from "../../../lib/settings/option.ts";
import { OPTION_GROUPS, OPTIONS } from "../../../lib/settings/options.ts";
import type { Settings } from "../../../lib/settings/settings.ts";
import { BASES, GOOD_FILES } from "./bases.ts";
import { GOOD_INPUTS } from "./good_input.ts";
import type { GoodInput } from "./good_input/input.ts";
import { load } from "./memory_files.ts";

function optionOf(input: GoodInput): Option {
  const option = OPTIONS.find(({ long, short }) => input.option === (long ?? short));
  assert.ok(option, input.option);
  return option;
}

function settingsOf(input: GoodInput, argv: readonly string[]): Settings {
  const files = { ...GOOD_FILES, "base.toml": BASES[input.mode], "case.toml": input.toml ?? "" };
  return load(["--config", "{dir}/base.toml", ...argv], files).settings;
}

function at(settings: Settings, path: string): unknown {
  return path.split(".").reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], settings);
}

for (const input of GOOD_INPUTS) {
  const option = optionOf(input);
  const name = `${nameOf(option)} as ${input.argv.join(" ")} on a ${input.mode}`;

  Deno.test(`loadSettings() accepts ${name}`, () => {
    const settings = settingsOf(input, input.argv);
    for (const [path, value] of Object.entries(input.gives)) {
      assert.deepEqual(at(settings, path), value, path);
    }
    if (Object.keys(input.gives).length > 0) assert.notDeepEqual(settings, settingsOf(input, []));
  });

  if (input.toml === null) continue;
  Deno.test(`loadSettings() reads the same from TOML as from ${name}`, () => {
    assert.deepEqual(settingsOf(input, ["--config", "{dir}/case.toml"]), settingsOf(input, input.argv));
  });
}

Deno.test("GOOD_INPUTS has each option on the command line and, if it has a key, in TOML", () => {
  const options = OPTIONS.filter((option) => option.kind !== "command");
  const withInput = new Set(GOOD_INPUTS.map(optionOf));
  assert.deepEqual(options.filter((option) => !withInput.has(option)).map(nameOf), []);
  const withToml = new Set(GOOD_INPUTS.filter(({ toml }) => toml !== null).map(optionOf));
  const keyed = options.filter((option) => tomlPathOf(option) !== null);
  assert.deepEqual(keyed.filter((option) => !withToml.has(option)).map(nameOf), []);
});

Deno.test("OPTIONS has no duplicate name", () => {
  const names = OPTIONS.flatMap(({ long, short }) => [long ?? [], short ?? []].flat());
  assert.deepEqual(names, [...new Set(names)]);
});

Deno.test("OPTIONS names the value of exactly the options that take one", () => {
  for (const option of OPTIONS) {
    const takesNone = option.kind === "flag" || option.kind === "count" || option.kind === "command";
    assert.equal(option.metavar === undefined, takesNone, nameOf(option));
  }
});

Deno.test("tomlPathOf() turns known prefixes into tables, and drops no-", () => {
  const paths = Object.fromEntries(OPTIONS.map((option) => [nameOf(option), tomlPathOf(option)?.join(".")]));
  assert.equal(paths["--fou-local-port"], "fou.local-port");
  assert.equal(paths["--tunl-ip"], "tunl.ip");
  assert.equal(paths["--auth-by-remote-ip"], "auth.by-remote-ip");
  assert.equal(paths["--nft-table"], "nft.table");
  assert.equal(paths["--nfq-max-len"], "nfq.max-len");
  assert.equal(paths["--no-log-pid"], "log.pid");
  assert.equal(paths["--no-encap-csum"], "encap.csum");
  assert.equal(paths["-n/--number"], "number");
  assert.equal(paths["--force-fou-local-ip-alt"], "force-fou-local-ip-alt");
  assert.equal(paths["--reply-on-auth-ok"], "reply-on-auth-ok");
  assert.equal(paths["--config"], undefined);
});

Deno.test("OPTION_GROUPS has the options of one mode in the group of that name", () => {
  for (const { title, options } of OPTION_GROUPS) {
    const modes = new Set(options.flatMap(({ mode }) => mode ?? []));
    assert.deepEqual([...modes], ["Client", "Server"].includes(title) ? [title.toLowerCase()] : [], title);
  }
});
