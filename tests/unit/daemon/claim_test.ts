import assert from "node:assert/strict";
import { claimConfigs, tellToReload } from "../../../lib/daemon/claim.ts";
import { SYSTEM } from "../../../lib/system.ts";
import { Process } from "../../lab/process.ts";

const MODULES = new URL("../../../lib/", import.meta.url).href;
const { locks } = SYSTEM;
const HUB = "/etc/ipipou/hub.toml";
/** Milliseconds that a program may take to start on a busy machine. */
const PATIENCE = 60_000;

/** Claims the hub, and prints its problems and when it is told to reload. */
const CLAIMANT = `import { claimConfigs } from "${MODULES}daemon/claim.ts";
import { SYSTEM } from "${MODULES}system.ts";
Deno.addSignalListener("SIGHUP", () => console.log("told"));
const claim = claimConfigs(["${HUB}"], SYSTEM.locks, Deno.args[0]);
setInterval(() => {}, 1e6);
console.log("claimed", ...claim.problems);`;

async function withFolder(test: (folder: string, start: () => Process) => Promise<void>): Promise<void> {
  const folder = `${await Deno.makeTempDir()}/`;
  await Deno.writeTextFile(`${folder}claimant.ts`, CLAIMANT);
  const processes: Process[] = [];
  const start = () => {
    const argv = [Deno.execPath(), "run", "-A", "--no-lock", `${folder}claimant.ts`, `${folder}run/`];
    processes.push(new Process(argv));
    return processes.at(-1)!;
  };
  try {
    await test(`${folder}run/`, start);
  } finally {
    await Promise.all(processes.map((process) => process.kill("SIGKILL")));
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("tellToReload() finds the process that claimed a file, as long as it lives", async () => {
  await withFolder(async (folder, start) => {
    assert.equal(tellToReload(HUB, locks, folder), null);
    const claimant = start();
    assert.match(await claimant.waitForLine(/claimed/, PATIENCE), /^claimed$/);
    assert.equal((await Deno.stat(`${folder}hub/lock`)).mode! & 0o777, 0o600);
    assert.equal(tellToReload(HUB, locks, folder), claimant.pid);
    await claimant.waitForLine(/told/, PATIENCE);
    assert.equal(tellToReload("/etc/ipipou/other.toml", locks, folder), null);
    await claimant.kill("SIGKILL");
    assert.equal(tellToReload(HUB, locks, folder), null);
  });
});

Deno.test("claimConfigs() leaves a file to the process that has it, and releases it when disposed", async () => {
  await withFolder(async (folder, start) => {
    const claim = claimConfigs([HUB, HUB], locks, folder);
    assert.deepEqual(claim.problems, []);
    await start().waitForLine(
      /claimed Another process already runs hub: ipipou peer will reload only that one/,
      PATIENCE,
    );
    claim[Symbol.dispose]();
    await start().waitForLine(/claimed$/, PATIENCE);
  });
});

Deno.test("claimConfigs() ignores files elsewhere, and continues after a failure", async () => {
  await withFolder(async (folder) => {
    const elsewhere = ["/tmp/hub.toml", "/etc/ipipou/a/b.toml", "/etc/ipipou/...toml", "./hub.toml"];
    claimConfigs(elsewhere, locks, folder)[Symbol.dispose]();
    await assert.rejects(Deno.stat(folder), Deno.errors.NotFound);
    const claim = claimConfigs([HUB], locks, "/proc/nonexistent/");
    assert.equal(claim.problems.length, 1);
    assert.equal(
      claim.problems[0],
      "Cannot make /proc/nonexistent/hub/lock: No such file or directory: ipipou peer will not find this process",
    );
    claim[Symbol.dispose]();
  });
});
