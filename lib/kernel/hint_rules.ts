import type { GateRules } from "./state.ts";

type Names = Readonly<Record<"auth" | "hints" | "hinted", string>>;

/**
 * The epoch and the hint of a signed payload, as `hintKey` has them: the first four of the five bytes of its time count
 * epochs of 256 s. Only the rules about hints have this, and some versions of nft cannot have a set of it.
 */
export const HINT = "@th,576,32 . @th,632,16";

/** Sets of the hints that clients may give now, and of how many packets came lately with each. */
export function hintSets(
  { table, hintQueue }: GateRules,
  names: Names,
  size: number,
  memory: string,
): string[] {
  if (hintQueue === null) return [];
  return [
    `add set ip ${table} ${names.hints} { typeof ${HINT}; }`,
    `add set ip ${table} ${names.hinted} { typeof ${HINT}; size ${size}; flags dynamic,timeout; timeout ${memory}; }`,
  ];
}

/**
 * Rules that let a packet with a good hint to the program before a flood of others can be in its way. One hint too many,
 * as when somebody saw it on its way and repeats it, is no better than none.
 *
 * @param each limit for each hint
 * @param all limit for all hints together
 */
export function hintRules(
  { table, hintQueue, counter }: GateRules,
  names: Names,
  each: string,
  all: string,
): string[] {
  if (hintQueue === null) return [];
  return [
    `add rule ip ${table} ${names.auth} ${HINT} @${names.hints} update @${names.hinted} ` +
    `{ ${HINT} limit rate ${each} } limit rate ${all} ${counter ? "counter " : ""}queue num ${hintQueue}`,
  ];
}
