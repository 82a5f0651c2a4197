import assert from "node:assert/strict";
import { signalLockHolder, takeProcessLock } from "../../../ffi/process_lock.ts";
import { Process } from "../../lab/process.ts";

const MODULE = new URL("../../../ffi/process_lock.ts", import.meta.url).href;
/** Milliseconds that a program may take to start on a busy machine. */
const PATIENCE = 60_000;

/** Takes the lock on a file, and prints the result and each SIGHUP. */
const HOLDER = `import { takeProcessLock } from "${MODULE}";
const lock = takeProcessLock(Deno.args[0]);
Deno.addSignalListener("SIGHUP", () => console.log("told"));
setInterval(() => {}, 1e6);
console.log(lock === null ? "refused" : "held");`;

async function withFile(test: (path: string, start: () => Process) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/lock`;
  await Deno.writeTextFile(path, "");
  await Deno.writeTextFile(`${folder}/holder.ts`, HOLDER);
  const processes: Process[] = [];
  const start = () => {
    processes.push(new Process([Deno.execPath(), "run", "-A", "--no-lock", `${folder}/holder.ts`, path]));
    return processes.at(-1)!;
  };
  try {
    await test(path, start);
  } finally {
    await Promise.all(processes.map((process) => process.kill("SIGKILL")));
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("signalLockHolder() signals the process that holds the lock, if any", async () => {
  await withFile(async (path, start) => {
    assert.equal(signalLockHolder(path, "SIGHUP"), null);
    const holder = start();
    await holder.waitForLine(/held/, PATIENCE);
    assert.equal(signalLockHolder(path, "SIGHUP"), holder.pid);
    await holder.waitForLine(/told/, PATIENCE);
    await holder.kill("SIGKILL");
    assert.equal(signalLockHolder(path, "SIGHUP"), null);
  });
});

Deno.test("takeProcessLock() gives the lock to one process, and to the next when it is disposed", async () => {
  await withFile(async (path, start) => {
    const lock = takeProcessLock(path);
    assert.notEqual(lock, null);
    await start().waitForLine(/refused/, PATIENCE);
    lock![Symbol.dispose]();
    await start().waitForLine(/held/, PATIENCE);
    assert.equal(takeProcessLock(path), null);
  });
});

Deno.test("signalLockHolder() and takeProcessLock() follow no link to a file that somebody else has locked, and wait for no pipe", async () => {
  await withFile(async (path, start) => {
    const holder = start();
    await holder.waitForLine(/held/, PATIENCE);
    await Deno.symlink(path, `${path}-link`);
    const error = { message: `Cannot open ${path}-link: ELOOP (Too many levels of symbolic links)` };
    assert.throws(() => signalLockHolder(`${path}-link`, "SIGHUP"), error);
    assert.throws(() => takeProcessLock(`${path}-link`), error);
    assert.ok((await new Deno.Command("mkfifo", { args: [`${path}-pipe`] }).output()).success);
    assert.equal(signalLockHolder(`${path}-pipe`, "SIGHUP"), null);
  });
});

Deno.test("takeProcessLock() says which file cannot be opened", () => {
  assert.throws(() => takeProcessLock("/nonexistent/lock"), {
    message: "Cannot open /nonexistent/lock: ENOENT (No such file or directory)",
  });
});
