import assert from "node:assert/strict";

/** A line of a log, without what stands before its sentence if the log writes time, process id or priority. */
export interface LogLine {
  readonly sentence: string;
  /** By key, as text; null: the line tells of no event. */
  readonly pairs: Readonly<Record<string, string>> | null;
}

/** The pairs at the end of a line, by what docs/log.md says of them. */
const PAIRS_REGEXP = /^(.*?) (event=[a-z-]+(?: (?!event=)[a-z]+=(?:[^\s"=\\]+|"(?:[^"\\]|\\.)*"))*)$/;
const PAIR_REGEXP = /([a-z]+)=("(?:[^"\\]|\\.)*"|\S+)/g;

/** Takes the pairs off the end of a line of text. */
export function readLogLine(line: string): LogLine {
  const [, sentence, pairs] = PAIRS_REGEXP.exec(line) ?? [];
  if (sentence === undefined) return { sentence: line, pairs: null };
  const entries = [...pairs!.matchAll(PAIR_REGEXP)].map(([, key, value]) =>
    [key!, value!.startsWith('"') ? JSON.parse(value!) as string : value!] as const
  );
  assert.equal(new Set(entries.map(([key]) => key)).size, entries.length, `a key stands twice in ${line}`);
  return { sentence, pairs: Object.fromEntries(entries) };
}
