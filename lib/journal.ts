import { env } from "node:process";
import { exactStatusOf } from "./file_status.ts";

const STANDARD_ERROR = 2;

/** Whether standard error goes to the journal, which adds time and process id by itself. */
export function logsToJournal(): boolean {
  const { JOURNAL_STREAM } = env;
  if (!JOURNAL_STREAM) return false;
  // Something in the service may have redirected the standard error of its child.
  const { dev, ino } = exactStatusOf(STANDARD_ERROR);
  return JOURNAL_STREAM === `${dev}:${ino}`;
}
