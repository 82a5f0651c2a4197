import { constants } from "node:os";

const DESCRIPTIONS = {
  EPERM: "Operation not permitted",
  ENODEV: "No such device",
  ENETUNREACH: "Network is unreachable",
  ENOBUFS: "No buffer space available",
  EAGAIN: "Resource temporarily unavailable",
  ECONNREFUSED: "Connection refused",
} as const;

/** Names of the errors that there are. */
export type ErrorCode = keyof typeof DESCRIPTIONS;

/** An error in the form of the one that a failed system call leads to. */
export class FakeSysError extends Error {
  readonly call: string;
  readonly errno: number;
  readonly code: ErrorCode;

  /** @param action what could not be done, in words that follow "Cannot" */
  constructor(action: string, call: string, code: ErrorCode) {
    super(`Cannot ${action}: ${code} (${DESCRIPTIONS[code]})`);
    this.name = "SysError";
    this.call = call;
    this.errno = constants.errno[code];
    this.code = code;
  }
}
