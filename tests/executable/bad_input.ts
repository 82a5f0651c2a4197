import assert from "node:assert/strict";
import { type CommandOptions, run } from "../../tools/command.ts";
import type { BadInput } from "../unit/settings/bad_input/input.ts";

/** The executable that is released. */
const IPIPOU = new URL("../../dist/ipipou", import.meta.url).pathname;

/**
 * Runs the executable as a user would, with one bad input. It must end with the right exit code and print what is
 * wrong in one line and nothing else.
 *
 * @param options.enter words put before the command, to run it in another namespace
 */
export async function refuses(
  input: BadInput,
  { enter = [], ...options }: CommandOptions & { enter?: readonly string[] },
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "ipipou-bad-" });
  try {
    for (const [name, text] of Object.entries(input.files ?? {})) {
      const path = `${directory}/${name}`;
      await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
      if (!name.endsWith("/")) await Deno.writeTextFile(path, text, { mode: 0o600 });
    }
    const argv = input.argv.map((word) => word.replaceAll("{dir}", directory));
    const { code, stdout, stderr } = await run([...enter, IPIPOU, ...argv], options);
    assert.equal(stdout, "");
    assert.match(stderr, /^ipipou: [^\n]+\n$/);
    assert.match(stderr, input.message);
    assert.equal(code, 2);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
