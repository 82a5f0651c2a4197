import assert from "node:assert/strict";
import { must, run } from "../../tools/command.ts";
import { type Page, roff } from "../../tools/manual/roff.ts";
import { manualPages } from "../../tools/release/contents.ts";

const PAGES = await manualPages("1.2.3", 1_767_312_000);

/** The page as a terminal of 80 columns shows it, and groff's warnings about it. */
async function show(page: Page): Promise<{ text: string; warnings: string }> {
  const path = await Deno.makeTempFile({ suffix: `.${page.section}` });
  try {
    await Deno.writeTextFile(path, roff(page));
    const env = { MANWIDTH: "80", MANPAGER: "cat", MAN_KEEP_FORMATTING: "" };
    const { code, stdout, stderr } = await run(["man", "--warnings=w", "--local-file", path], { env });
    assert.equal(code, 0);
    return { text: stdout, warnings: stderr };
  } finally {
    await Deno.remove(path);
  }
}

for (const page of PAGES) {
  const name = `${page.name}(${page.section})`;

  Deno.test(`roff() makes ${name} without warnings from groff or mandoc`, async () => {
    const { warnings } = await show(page);
    assert.equal(warnings, "");
    assert.equal(await must(["mandoc", "-T", "lint", "-W", "style"], { stdin: roff(page) }), "");
  });
}

Deno.test("roff() shows text unchanged", async () => {
  const odd = `.x 'a' \`b\` "c" \\n ~ ^ -- é`;
  const blocks = [odd.replaceAll("`", ""), { lines: `${odd}\n'x\n.y` }];
  const { text, warnings } = await show({ ...PAGES[0]!, sections: [{ title: "X", blocks }] });
  assert.equal(warnings, "");
  const lines = text.split("\n").map((line) => line.trim());
  for (const line of [odd.replaceAll("`", ""), odd, "'x", ".y"]) assert.ok(lines.includes(line), text);
});
