import assert from "node:assert/strict";
import { run } from "../../tools/command.ts";

const IPIPOU = new URL("../../dist/ipipou", import.meta.url).pathname;

Deno.test("the executable warns when it prints a key into a file that others can read", async () => {
  const directory = await Deno.makeTempDir({ prefix: "ipipou-output-" });
  const keygen = async (umask: string, file: string) => {
    const { code, stderr } = await run([
      "sh",
      "-c",
      `umask ${umask}; exec "$1" --auth-keygen > "$2"`,
      "sh",
      IPIPOU,
      file,
    ]);
    assert.equal(code, 0);
    assert.equal((await Deno.readTextFile(file)).length, 90);
    return stderr;
  };
  try {
    assert.match(
      await keygen("022", `${directory}/public`),
      /^Warning: [^\n]* every user of this host can read [^\n]*\n$/,
    );
    assert.equal(await keygen("077", `${directory}/private`), "");
    assert.equal((await run([IPIPOU, "--auth-keygen"])).stderr, "");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
