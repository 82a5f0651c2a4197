import assert from "node:assert/strict";
import { EXIT } from "../../../lib/errors.ts";
import { COMMANDS } from "../../../lib/settings/commands.ts";
import { tomlPathOf } from "../../../lib/settings/option.ts";
import { OPTIONS } from "../../../lib/settings/options.ts";
import { ENVIRONMENT } from "../../../tools/executable.ts";
import { ipipou8 } from "../../../tools/manual/ipipou_8.ts";
import { ipipouToml5 } from "../../../tools/manual/ipipou_toml_5.ts";
import { type Block, bold, plain, roff } from "../../../tools/manual/roff.ts";

const PROGRAM = ipipou8("1.2.3", "2026-01-02");
const FILE = ipipouToml5({ "An example": "number = 1\n" }, "1.2.3", "2026-01-02");

/** A section as one line of roff, with what each entry is about by its tag. */
function sectionOf(page: typeof PROGRAM, title: string): readonly Block[] {
  const section = page.sections.find((section) => section.title === title);
  assert.ok(section, title);
  return section.blocks;
}

function sourceOf(blocks: readonly Block[]): string {
  return roff({ ...PROGRAM, sections: [{ title: "X", blocks }] }).replace(/\n/g, " ");
}

/** The entries below a heading, each as roff. */
function entriesBelow(blocks: readonly Block[], heading: string): string[] {
  const start = blocks.findIndex((block) =>
    typeof block === "object" && "heading" in block && block.heading === heading
  );
  assert.ok(start >= 0, heading);
  const rest = blocks.slice(start + 1);
  const end = rest.findIndex((block) => typeof block === "object" && "heading" in block);
  return rest.slice(0, end < 0 ? undefined : end).map((block) => sourceOf([block]));
}

/** As roff() words it: options in bold. */
function words(text: string): string {
  return sourceOf([text]).replace(/^.*?\.SH "X" /, "").trimEnd();
}

Deno.test("ipipou8() has every option with its value, sentence and default", () => {
  const entries = sectionOf(PROGRAM, "OPTIONS").map((block) => sourceOf([block]));
  for (const option of OPTIONS) {
    const name = option.long === null ? `-${option.short}` : `--${option.long}`;
    const entry = entries.find((entry) => entry.includes(bold(name)) && entry.includes(words(option.help)));
    assert.ok(entry, name);
    if (option.metavar !== undefined) assert.ok(entry.includes(plain(option.metavar)), name);
    if (option.default !== undefined) assert.ok(entry.includes(words(`Default: ${option.default}.`)), name);
  }
});

Deno.test("ipipou8() has every command with all of the table", () => {
  const text = sourceOf(sectionOf(PROGRAM, "COMMANDS"));
  for (const { name, usage, help, details, listed } of COMMANDS) {
    assert.ok(text.includes(`${bold(name)} ${plain(usage)}`), name);
    const own = listed.filter(({ long }) =>
      long !== "help" && !OPTIONS.some((option) => option.long === long)
    );
    const parts = [`${help}.`, ...details, ...own.map((option) => `${option.help}.`)];
    for (const part of parts) assert.ok(text.includes(words(part)), part);
  }
});

Deno.test("ipipou8() has every exit code", () => {
  const text = sourceOf(sectionOf(PROGRAM, "EXIT STATUS"));
  const missing = Object.entries(EXIT).filter(([, code]) => !text.includes(`.TP ${bold(`${code}`)} `));
  assert.deepEqual(missing, []);
});

Deno.test("ipipou8() has exactly the environment variables that the program may read", () => {
  const text = sourceOf(sectionOf(PROGRAM, "ENVIRONMENT"));
  const names = text.replaceAll("\\fB", " ").match(/\b(?:PATH|[A-Z]+_[A-Z_]+)\b/g);
  assert.deepEqual([...new Set(names)].sort(), [...ENVIRONMENT].sort());
});

Deno.test("ipipouToml5() has every key in its table, with its option, sentence and default", () => {
  const blocks = sectionOf(FILE, "KEYS");
  let count = 0;
  for (const option of OPTIONS) {
    const path = tomlPathOf(option);
    if (path === null) continue;
    count++;
    const [name = "", table] = path.toReversed();
    const entries = entriesBelow(blocks, table === undefined ? "Above the first table" : `[${table}]`);
    const entry = entries.find((entry) => entry.includes(`.TP ${bold(name)} = `));
    assert.ok(entry, path.join("."));
    assert.ok(entry.includes(bold(`--${option.long}`)), path.join("."));
    assert.ok(entry.includes(words(option.help)), path.join("."));
    if (option.default !== undefined) assert.ok(entry.includes(words(`Default: ${option.default}.`)), name);
    assert.equal(entry.includes(words("Also in `[[peer]]`.")), option.perPeer === true, path.join("."));
  }
  assert.ok(count > 30);
});

Deno.test("ipipouToml5() gives the default of every switch", () => {
  const entry = (table: string, name: string) =>
    entriesBelow(sectionOf(FILE, "KEYS"), table).find((entry) => entry.includes(`.TP ${bold(name)} `));
  assert.match(entry("[log]", "time")!, /Default: \\fBtrue\\fR\./);
  assert.match(entry("[auth]", "by-remote-ip")!, /Default: \\fBfalse\\fR\./);
  assert.match(entry("[encap]", "csum")!, /Default: the kernel\\\(aqs\./);
  assert.doesNotMatch(entry("Above the first table", "client")!, /Default/);
});

Deno.test("roff() escapes requests in text, and keeps lines within 80 bytes", () => {
  const source = roff({
    ...PROGRAM,
    sections: [{ title: "X", blocks: [`${"word ".repeat(16)}.TH 'so \\fB x`] }],
  });
  const lines = source.split("\n").slice(4);
  assert.deepEqual(lines, [`${"word ".repeat(15)}word`, "\\&.TH \\(aqso \\(rsfB x", ""]);
});
