import assert from "node:assert/strict";
import { lockFile, lockFileInherited } from "../../../ffi/file_lock.ts";
import { run } from "../../../tools/command.ts";

async function isFree(folder: string): Promise<boolean> {
  return (await run(["flock", "--nonblock", folder, "true"])).code === 0;
}

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Starts a child process before a lock is released. @returns whether the lock is free while the child runs */
async function isFreeOfChild(folder: string, lock: Disposable): Promise<boolean> {
  const child = new Deno.Command("cat", { stdin: "piped", stdout: "null" }).spawn();
  lock[Symbol.dispose]();
  const free = await isFree(folder);
  await child.stdin.close();
  await child.status;
  return free;
}

Deno.test("lockFile() and lockFileInherited() keep others out until disposed, and leave the folder usable", async () => {
  await withFolder(async (folder) => {
    for (const take of [lockFile, lockFileInherited]) {
      const lock = await take(folder);
      assert.equal(await isFree(folder), false);
      await Deno.writeTextFile(`${folder}/a`, "");
      lock[Symbol.dispose]();
      assert.equal(await isFree(folder), true);
    }
  });
});

Deno.test("lockFile() does not pass the lock on to child processes; lockFileInherited() does", async () => {
  await withFolder(async (folder) => {
    assert.equal(await isFreeOfChild(folder, lockFile(folder)), true);
    assert.equal(await isFreeOfChild(folder, await lockFileInherited(folder)), false);
    assert.equal(await isFree(folder), true);
  });
});

Deno.test("lockFileInherited() waits for the lock without blocking the thread", async () => {
  await withFolder(async (folder) => {
    const first = lockFile(folder);
    let released = false;
    const second = lockFileInherited(folder).then((lock) => {
      assert.equal(released, true);
      lock[Symbol.dispose]();
    });
    assert.equal(await isFree(folder), false);
    released = true;
    first[Symbol.dispose]();
    await second;
  });
});

Deno.test("lockFile() and lockFileInherited() name a folder that does not exist", async () => {
  const message = "Cannot open /nonexistent/folder: ENOENT (No such file or directory)";
  assert.throws(() => lockFile("/nonexistent/folder"), { message });
  await assert.rejects(lockFileInherited("/nonexistent/folder"), { message });
});
