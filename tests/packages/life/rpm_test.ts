import { must } from "../../../tools/command.ts";
import { MADE } from "../made.ts";
import {
  configure,
  connect,
  enable,
  onlyHas,
  remove,
  removeAll,
  SETTINGS,
  start,
  upgrade,
} from "./service.ts";

/** Runs in the lab, under systemd. */

async function rpm(...args: string[]): Promise<void> {
  // rpm's database does not know Debian's packages.
  await must(["rpm", "--nodeps", ...args]);
}

Deno.test("the rpm upgrades while its instances run, and leaves settings alone when it is erased", async () => {
  await removeAll();
  await using _network = await connect();
  await rpm("--install", MADE.rpm);
  await configure();
  await enable();
  await start();
  await upgrade(() => rpm("--upgrade", MADE.newerRpm));
  await remove(() => rpm("--erase", "ipipou"));
  await onlyHas([SETTINGS]);
});
