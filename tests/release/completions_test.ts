import assert from "node:assert/strict";
import { must } from "../../tools/command.ts";
import { bashCompletions } from "../../tools/completions/bash.ts";
import { fishCompletions } from "../../tools/completions/fish.ts";
import { type CommandLine, commandLines, typed } from "../../tools/completions/offers.ts";
import { zshCompletions } from "../../tools/completions/zsh.ts";

const TYPE = new URL("type.zsh", import.meta.url).pathname;

/** The program's command lines, and one whose name has two words. */
const LINES: readonly CommandLine[] = [
  ...commandLines(),
  { name: "two words", help: "It", options: [], operands: { kind: "names", extension: "toml" } },
];

/** What is typed, tabs included, and the resulting command line; `{dir}` is the configuration folder. */
const TYPED: readonly (readonly [string, string])[] = [
  ["ipipou --auth-keyg\t", "ipipou --auth-keygen "],
  ["ipipou -n4 --serv\t", "ipipou -n4 --server "],
  ["ipipou --config of\t", "ipipou --config office "],
  ["ipipou --config=of\t", "ipipou --config=office "],
  ["ipipou --config {dir}/off\t", "ipipou --config {dir}/office.toml "],
  ["ipipou --auth-key-file {dir}/ol\t", "ipipou --auth-key-file {dir}/old.conf "],
  ["ipipou --auth-key-type e\t", "ipipou --auth-key-type ed25519 "],
  ["ipipou --fou-dev lo\t", "ipipou --fou-dev lo "],
  ["ipipou -b @lo\t", "ipipou -b @lo "],
  ["ipipou -b :10001@lo\t", "ipipou -b :10001@lo "],
  ["ipipou conv\to\t", "ipipou convert old "],
  ["ipipou convert --wr\t", "ipipou convert --write "],
  ["ipipou cleanup of\t", "ipipou cleanup office "],
  ["ipipou tw\tw\tof\t", "ipipou two words office "],
  ["ipipou --server conv\t", "ipipou --server conv"],
];

/** Makes a configuration folder that also holds the completions. */
async function makeFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "ipipou-completions-" });
  for (const name of ["office.toml", "home.toml", "old.conf"]) {
    await Deno.writeTextFile(`${path}/${name}`, "");
  }
  await Deno.writeTextFile(`${path}/ipipou.bash`, bashCompletions(LINES, `${path}/`));
  await Deno.writeTextFile(`${path}/_ipipou`, zshCompletions(LINES, `${path}/`));
  await Deno.writeTextFile(`${path}/ipipou.fish`, fishCompletions(LINES, `${path}/`));
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

async function typeInto(shell: "bash" | "zsh", path: string, rc: string): Promise<void> {
  const file = `${path}/.${shell}rc`;
  await Deno.writeTextFile(file, rc);
  const lines = TYPED.map(([line]) => line.replace("{dir}", path));
  const output = await must(["timeout", "60", "zsh", "-f", TYPE, shell, file, ...lines]);
  const became = output.trimEnd().split("\n").map((line) => line.replace(path, "{dir}"));
  assert.deepEqual(became, TYPED.map(([, whole]) => whole));
}

Deno.test("bashCompletions() completes what is typed into bash", async () => {
  await using folder = await makeFolder();
  await typeInto(
    "bash",
    folder.path,
    `. ${folder.path}/ipipou.bash
show() { printf 'LINE=<%s>\\n' "$READLINE_LINE"; READLINE_LINE=; }
bind -x '"\\C-x": show'
PS1=READY
`,
  );
});

Deno.test("zshCompletions() completes what is typed into zsh", async () => {
  await using folder = await makeFolder();
  await typeInto(
    "zsh",
    folder.path,
    `fpath=(${folder.path} $fpath)
autoload -U compinit
compinit -D -u
show() { print -r -- "LINE=<$BUFFER>"; BUFFER=; }
zle -N show
bindkey '^X' show
PS1=READY
`,
  );
});

Deno.test("fishCompletions() completes what is typed into fish", async () => {
  await using folder = await makeFolder();
  for (const [line, whole] of TYPED) {
    // fish completes just the last word, and does not add the space.
    const words = line.replace("{dir}", folder.path).trimEnd().split("\t");
    const typedBefore = whole.trimEnd().split(" ").slice(0, -1).join(" ").replace("{dir}", folder.path);
    const last = words.length > 1 ? words.at(-1)! : words[0]!.split(" ").at(-1)!;
    const script = `source ${folder.path}/ipipou.fish; complete -C '${typedBefore} ${last}'`;
    const offered = (await must(["fish", "--no-config", "-c", script])).split("\n").map((row) =>
      row.split("\t")[0]
    );
    const expected = whole.endsWith(" ")
      ? [whole.trimEnd().split(" ").at(-1)!.replace("{dir}", folder.path)]
      : [];
    assert.deepEqual(offered.filter(Boolean), expected, line);
  }
});

Deno.test("bashCompletions() and fishCompletions() offer every option", async () => {
  await using folder = await makeFolder();
  const names = LINES[0]!.options.flatMap(typed).filter((name) => name.startsWith("--")).sort();
  const bash = `. ${folder.path}/ipipou.bash; COMP_WORDS=(ipipou --); COMP_CWORD=1
    _ipipou ipipou -- ipipou; printf '%s\\n' "\${COMPREPLY[@]}"`;
  assert.deepEqual((await must(["bash", "-c", bash])).trimEnd().split("\n").sort(), names);
  const fish = `source ${folder.path}/ipipou.fish; complete -C 'ipipou --'`;
  const offered = (await must(["fish", "--no-config", "-c", fish])).trimEnd().split("\n");
  assert.deepEqual(offered.map((row) => row.split("\t")[0]).sort(), names);
});
