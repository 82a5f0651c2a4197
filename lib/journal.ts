import { fstatSync } from "node:fs";
import { env } from "node:process";

const STANDARD_ERROR = 2;

/** Tells whether standard error goes to the journal, which adds time and process ID by itself. */
export function logsToJournal(): boolean {
  const { JOURNAL_STREAM } = env;
  if (!JOURNAL_STREAM) return false;
  // A service may have started the program with standard error redirected elsewhere.
  const { dev, ino } = fstatSync(STANDARD_ERROR, { bigint: true });
  return JOURNAL_STREAM === `${dev}:${ino}`;
}
