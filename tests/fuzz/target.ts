import assert from "node:assert/strict";
import type fc from "fast-check";
import { IpipouError } from "../../lib/errors.ts";

/** What is fuzzed: readers of outside input, inputs for them, and what must hold for each input. */
export interface Target {
  readonly name: string;
  /** Functions of the program that read the input, as "path name". */
  readonly readers: readonly string[];
  readonly input: fc.Arbitrary<unknown>;
  /** Throws, or rejects, if something does not hold. */
  readonly check: (input: unknown) => void | Promise<void>;
}

/** Makes a target whose inputs and check have the same type. */
export function target<T>(
  name: string,
  readers: readonly string[],
  input: fc.Arbitrary<T>,
  check: (input: T) => void | Promise<void>,
): Target {
  return { name, readers, input, check: check as Target["check"] };
}

const LONGEST_MESSAGE = 2_000;
// deno-lint-ignore no-control-regex
const UNPRINTABLE_REGEXP = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

/** The result, or the message of a documented error. Any other error is thrown. */
export function outcomeOf<T>(work: () => T): { readonly value: T } | { readonly message: string } {
  try {
    return { value: work() };
  } catch (error) {
    return { message: messageOf(error) };
  }
}

/** Like {@linkcode outcomeOf}, for work that takes time. */
export async function outcomeOfAsync<T>(
  work: () => Promise<T>,
): Promise<{ readonly value: T } | { readonly message: string }> {
  try {
    return { value: await work() };
  } catch (error) {
    return { message: messageOf(error) };
  }
}

function messageOf(error: unknown): string {
  if (!(error instanceof IpipouError)) throw error;
  assertLine(error.message);
  return error.message;
}

/** A message for the administrator: one line, not empty, not endless, with nothing that a terminal obeys. */
export function assertLine(line: string): void {
  assert.ok(line.trim() !== "", "an empty message");
  assert.ok(line.length <= LONGEST_MESSAGE, `${line.length} characters: ${line.slice(0, 200)}`);
  assert.doesNotMatch(line, UNPRINTABLE_REGEXP);
}
