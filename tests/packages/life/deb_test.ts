import assert from "node:assert/strict";
import { must } from "../../../tools/command.ts";
import { endUnharmed } from "../../lab/pings.ts";
import { Process } from "../../lab/process.ts";
import { MADE } from "../made.ts";
import {
  configure,
  connect,
  enable,
  ENABLED,
  FAR,
  INNER,
  onlyHas,
  remove,
  removeAll,
  SETTINGS,
  start,
  takeOver,
  upgrade,
} from "./service.ts";

/** Runs in the lab, under systemd. */

async function dpkg(...args: string[]): Promise<void> {
  // The manual page triggers of other packages take a minute here.
  await must(["dpkg", "--no-triggers", ...args]);
}

Deno.test("Debian's package upgrades without a lost packet, and leaves nothing when it is purged", async () => {
  await removeAll();
  await using _network = await connect();
  await dpkg("--install", MADE.deb);
  const installed = (await must(["dpkg", "--listfiles", "ipipou"])).split("\n");
  await configure();
  await start();
  const flood = new Process([...FAR, "ping", "-i0.01", INNER]);
  await upgrade(() => dpkg("--install", MADE.newerDeb));
  await takeOver();
  await endUnharmed(flood, 100);
  await enable();
  await remove(() => dpkg("--remove", "ipipou"));
  assert.ok((await Deno.lstat(ENABLED)).isSymlink);
  await dpkg("--purge", "ipipou");
  await onlyHas([SETTINGS]);
  for (const path of installed.filter((path) => path.includes("ipipou") && path !== SETTINGS)) {
    await assert.rejects(Deno.lstat(path), Deno.errors.NotFound, path);
  }
  await must(["sh", "-c", `rm ${SETTINGS}/*`]);
  await dpkg("--install", MADE.deb);
  await dpkg("--purge", "ipipou");
  await onlyHas([]);
});
