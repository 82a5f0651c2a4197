import { EXIT, IpipouError, showInvisible } from "../errors.ts";

/**
 * An error in the command line or in a configuration file (exit code 2). The message is one line: the value (or
 * `(hidden)`), the place (an option, or a file with line and column counted from 1), and the cure.
 */
export class SettingsError extends IpipouError {
  constructor(message: string, options?: ErrorOptions) {
    super(message, EXIT.usage, options);
  }
}

/** A file that is no TOML, so that what it says is not known as a whole. */
export class TomlSyntaxError extends SettingsError {}

/** A part of the settings. */
export interface Part {
  /** "fou" and the like; "server": whether it is a server; "": other keys above the tables; null: any of these. */
  readonly table: string | null;
  /** The values that were given for the peer that it is about; null: for all. */
  readonly owner: object | null;
}

/** What is written for a part of the settings cannot be used. */
export class UnusableError extends SettingsError {
  readonly part: Part;

  constructor(message: string, part: Part) {
    super(message);
    this.part = part;
  }
}

/** Something is missing in a part of the settings. */
export class MissingError extends SettingsError {
  readonly part: Part;

  constructor(message: string, part: Part) {
    super(message);
    this.part = part;
  }
}

/** What to do about a mistake: throw it, or keep it and go on. */
export type OnMistake = (mistake: SettingsError) => void;

/** Ends with the first mistake. */
export const THROW: OnMistake = (mistake) => {
  throw mistake;
};

/** Does something that may find a mistake. @returns undefined when it did, and that is not thrown */
export function attempt<T>(onMistake: OnMistake, action: () => T): T | undefined {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    onMistake(error);
    return undefined;
  }
}

/** Shown instead of a secret. */
export const HIDDEN = "(hidden)";

const LONGEST_SHOWN = 80;
const PLAIN_PATH_REGEXP = /^[\w./:@%+=,~-]+$/;

/** Formats text in double quotes on one line, truncating long text. */
export function quote(text: string): string {
  return escape(cutLong(text));
}

/** Makes a message fit after a colon: its first letter in lower case. */
export function lowerFirst(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}

/** Truncates text too long for a message. */
export function cutLong(text: string): string {
  return text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
}

/** Formats a file's path: as it is, or in quotes if it has unusual characters. Never truncated. */
export function showPath(path: string): string {
  return PLAIN_PATH_REGEXP.test(path) ? path : escape(path);
}

function escape(text: string): string {
  return showInvisible(JSON.stringify(text));
}
