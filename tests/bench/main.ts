import { build } from "../../tools/build.ts";
import { runInLab } from "../lab/lab.ts";
import { measureAuthentication } from "./authentication.ts";

const MEASUREMENTS = new URL("measurements.ts", import.meta.url).pathname;

measureAuthentication();
await build();
// The lab has no network: all modules must be in Deno's cache before.
await new Deno.Command(Deno.execPath(), { args: ["cache", "--quiet", MEASUREMENTS] }).output();
const { code } = await runInLab([Deno.execPath(), "run", "-A", "--no-check", "--cached-only", MEASUREMENTS]);
Deno.exit(code);
