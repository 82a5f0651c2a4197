/** The error of the kernel, or of the program that asked it, for a command that was not carried out. */
export class Refused extends Error {
  /** Whether the program ends at once, even with -force, and names no line. */
  readonly isFatal: boolean;
  readonly code: number;

  /** @param message a line of the program's standard error, usually with the kernel's answer */
  constructor(message: string, { isFatal = false, code = 1 } = {}) {
    super(message);
    this.isFatal = isFatal;
    this.code = code;
  }

  /** The error that `ip` prints for an rtnetlink answer without a message of its own. */
  static answer(errno: string): Refused {
    return new Refused(`RTNETLINK answers: ${errno}`);
  }
}
