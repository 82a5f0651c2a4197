import assert from "node:assert/strict";
import { parseInvocation } from "../../../lib/settings/command_line.ts";
import { COMMANDS } from "../../../lib/settings/commands.ts";
import { commandHelpText, helpText } from "../../../lib/settings/help.ts";
import { tomlPathOf } from "../../../lib/settings/option.ts";
import { OPTIONS } from "../../../lib/settings/options.ts";
import { PUBLIC_KEY } from "./bases.ts";
import { load } from "./memory_files.ts";

const HELP = helpText();

Deno.test("helpText() is at most 80 columns wide, without trailing spaces", () => {
  for (const line of HELP.split("\n")) {
    assert.ok(line.length <= 80, line);
    assert.doesNotMatch(line, /\s$/);
  }
});

Deno.test("helpText() lists every option with its value, sentence and default", () => {
  const words = HELP.replace(/\s+/g, " ");
  for (const option of OPTIONS) {
    const names = [option.short && `-${option.short}`, option.long && `--${option.long}`].filter(Boolean)
      .join(", ");
    const label = option.metavar === undefined ? names : `${names} ${option.metavar}`;
    assert.ok(words.includes(` ${label} ${option.help}`), label);
    if (option.default !== undefined) assert.ok(words.includes(`default: ${option.default}`), label);
  }
});

Deno.test("helpText() has its parts in order", () => {
  const places = ["Usage:", "Options", "Examples:", "Files:"].map((part) => HELP.indexOf(`${part}`));
  assert.deepEqual(places, [...places].sort((a, b) => a - b));
  assert.equal(places[0], 0);
});

Deno.test("helpText() gives examples that work", () => {
  const files = { "/etc/ipipou/office.toml": "", FILE: "RuBZkT23na2Q4QH1xfmZCfRgSgPt5s362UPAFbecTso=" };
  const commands = [...HELP.replaceAll("\\\n", " ").matchAll(/^ {4}ipipou (.*)$/gm)].map(([, words = ""]) =>
    words.split(/\s+/)
  );
  assert.equal(commands.length, 4);
  for (const words of commands) {
    const argv = words.map((word) => word === "KEY" ? PUBLIC_KEY : word === "FILE" ? "{dir}/FILE" : word);
    const invocation = parseInvocation(argv);
    if (invocation.kind === "run" && invocation.configs.length === 0) {
      assert.deepEqual(load(argv, files).warnings, []);
    }
  }
});

Deno.test("helpText() shows TOML files that work", () => {
  const [, single, hub] = HELP.split("For example:\n\n").map((text) => text.replace(/\n\n.*/s, ""));
  const files = { "./single.toml": single!, "./hub.toml": hub!, "./office.secret": "s", "./hub.secret": "s" };
  for (const [name, text] of Object.entries(files)) {
    Object.assign(files, { [name]: text.replace("KEY", PUBLIC_KEY) });
  }
  const settingsOf = (name: string) => load(["--config", name], files).settings;
  assert.deepEqual(settingsOf("./single.toml").peers.map(({ name }) => name), ["ipipou1"]);
  assert.deepEqual(settingsOf("./hub.toml").peers.map(({ name, routes }) => [name, routes]), [
    ["office", ["10.1.0.0/16"]],
  ]);
});

Deno.test("helpText() lists every key of a peer once, and the limits", () => {
  const words = HELP.replace(/\s+/g, " ");
  const listed = /The keys of a peer are name and (.*?)\. A server/.exec(words)![1]!.split(", ");
  assert.deepEqual(listed, [...new Set(listed)]);
  for (const option of OPTIONS.filter(({ perPeer }) => perPeer)) {
    assert.match(
      words,
      new RegExp(`The keys of a peer are name and .*\\b${tomlPathOf(option)?.join(".")}[,. ]`),
    );
  }
  assert.ok(words.endsWith("A server can have at most 4096 peers, and a configuration file 2 MiB. "));
});

Deno.test("helpText() lists every command with its arguments and sentence", () => {
  const words = HELP.replace(/\s+/g, " ");
  assert.equal(COMMANDS.length, 11);
  for (const { name, usage, help } of COMMANDS) assert.ok(words.includes(` ${name} ${usage} ${help}`), name);
});

Deno.test("commandHelpText() is at most 80 columns wide, and contains all of the table", () => {
  for (const command of COMMANDS) {
    const text = commandHelpText(command);
    for (const line of text.split("\n")) assert.ok(line.length <= 80 && !/\s$/.test(line), line);
    const words = text.replace(/\s+/g, " ");
    assert.ok(words.startsWith(`Usage: ipipou ${command.name} ${command.usage} ${command.help}.`), words);
    for (const part of [...command.details, ...command.listed.map(({ help }) => help)]) {
      assert.ok(words.includes(part), part);
    }
  }
});
