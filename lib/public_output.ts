import { statusOf } from "./file_status.ts";

const STANDARD_OUTPUT = 1;
const OTHERS_CAN_READ = 0o004;

/** A warning if standard output is a file that every user of this host can read, for when a secret is printed; else null. */
export function warnOfPublicOutput(): string | null {
  const output = statusOf(STANDARD_OUTPUT);
  if (!output.isFile() || (output.mode & OTHERS_CAN_READ) === 0) return null;
  return "The output contains a secret, and every user of this host can read the file it goes to: " +
    "chmod o-r it, and run umask 077 first";
}
