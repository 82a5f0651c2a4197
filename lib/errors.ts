/** Exit codes, the same as in version 0.1. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
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

/**
 * A failure with a documented exit code. Its message is one line for the administrator: what failed, why, and the cure
 * if there is one. It never contains a secret.
 */
export class IpipouError extends Error {
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.exitCode = exitCode;
  }
}
