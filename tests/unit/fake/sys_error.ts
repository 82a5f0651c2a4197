import { constants } from "node:os";

const DESCRIPTIONS = {
  EPERM: "Operation not permitted",
  ENODEV: "No such device",
  EADDRNOTAVAIL: "Cannot assign requested address",
  ENETUNREACH: "Network is unreachable",
  EHOSTUNREACH: "No route to host",
  ENOBUFS: "No buffer space available",
  EMSGSIZE: "Message too long",
  EOPNOTSUPP: "Operation not supported",
  EAGAIN: "Resource temporarily unavailable",
  ECONNREFUSED: "Connection refused",
} as const;

/** The names of the known errors. */
export type ErrorCode = keyof typeof DESCRIPTIONS;

/** An error like that of a failed system call. */
export class FakeSysError extends Error {
  readonly call: string;
  readonly errno: number;
  readonly code: ErrorCode;

  /** @param action what failed, in words that follow "Cannot" @param why if it is not the C library's text */
  constructor(action: string, call: string, code: ErrorCode, why: string = DESCRIPTIONS[code]) {
    super(`Cannot ${action}: ${code} (${why})`);
    this.name = "SysError";
    this.call = call;
    this.errno = constants.errno[code];
    this.code = code;
  }
}
