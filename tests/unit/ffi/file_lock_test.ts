import assert from "node:assert/strict";
import { lockFile, lockFileInherited } from "../../../ffi/file_lock.ts";
import { run } from "../../../tools/command.ts";

async function isLocked(folder: string): Promise<boolean> {
  return (await run(["flock", "--nonblock", folder, "true"])).code !== 0;
}

/**
 * Whether a lock that was released is free. Another test of this process may be starting a child at this moment, which
 * holds a copy of every lock until it runs its program: a free lock is waited for.
 */
async function isFree(folder: string): Promise<boolean> {
  return (await run(["flock", "--wait", "10", folder, "true"])).code === 0;
}

async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Starts a child process that runs during a check, and releases a lock before it. */
async function withChild(lock: Disposable, check: () => Promise<void>): Promise<void> {
  const child = new Deno.Command("cat", { stdin: "piped", stdout: "null" }).spawn();
  lock[Symbol.dispose]();
  try {
    await check();
  } finally {
    await child.stdin.close();
    await child.status;
  }
}

Deno.test("lockFile() and lockFileInherited() keep others out until disposed, and leave the folder usable", async () => {
  await withFolder(async (folder) => {
    for (const take of [lockFile, lockFileInherited]) {
      const lock = await take(folder);
      assert.equal(await isLocked(folder), true);
      await Deno.writeTextFile(`${folder}/a`, "");
      lock[Symbol.dispose]();
      assert.equal(await isFree(folder), true);
    }
  });
});

Deno.test("lockFile() does not pass the lock on to child processes; lockFileInherited() does", async () => {
  await withFolder(async (folder) => {
    await withChild(lockFile(folder), async () => assert.equal(await isFree(folder), true));
    await withChild(await lockFileInherited(folder), async () => assert.equal(await isLocked(folder), true));
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
    assert.equal(await isLocked(folder), true);
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
