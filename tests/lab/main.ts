import { parseArgs } from "node:util";
import { say } from "../../tools/say.ts";
import { runInLab } from "./lab.ts";

const USAGE = `Usage: deno task lab [OPTION]... [-- COMMAND [ARGUMENT]...]
Runs COMMAND as root on a Debian kernel in a virtual machine that sees this machine's files (what it
writes is thrown away), and ends with its exit code. Without COMMAND: a shell in the demo's network.

  --kernel LINE        which kernel, 5.10, 6.1, 6.12 or 7.2 (default: the one of this machine's Debian release)
  --here               use this machine's own kernel, in separate namespaces
  --timeout SECONDS    end with a failure after this time
  --help               print this`;

/** Exit code for a failure of the lab itself, as of the container runtimes. */
const LAB_FAILED = 125;

async function main(args: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      kernel: { type: "string" },
      here: { type: "boolean", default: false },
      timeout: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    say(USAGE);
    return 0;
  }
  const interactive = positionals.length === 0;
  if (interactive && !Deno.stdin.isTerminal()) {
    throw new Error("A shell in the lab needs a terminal; or give a command");
  }
  const shell = [Deno.execPath(), "run", "-A", "--no-check", new URL("shell.ts", import.meta.url).pathname];
  const { code } = await runInLab(interactive ? shell : positionals, {
    here: values.here,
    terminal: interactive,
    ...(values.kernel === undefined ? {} : { kernel: values.kernel }),
    ...(values.timeout === undefined ? {} : { timeoutSeconds: seconds(values.timeout) }),
  });
  return code;
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new Error(`--timeout must be a number of seconds: ${text}`);
  return value;
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  say(error instanceof Error ? error.message : String(error));
  Deno.exit(LAB_FAILED);
}
