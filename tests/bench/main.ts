import { build } from "../../tools/build.ts";
import { runInLab } from "../lab/lab.ts";
import { measureAuthentication } from "./authentication.ts";

const USAGE = `Usage: deno task bench [tunnel|hub|flood|authentication|idle [EXECUTABLE...]]
       deno task bench newcomers [EXECUTABLE...]
       deno task bench flooded-data [ROUNDS [EXECUTABLE]]
       deno task bench hotpath [--rows NAME,...] [--rounds N] [--peers N] [--foreign N] [EXECUTABLE...]
       deno task bench crowd [ROUNDS [PEERS]]
       deno task bench queue [CHECKOUT...]
       deno task bench soak [--minutes N]
       deno task bench walk [--events N] [--seed N]`;
/** The scripts that measure in the lab, by subject. */
const SCRIPTS: Readonly<Record<string, string>> = {
  tunnel: "tunnel.ts",
  hub: "hub.ts",
  flood: "flood.ts",
  idle: "idle.ts",
  hotpath: "hotpath.ts",
  crowd: "crowd.ts",
  newcomers: "newcomers.ts",
  "flooded-data": "flooded_data.ts",
  queue: "queue.ts",
  soak: "soak.ts",
  walk: "walk.ts",
};
/** Those that take arguments of their own. */
const WITH_ARGUMENTS = ["idle", "newcomers", "flooded-data", "hotpath", "crowd", "queue", "soak", "walk"];
/** Those that measure the program's code in their own process, where it has to be as slow as in the executable. */
const INTERPRETED = ["queue.ts"];
/** 1,000 devices, and a walk of 1,000 events, take long under emulation. */
const SECONDS = 6 * 3600;

async function measureInLab(file: string, args: readonly string[]): Promise<number> {
  const script = new URL(file, import.meta.url).pathname;
  await build();
  // The lab has no network, so all modules must be in Deno's cache first.
  await new Deno.Command(Deno.execPath(), { args: ["cache", "--quiet", script] }).output();
  const flags = INTERPRETED.includes(file) ? ["--v8-flags=--lite-mode"] : [];
  const command = [Deno.execPath(), "run", "-A", "--no-check", "--cached-only", ...flags, script, ...args];
  return (await runInLab(command, { timeoutSeconds: SECONDS })).code;
}

const [subject = "tunnel", ...rest] = Deno.args;
const script = SCRIPTS[subject];
if (script === undefined && subject !== "authentication") throw new Error(USAGE);
if (rest.length > 0 && !WITH_ARGUMENTS.includes(subject)) throw new Error(USAGE);
if (script === undefined) measureAuthentication();
else Deno.exit(await measureInLab(script, rest));
