import { build } from "../../tools/build.ts";
import { say } from "../../tools/say.ts";
import { LabError, runInLab } from "../lab/lab.ts";

/** How many seconds the scene may take under emulation. */
const TIMEOUT = 300;

const SCENE = new URL("scene.ts", import.meta.url).pathname;

/** A recording of `ipipou status --watch` is written to a file that is given after this. */
const RECORD = "--record";

/** Builds the executable and plays the scene in the lab. @returns the scene's exit code */
async function main([option, file]: string[]): Promise<number> {
  const isRecording = option === RECORD && file !== undefined;
  if (option !== undefined && !isRecording) throw new Error(`Usage: deno task demo [${RECORD} FILE]`);
  await build();
  // The lab has no network, so all modules must be in Deno's cache first.
  const cache = new Deno.Command(Deno.execPath(), { args: ["cache", "--quiet", SCENE] });
  if (!(await cache.spawn().status).success) return 1;
  say(
    "Starting a virtual machine with a Debian kernel that sees this machine's files; what it writes is thrown away",
  );
  const isColourful = Deno.stdout.isTerminal() && !Deno.noColor;
  const argv = [
    Deno.execPath(),
    "run",
    "-A",
    "--no-check",
    "--cached-only",
    SCENE,
    ...isRecording ? [RECORD] : [],
  ];
  const env = { IPIPOU_DEMO_COLOUR: isColourful ? "1" : "" };
  const { code, result } = await runInLab(argv, { timeoutSeconds: TIMEOUT, env });
  if (isRecording && code === 0) await Deno.writeTextFile(file, result);
  return code;
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  say(error instanceof LabError || error instanceof Error ? error.message : String(error));
  Deno.exit(1);
}
