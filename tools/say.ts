const encoder = new TextEncoder();

/** Prints one line for people, on standard error: standard output belongs to what a tool was asked for. */
export function say(line: string): void {
  Deno.stderr.writeSync(encoder.encode(`${line}\n`));
}
