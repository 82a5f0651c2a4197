import { build } from "../../tools/build.ts";
import { runInLab } from "../lab/lab.ts";
import { measureAuthentication } from "./authentication.ts";

const USAGE = "Usage: deno task bench [tunnel|hub|flood|authentication]";
/** The scripts that measure in the lab, by subject. */
const SCRIPTS: Readonly<Record<string, string>> = { tunnel: "tunnel.ts", hub: "hub.ts", flood: "flood.ts" };
/** 1,000 devices take long under emulation. */
const SECONDS = 3600;

async function measureInLab(file: string): Promise<number> {
  const script = new URL(file, import.meta.url).pathname;
  await build();
  // The lab has no network, so all modules must be in Deno's cache first.
  await new Deno.Command(Deno.execPath(), { args: ["cache", "--quiet", script] }).output();
  const command = [Deno.execPath(), "run", "-A", "--no-check", "--cached-only", script];
  return (await runInLab(command, { timeoutSeconds: SECONDS })).code;
}

const [subject = "tunnel", ...rest] = Deno.args;
const script = SCRIPTS[subject];
if (rest.length > 0 || script === undefined && subject !== "authentication") throw new Error(USAGE);
if (script === undefined) measureAuthentication();
else Deno.exit(await measureInLab(script));
