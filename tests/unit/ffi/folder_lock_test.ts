import assert from "node:assert/strict";
import { FolderLock } from "../../../ffi/folder_lock.ts";
import { run } from "../../../tools/command.ts";

async function isFree(folder: string): Promise<boolean> {
  return (await run(["flock", "--nonblock", folder, "true"])).code === 0;
}

Deno.test("FolderLock keeps others out until it is disposed, and does not hinder what is in the folder", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const lock = FolderLock.take(folder);
    assert.equal(await isFree(folder), false);
    await Deno.writeTextFile(`${folder}/a`, "");
    lock[Symbol.dispose]();
    assert.equal(await isFree(folder), true);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("FolderLock says which folder is not there", () => {
  assert.throws(() => FolderLock.take("/nonexistent/folder"), {
    message: "Cannot open /nonexistent/folder: ENOENT (No such file or directory)",
  });
});
