import { lowerFirst } from "./errors.ts";

/** The parser's messages that say little to somebody who writes a file, and what is said instead. */
const WORDS: Readonly<Record<string, string>> = {
  "Unterminated string constant": "this text does not end: it needs a closing quote",
  "Unterminated array": "this list does not end: it needs a ]",
  "Unterminated inline table": "this table does not end: it needs a }",
  "Empty bare keys are not allowed": "there is no key before the =",
  "Expected equal (=) token": "there is no = after the key",
  "Unspecified values are invalid": "there is no value after the =",
  "Expected comma (,) token": "there is no comma between two values",
  "Defining a key multiple times is invalid":
    "this key or table is given twice (as TABLE.KEY is [TABLE], too): keep one",
  "Unexpected character": "this character cannot stand here",
  "Unexpected token": "this cannot stand here",
  "Leading zeros are not allowed": "a number does not begin with 0; text must be in quotes",
  "Invalid character in escape sequence":
    "there is no such escape: write a backslash as \\\\, or the text in '…'",
  "The key, equals sign, and value must be on the same line": "key, = and value must be on one line",
};

/** What is wrong, by what the parser says of it. */
export function reword(message: string): string {
  return WORDS[message] ?? lowerFirst(message);
}
