import assert from "node:assert/strict";
import { run } from "../../tools/command.ts";

const IPIPOU = new URL("../../dist/ipipou", import.meta.url).pathname;
const NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"];

Deno.test("check runs for everyone, prints all mistakes, and exits with 2 if there is one", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.chmod(folder, 0o755);
    const [good, bad] = [`${folder}/good.toml`, `${folder}/bad.toml`];
    const auth = '[auth]\ntoken-file = "token"\n';
    await Deno.writeTextFile(good, `server = true\nfou.local = "@no-such-dev"\n${auth}`, { mode: 0o644 });
    await Deno.writeTextFile(bad, `servre = true\nnumber = -1\n${auth}`, { mode: 0o644 });
    await Deno.writeTextFile(`${folder}/token`, "hunter2\n", { mode: 0o600 });
    const check = async (...paths: string[]) =>
      await run([...NOBODY, "env", "-i", "PATH=/usr/bin:/bin", IPIPOU, "check", ...paths]);
    const first = await check(good);
    assert.deepEqual([first.code, first.stderr], [0, ""]);
    assert.match(
      first.stdout,
      /^Warning: \S+\/token cannot be read by this user: .*\n\S+\/good\.toml: no mistakes\n$/,
    );
    const both = await check(good, bad);
    assert.deepEqual([both.code, both.stderr], [2, "ipipou: 2 mistakes\n"], both.stdout);
    assert.match(both.stdout, /^Unknown key servre at \S+\/bad\.toml:1:1: /m);
    assert.match(both.stdout, /^Cannot use -1 as number at \S+\/bad\.toml:2:10: /m);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
