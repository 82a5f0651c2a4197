import { showInvisible } from "./errors.ts";

/**
 * What lines of the log tell of, and the keys of each; one that ends in "?" is there only where it is known or applies.
 * docs/log.md says what they mean. Words stay as they are: scripts wait for them.
 */
export const EVENTS = {
  "accepted": ["peer", "remote"],
  "address-changed": ["from", "address"],
  "address-found": ["address"],
  "address-lost": ["address"],
  "adopted": ["peer", "remote?"],
  "authenticated": ["peer", "remote"],
  "clock-set": ["seconds"],
  "clock-unset": [],
  "data": ["peer"],
  "failed": ["code"],
  "fault": ["peer?", "code", "seconds?"],
  "fight": ["what", "name?", "count"],
  "flapping": ["peer", "from", "remote", "count"],
  "heard": ["peer", "seconds"],
  "left-behind": ["local", "remote"],
  "limited": ["lacks"],
  "lines-lost": ["count"],
  "listening": ["local"],
  "moved": ["peer", "from", "remote", "port"],
  "moved-away": ["dev", "local", "remote"],
  "no-data": ["peer", "remote", "count", "why"],
  "no-reply": ["peer", "remote"],
  "notify-failed": [],
  "ports-closed": ["local"],
  "ports-opened": [],
  "recovered": ["peer"],
  "refused": ["peer?", "remote", "count", "why"],
  "reload": [],
  "reload-failed": ["code"],
  "removed": ["what", "name?", "netns?"],
  "resolved": ["host", "address"],
  "restoring": ["what", "name?", "count"],
  "send-failed": ["peer", "remote", "packet"],
  "send-restored": ["peer", "remote"],
  "sent": ["peer", "remote"],
  "server-started": ["peer", "remote"],
  "server-stopped": ["peer", "remote"],
  "set-up": ["peer", "remote", "dev"],
  "shut-out": ["peer", "why", "by?", "remote?"],
  "silent": ["peer", "remote", "seconds"],
  "state-lost": ["path"],
  "stopping": ["signal"],
  "ungated": ["code"],
  "unresolved": ["host"],
  "up": ["peer", "remote", "port", "dev"],
  "waiting": ["why"],
} as const satisfies Record<string, readonly string[]>;

type Word = keyof typeof EVENTS;

type ValueOf<Key> = Key extends "code" | "count" | "port" | "seconds" ? number : string;

type PairsOf<Key extends string> =
  & { readonly [K in Key as K extends `${string}?` ? never : K]: ValueOf<K> }
  & {
    readonly [K in Key as K extends `${infer Name}?` ? Name : never]?: K extends `${infer Name}?`
      ? ValueOf<Name> | undefined
      : never;
  };

/** An event by its word, and what a program wants to know of it: the pairs at the end of its line. */
export type LogEvent = {
  [W in Word]: { readonly event: W } & PairsOf<(typeof EVENTS)[W][number]>;
}[Word];

/** Keys and values of any event. */
export type LogPairs = Readonly<Record<string, string | number | undefined>>;

/** Every reader of logfmt takes it as it is: most values, names and places, are of this kind. */
const BARE_REGEXP = /^[\w.:,/@[\]+-]+$/;

/** Formats pairs as logfmt, each for itself. A value that is not bare is a JSON string. */
export function formatPairs(pairs: LogPairs): string[] {
  const formatted: string[] = [];
  for (const [key, value] of Object.entries(pairs)) {
    if (value !== undefined) formatted.push(`${key}=${formatValue(String(value))}`);
  }
  return formatted;
}

function formatValue(value: string): string {
  return BARE_REGEXP.test(value) ? value : showInvisible(JSON.stringify(value));
}
