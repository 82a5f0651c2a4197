import assert from "node:assert/strict";
import { findInstanceHolder, takeInstanceLock } from "../../../ffi/instance_lock.ts";
import { Process } from "../../lab/process.ts";

const MODULE = new URL("../../../ffi/instance_lock.ts", import.meta.url).href;
/** Milliseconds that a program may take to start on a busy machine. */
const PATIENCE = 60_000;

/** Takes the lock on a name, and has a child that outlives it. */
const HOLDER = `import { takeInstanceLock } from "${MODULE}";
const lock = takeInstanceLock("office", Deno.pid, Deno.args[0]);
const child = new Deno.Command("sleep", { args: ["1000"], stdout: "null", stderr: "null" }).spawn();
setInterval(() => {}, 1e6);
console.log(typeof lock === "number" ? "refused" : "held", child.pid);`;

Deno.test("takeInstanceLock() tells who has a name, until that process is killed or releases it", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/namespace`;
  await Deno.writeTextFile(path, "", { mode: 0o444 });
  await Deno.writeTextFile(`${folder}/holder.ts`, HOLDER);
  const argv = [Deno.execPath(), "run", "-A", "--no-lock", `${folder}/holder.ts`, path];
  const holder = new Process(argv);
  let child: number | null = null;
  try {
    child = Number((await holder.waitForLine(/held/, PATIENCE)).split(" ")[1]);
    assert.equal(takeInstanceLock("office", Deno.pid, path), holder.pid);
    assert.equal(findInstanceHolder("office", path), holder.pid);
    assert.equal(findInstanceHolder("home", path), null);
    const other = takeInstanceLock("home", Deno.pid, path);
    assert.ok(typeof other !== "number");
    other[Symbol.dispose]();
    await holder.kill("SIGKILL");
    assert.equal(findInstanceHolder("office", path), null);
    const lock = takeInstanceLock("office", Deno.pid, path);
    assert.ok(typeof lock !== "number");
    assert.equal(takeInstanceLock("office", Deno.pid, path), Deno.pid);
    // What the process opens and closes besides does not release it.
    (await Deno.open(path)).close();
    assert.equal(takeInstanceLock("office", Deno.pid, path), Deno.pid);
    lock[Symbol.dispose]();
    const again = takeInstanceLock("office", Deno.pid, path);
    assert.ok(typeof again !== "number");
    again[Symbol.dispose]();
  } finally {
    await holder.kill("SIGKILL");
    if (child !== null) Deno.kill(child, "SIGKILL");
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("takeInstanceLock() works on the network namespace, with the largest process id", () => {
  const name = crypto.randomUUID();
  const largest = 2 ** 22 - 1;
  const lock = takeInstanceLock(name, largest);
  assert.ok(typeof lock !== "number");
  assert.equal(takeInstanceLock(name, 1), largest);
  assert.equal(findInstanceHolder(name), largest);
  lock[Symbol.dispose]();
});
