import { onInterrupt } from "../../tools/interrupt.ts";

/** How a supervised process ended. */
interface End {
  status: Deno.CommandStatus;
  stderr: string;
  /** Why it was killed ("timed out after 5 s"); undefined when it ended by itself. */
  killed?: string;
}

/** A reason to kill the process `seconds` after its start, if `holds` (always, when left out). */
export interface Limit {
  seconds: number;
  reason: string;
  holds?: () => boolean;
}

/** What to start and what to do with it. */
export interface Supervision {
  argv: readonly string[];
  /** Gets standard output as it comes; undefined gives the process this process's terminal. */
  stdout: ((chunk: Uint8Array) => void) | undefined;
  limits: readonly Limit[];
  /** A reason to kill the process when it wrote nothing to standard output for so long. */
  silence?: Omit<Limit, "holds">;
}

/** Runs a process that never outlives this one, nor its time, nor an interrupt. */
export async function supervise({ argv, stdout, limits, silence }: Supervision): Promise<End> {
  const child = new Deno.Command("setpriv", {
    // Even a killed parent takes it along.
    args: ["--pdeathsig", "KILL", ...argv],
    stdin: stdout ? "null" : "inherit",
    stdout: stdout ? "piped" : "inherit",
    stderr: "piped",
  }).spawn();
  using cleanup = new DisposableStack();
  let killed: string | undefined;
  const kill = (reason: string) => {
    killed ??= reason;
    child.kill("SIGKILL");
  };
  for (const { seconds, reason, holds } of limits) {
    const timer = setTimeout(() => (holds?.() ?? true) && kill(reason), seconds * 1000);
    cleanup.defer(() => clearTimeout(timer));
  }
  let silent: ReturnType<typeof setTimeout> | undefined;
  const hear = () => {
    clearTimeout(silent);
    if (silence !== undefined) silent = setTimeout(() => kill(silence.reason), silence.seconds * 1000);
  };
  hear();
  cleanup.defer(() => clearTimeout(silent));
  cleanup.use(onInterrupt((signal) => kill(`was ended by ${signal}`)));
  const [status, stderr] = await Promise.all([
    child.status,
    new Response(child.stderr).text(),
    stdout ? forward(child.stdout, (chunk) => (hear(), stdout(chunk))) : undefined,
  ]);
  return { status, stderr, ...(killed === undefined ? {} : { killed }) };
}

async function forward(stream: ReadableStream<Uint8Array>, sink: (chunk: Uint8Array) => void): Promise<void> {
  for await (const chunk of stream) sink(chunk);
}
