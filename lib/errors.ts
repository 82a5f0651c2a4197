/** Exit codes, the same as in version 0.1. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  notRunning: 3,
  degraded: 4,
  notAnswering: 5,
  modprobe: 10,
  queue: 20,
  nft: 40,
  ipAddress: 51,
  ipLink: 52,
  ipFou: 53,
  send: 120,
  cleanup: 200,
} as const;

/** One of the documented exit codes. */
export type ExitCode = typeof EXIT[keyof typeof EXIT];

// Would break the line, hide text in a terminal, or be obeyed by it.
const INVISIBLE_REGEXP =
  // deno-lint-ignore no-control-regex
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** Replaces what cannot be seen in a line by its number, as `\u000a`. */
export function showInvisible(text: string): string {
  return text.replace(
    INVISIBLE_REGEXP,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The exit code that an error stands for. */
export function exitCodeOf(error: unknown): ExitCode {
  return error instanceof IpipouError ? error.exitCode : EXIT.failure;
}

/**
 * The system's own words for a failure, as "No such file or directory". The runtime adds the number, and what it did: " (os
 * error 2): readfile '/x'".
 */
export function reasonOf(error: unknown): string {
  // The executable may not, whoever runs it. The runtime says how to compile another one.
  if (error instanceof Deno.errors.NotCapable) {
    const place = /(?<=")[^"]+(?=")/.exec(error.message)?.[0] ?? "there";
    return `this program may not write ${place}, but below /etc/ipipou, /var/lib/ipipou and /run/ipipou`;
  }
  const message = error instanceof Error ? error.message : String(error);
  return message.replace(
    /( \(os error |: (readfile|writefile|readdir|open|rename|link|chmod|mkdir|remove) ).*/s,
    "",
  );
}

/** The error that what a command prints cannot be written. @param error what the runtime says */
export function outputError(error: unknown): IpipouError {
  return new IpipouError(`Cannot write to standard output: ${reasonOf(error)}`, EXIT.failure);
}

/**
 * A failure with a documented exit code. Its message is one line for the administrator: what failed, why, and the cure
 * if there is one. It never contains a secret.
 */
export class IpipouError extends Error {
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode, options?: ErrorOptions) {
    super(showInvisible(message), options);
    this.name = "IpipouError";
    this.exitCode = exitCode;
  }
}
