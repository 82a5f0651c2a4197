/** What the kernel, or the program that asked it, said to a command that it did not carry out. */
export class Refused extends Error {
  /** Whether the program ends at once, also where it was to go on, and names no line. */
  readonly isFatal: boolean;
  readonly code: number;

  /** @param said a line of the program's standard error, as a rule what the kernel answered */
  constructor(said: string, { isFatal = false, code = 1 } = {}) {
    super(said);
    this.isFatal = isFatal;
    this.code = code;
  }

  /** In the words of `ip` for an answer of rtnetlink without any of its own. */
  static answer(errno: string): Refused {
    return new Refused(`RTNETLINK answers: ${errno}`);
  }
}
