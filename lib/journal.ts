import { fstatSync } from "node:fs";
import { env } from "node:process";

const STANDARD_ERROR = 2;

/** Whether what is written to standard error goes to the journal, which knows time and process id by itself. */
export function logsToJournal(): boolean {
  const { JOURNAL_STREAM } = env;
  if (!JOURNAL_STREAM) return false;
  // Who started the program from within a service may have sent its standard error elsewhere.
  const { dev, ino } = fstatSync(STANDARD_ERROR, { bigint: true });
  return JOURNAL_STREAM === `${dev}:${ino}`;
}
