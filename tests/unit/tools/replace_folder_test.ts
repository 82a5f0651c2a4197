import assert from "node:assert/strict";
import { dirname } from "node:path";
import { setImmediate } from "node:timers/promises";
import { replaceFolder } from "../../../tools/release/replace_folder.ts";

/** Enough that their removal takes a while. */
const FILES = 500;

/** Runs a test with a folder of its own, in which "release" has files that say "old", and "release.new" such of "new". */
async function withReleases(test: (release: string, staged: string) => Promise<void>): Promise<void> {
  const above = await Deno.makeTempDir({ prefix: "ipipou-replace-" });
  try {
    for (const [name, text] of [["release", "old"], ["release.new", "new"]] as const) {
      await Deno.mkdir(`${above}/${name}`);
      for (let index = 0; index < FILES; index++) Deno.writeTextFileSync(`${above}/${name}/${index}`, text);
    }
    await test(`${above}/release`, `${above}/release.new`);
  } finally {
    await Deno.remove(above, { recursive: true });
  }
}

function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name);
}

/** What the files of a folder say, if it is there and whole. */
function saidIn(folder: string): string {
  try {
    const names = namesIn(folder);
    return names.length === FILES ? Deno.readTextFileSync(`${folder}/${names[0]}`) : "a part";
  } catch {
    return "nothing";
  }
}

Deno.test("replaceFolder() has one of both in place at any moment, and leaves nothing else", async () => {
  await withReleases(async (release, staged) => {
    await Deno.mkdir(`${release}.old`);
    let isOver = false;
    const replacing = replaceFolder(release, staged).finally(() => isOver = true);
    const said = new Set<string>();
    while (!isOver) {
      said.add(saidIn(release));
      await setImmediate();
    }
    await replacing;
    assert.deepEqual([...said], ["old", "new"]);
    assert.deepEqual(namesIn(dirname(release)), ["release"]);
  });
});

Deno.test("replaceFolder() leaves the old one in place where the new one cannot be put there", async () => {
  await withReleases(async (release, staged) => {
    await assert.rejects(replaceFolder(release, `${staged}er`), Deno.errors.NotFound);
    assert.equal(saidIn(release), "old");
    assert.deepEqual(namesIn(dirname(release)).sort(), ["release", "release.new"]);
  });
});

Deno.test("replaceFolder() puts a folder where there is none", async () => {
  await withReleases(async (release, staged) => {
    await Deno.remove(release, { recursive: true });
    await replaceFolder(release, staged);
    assert.equal(saidIn(release), "new");
    await assert.rejects(replaceFolder(`${release}s`, staged), Deno.errors.NotFound);
  });
});

Deno.test("replaceFolder() leaves one of both in place, and whole, where a signal ends it", async () => {
  await withReleases(async (release, staged) => {
    const script = `${dirname(release)}/replace.ts`;
    const module = new URL("../../../tools/release/replace_folder.ts", import.meta.url);
    await Deno.writeTextFile(
      script,
      `import { replaceFolder } from "${module}"; await replaceFolder(...Deno.args);`,
    );
    const args = ["run", "-A", "--no-check", "--quiet", script, release, staged];
    const child = new Deno.Command(Deno.execPath(), { args, stdin: "null" }).spawn();
    while (saidIn(release) === "old") await setImmediate();
    child.kill("SIGINT");
    await child.status;
    assert.equal(saidIn(release), "new");
  });
});
