import { constants } from "node:os";

/** Calls that the kernel refuses with EPERM for want of a capability; others, such as sendto(2), have other reasons. */
const PRIVILEGED_CALLS: readonly string[] = ["socket", "setsockopt"];
const BE_ROOT = "run as root, or with CAP_NET_ADMIN and CAP_NET_RAW";

/** A C call that failed: "Cannot bind the raw socket to device eth9: ENODEV (No such device)". */
export class SysError extends Error {
  /** The C function. */
  readonly call: string;
  readonly errno: number;
  /** The errno's name: "ENODEV". */
  readonly code: string;

  /**
   * @param action what failed, in words that follow "Cannot"
   * @param description the C library's text for `errno`
   */
  constructor(action: string, call: string, errno: number, description: string) {
    const code = Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ??
      `errno ${errno}`;
    const cure = errno === constants.errno.EPERM && PRIVILEGED_CALLS.includes(call) ? `; ${BE_ROOT}` : "";
    super(`Cannot ${action}: ${code} (${description})${cure}`);
    this.name = "SysError";
    this.call = call;
    this.errno = errno;
    this.code = code;
  }
}
