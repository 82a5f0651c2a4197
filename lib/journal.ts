import { fstatSync } from "node:fs";
import { env } from "node:process";

const STANDARD_ERROR = 2;

/** Whether standard error goes to the journal, which adds time and process id by itself. */
export function logsToJournal(): boolean {
  const { JOURNAL_STREAM } = env;
  if (!JOURNAL_STREAM) return false;
  // Something in the service may have redirected the standard error of its child.
  const { dev, ino } = fstatSync(STANDARD_ERROR, { bigint: true });
  return JOURNAL_STREAM === `${dev}:${ino}`;
}
