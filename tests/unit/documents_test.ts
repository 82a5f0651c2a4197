import assert from "node:assert/strict";
import config from "../../deno.json" with { type: "json" };
import { HERE } from "../../tools/build.ts";
import { type Distribution, DISTRIBUTIONS } from "../../tools/release/distributions.ts";
import { pathOf } from "../../tools/release/packages.ts";
import { parseInvocation } from "../../lib/settings/command_line.ts";
import { TOML_TABLES, tomlPathOf } from "../../lib/settings/option.ts";
import { OPTIONS } from "../../lib/settings/options.ts";
import { blocksIn, readDocuments, TRIED, untried } from "../documents.ts";

const ROOT = new URL("../../", import.meta.url);
const ALL = [...readDocuments()].flatMap(([document, text]) => blocksIn(document, text));

async function read(path: string): Promise<string> {
  return await Deno.readTextFile(new URL(path, ROOT));
}

Deno.test("each block of commands or settings in the documents is tried by something", () => {
  assert.ok(ALL.length > 30, "the blocks were not found");
  assert.deepEqual(untried(ALL, TRIED), []);
});

Deno.test("untried() tells blocks that nothing tries or two things do, and entries without a block", () => {
  const markdown =
    "# A\n\n```sh\nip link\n```\n\n- b:\n\n  ```toml\n  [a]\n  b = 1\n  ```\n\n```\nno command\n```\n";
  const blocks = blocksIn("docs/a.md", markdown);
  assert.deepEqual(blocks, [
    { document: "docs/a.md", line: 4, text: "ip link\n" },
    { document: "docs/a.md", line: 10, text: "[a]\nb = 1\n" },
  ]);
  assert.deepEqual(untried(blocks, { "docs/a.md": { "ip link": "lab", "[a]": "lab" } }), []);
  assert.deepEqual(
    untried(blocks, { "docs/a.md": { "[a": "lab", "[a]": "lab" }, "docs/b.md": { "ip": "lab" } }),
    [
      'docs/a.md:4: 0 tests for the block "ip link"',
      'docs/a.md:10: 2 tests for the block "[a]"',
      'docs/b.md: not one block begins with "ip"',
    ],
  );
});

Deno.test("each block that cannot run in the lab's network has tests that exist", async () => {
  const ways = new Set(Object.values(TRIED).flatMap((ways) => Object.values(ways)));
  for (const way of ways) {
    if (way === "lab") continue;
    for (const [file, name] of way.tests) {
      const pattern = name.split("…").map(RegExp.escape).join(".*");
      assert.match(
        await read(file),
        new RegExp(`Deno\\.test\\(\\s*["\`]${pattern}["\`]`),
        `${file}: ${name}`,
      );
    }
  }
});

Deno.test("each task that the documents run is there, with the version that .ci/run takes", async () => {
  const { tasks } = config;
  const [, version] = /deno@([\d.]+)/.exec(await read(".ci/run"))!;
  const commands = [...readDocuments().values()].flatMap((
    text,
  ) => [...text.matchAll(/deno@([\w.]+)(?: task (\w+))?/g)]);
  assert.ok(commands.length > 4);
  for (const [command, used, task] of commands) {
    assert.equal(used, version, command);
    if (task !== undefined) assert.ok(task in tasks, command);
  }
  const named = [...readDocuments().values()].flatMap((text) =>
    [...text.matchAll(/deno task (\w+)/g)].map(([, task]) => task!)
  );
  assert.deepEqual(named.filter((task) => !(task in tasks)), []);
});

Deno.test("each package that the documents install is one that a release has", () => {
  const formats = [...Object.keys(DISTRIBUTIONS) as Distribution[], "tar.gz"] as const;
  const made = formats.map((format) => pathOf({ format, target: HERE, folder: "." }).slice("./".length));
  const installed = ALL.flatMap(({ text }) =>
    text.match(/\bipipou[-_]\d[\w.-]*\.(?:deb|rpm|apk|ipk|tar\.gz)/g) ?? []
  );
  assert.ok(installed.length > 4);
  assert.deepEqual(installed.filter((name) => !made.includes(name)), []);
});

Deno.test("the picture in README is as docs/build.md makes it", async () => {
  const [, path] = /!\[[^\]]*\]\((.*?)\)/.exec(await read("README.md"))!;
  assert.match(
    await read(path!),
    /^<svg\s+xml:space="preserve"[^>]*>\s*<defs>\s*<termtosvg:template_settings /,
  );
});

/** What the documents set in backquotes and begins like this. */
function quoted(beginning: RegExp): string[] {
  const spans = [...readDocuments().values()].flatMap((text) =>
    [...text.replace(/^( *)```.*?^ *```$/gms, "").matchAll(/`([^`]+)`/g)].map(([, span]) => span!)
  );
  return spans.map((span) => span.replace(/\s+/g, " ")).filter((span) => beginning.test(span));
}

Deno.test("each command line of ipipou that a sentence of the documents names is one", () => {
  const named = quoted(/^ipipou (?!peer$|peer add$|convert$|cleanup$)/).map((line) =>
    line.replace(/[[\]]/g, "").replace("FORMAT", "sh").replace("…", "--make-key").split(" ").slice(1)
  );
  assert.ok(named.length > 20);
  for (const argv of named) assert.doesNotThrow(() => parseInvocation(argv), argv.join(" "));
});

Deno.test("each key of a table that a sentence of the documents names is one", () => {
  const keys = OPTIONS.flatMap((option) => tomlPathOf(option)?.join(".") ?? []);
  const named = quoted(new RegExp(`^(${TOML_TABLES.join("|")})\\.[a-z]`)).map((key) => key.split(" ")[0]!);
  assert.ok(named.length > 20);
  assert.deepEqual(named.filter((key) => !keys.includes(key)), []);
});

Deno.test("README can be read in two minutes, and has one picture and a link for each way to install", async () => {
  const readme = await read("README.md");
  assert.ok(new TextEncoder().encode(readme).length <= 5_120);
  assert.equal(readme.match(/!\[/g)?.length, 1);
  const [ways = ""] = (await read("docs/install.md")).split("## The executable alone");
  const anchors = [...ways.matchAll(/^## (.*)$/gm)].map(([, name]) =>
    name!.toLowerCase().replaceAll(" ", "-")
  );
  assert.ok(anchors.length > 5);
  for (const anchor of anchors) assert.ok(readme.includes(`(docs/install.md#${anchor})`), anchor);
});
