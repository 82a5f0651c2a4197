const encoder = new TextEncoder();

/** Prints a line on standard error: standard output is for results. */
export function say(line: string): void {
  Deno.stderr.writeSync(encoder.encode(`${line}\n`));
}
