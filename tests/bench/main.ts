import { build } from "../../tools/build.ts";
import { runInLab } from "../lab/lab.ts";

const USAGE = "Usage: deno task bench [hub]";
const MEASUREMENTS: Readonly<Record<string, string>> = { tunnel: "tunnel.ts", hub: "hub.ts" };
/** 1,000 devices take their time under emulation. */
const SECONDS = 3600;

const [subject = "tunnel", ...rest] = Deno.args;
const file = MEASUREMENTS[subject];
if (file === undefined || rest.length > 0) throw new Error(USAGE);
const script = new URL(file, import.meta.url).pathname;
await build();
// The lab has no network: all modules must be in Deno's cache before.
await new Deno.Command(Deno.execPath(), { args: ["cache", "--quiet", script] }).output();
const command = [Deno.execPath(), "run", "-A", "--no-check", "--cached-only", script];
const { code } = await runInLab(command, { timeoutSeconds: SECONDS });
Deno.exit(code);
