import { formatIpv4, parseIpv4 } from "../lib/ipv4.ts";
import type { NftElement } from "../lib/listing.ts";
import { Attributes, textIn } from "./attributes.ts";
import { type Message, viewOf } from "./netlink_messages.ts";
import {
  ELEMENT,
  ELEMENT_LIST,
  NFT_HEADER,
  NFTA_CHAIN_NAME,
  NFTA_DATA,
  NFTA_LIST_ELEM,
  NFTA_TABLE,
  NFTA_VERDICT_CODE,
} from "./nftables.ts";

const NFTA_GEN_ID = 1;
const NFTA_TABLE_USE = 3;
const NFTA_SET = {
  ...{ name: 2, flags: 3, keyType: 4, dataType: 6, description: 9, timeout: 11 },
  ...{ expression: 17, expressions: 18 },
} as const;
const NFTA_SET_DESC_SIZE = 1;
/** By code; those with a chain are none that is asked for. */
const VERDICTS: Readonly<Record<number, string>> = { 0: "drop", 1: "accept" };

/** Types of keys and data, as `nft` numbers them: in a type of several parts, each takes as many bits. */
const TYPE = { integer: 4, ip: 7, port: 13, deviceName: 41 } as const;
const TYPE_BITS = 6;
/** Bytes that each takes as a part of several: a multiple of 4. */
const PART_LENGTHS: Readonly<Record<number, number>> = {
  [TYPE.integer]: 4,
  [TYPE.ip]: 4,
  [TYPE.port]: 4,
  [TYPE.deviceName]: 16,
};

/** Reads the number of the ruleset's generation. @returns null: it is none */
export function parseGeneration({ body }: Message): number | null {
  return new Attributes(body, NFT_HEADER).networkWord(NFTA_GEN_ID) ?? null;
}

/** Reads of how many things a table consists. @returns null: that is not said */
export function parseTableUse({ body }: Message): number | null {
  return new Attributes(body, NFT_HEADER).networkWord(NFTA_TABLE_USE) ?? null;
}

/** Reads a chain's name. @returns null: it is in another table, or has none */
export function parseChain({ body }: Message, table: string): string | null {
  const fields = new Attributes(body, NFT_HEADER);
  return fields.text(NFTA_TABLE) === table ? fields.text(NFTA_CHAIN_NAME) ?? null : null;
}

const NFT_SET_ANONYMOUS = 1;
/** Flags that follow from the rest of a set: that it is a map, or has keys of several parts. */
const IMPLIED_FLAGS = 0x08 | 0x80;
/** The other flags of a set, as `nft` declares them; sets with more are none of a gate. */
const FLAG_WORDS: Readonly<Record<number, string>> = {
  0: "",
  0x04: " flags interval;",
  0x10: " flags timeout;",
};
/** Types as `nft` calls them. */
const TYPE_NAMES: Readonly<Record<number, string>> = {
  [TYPE.ip]: "ipv4_addr",
  [TYPE.port]: "inet_service",
  [TYPE.deviceName]: "ifname",
  [0xffffff00]: "verdict",
};

/** What a set is called, and the types of its keys and data. */
export interface SetRecord {
  readonly name: string;
  /** Whether it belongs to a rule. */
  readonly isAnonymous: boolean;
  /** See `NftSet`. */
  readonly type: string | null;
  readonly keyTypes: readonly number[];
  /** Of a map; undefined: it is none. */
  readonly dataType: number | undefined;
}

/** Reads a set. @returns null: it has no name */
export function parseSet({ body }: Message): SetRecord | null {
  const fields = new Attributes(body, NFT_HEADER);
  const name = fields.text(NFTA_SET.name);
  if (name === undefined) return null;
  const keyTypes = partTypesOf(fields.networkWord(NFTA_SET.keyType) ?? 0);
  const dataType = fields.networkWord(NFTA_SET.dataType);
  const flags = fields.networkWord(NFTA_SET.flags) ?? 0;
  return {
    name,
    isAnonymous: (flags & NFT_SET_ANONYMOUS) !== 0,
    type: hasMore(fields) ? null : declarationOf(keyTypes, dataType, flags),
    keyTypes,
    dataType,
  };
}

/** Whether a set has a size, a timeout for elements that have none of their own, or a counter or limit for each. */
function hasMore(fields: Attributes): boolean {
  return fields.nested(NFTA_SET.description).networkWord(NFTA_SET_DESC_SIZE) !== undefined ||
    fields.networkLong(NFTA_SET.timeout) !== undefined || hasExpressions(fields, NFTA_SET);
}

/** Whether there is a counter, a limit or the like: an element beyond its limit does not match. */
function hasExpressions(
  fields: Attributes,
  { expression, expressions }: { readonly expression: number; readonly expressions: number },
): boolean {
  return fields.bytes(expression) !== undefined || fields.bytes(expressions) !== undefined;
}

function declarationOf(
  keyTypes: readonly number[],
  dataType: number | undefined,
  flags: number,
): string | null {
  const names = [...keyTypes, ...dataType === undefined ? [] : [dataType]].map((type) => TYPE_NAMES[type]);
  const words = FLAG_WORDS[flags & ~IMPLIED_FLAGS];
  if (names.includes(undefined) || words === undefined) return null;
  const data = dataType === undefined ? "" : ` : ${names.pop()}`;
  return `type ${names.join(" . ")}${data};${words}`;
}

function partTypesOf(type: number): number[] {
  const first = type >>> TYPE_BITS;
  return [...(first === 0 ? [] : partTypesOf(first)), type & ((1 << TYPE_BITS) - 1)];
}

/** Reads the elements in a message of a dump. @returns null for each that cannot be read */
export function parseElements({ body }: Message, set: SetRecord): (NftElement | null)[] {
  const elements = new Attributes(body, NFT_HEADER).nested(ELEMENT_LIST.elements);
  return elements.each(NFTA_LIST_ELEM).map((bytes) => readElement(new Attributes(viewOf(bytes), 0), set));
}

function readElement(fields: Attributes, { keyTypes, dataType }: SetRecord): NftElement | null {
  const first = fields.nested(ELEMENT.key).bytes(NFTA_DATA.value);
  const last = fields.nested(ELEMENT.keyEnd).bytes(NFTA_DATA.value) ?? first;
  // The end of an interval, or what is for all keys.
  const isPoint = (fields.networkWord(ELEMENT.flags) ?? 0) === 0;
  if (first === undefined || last === undefined || !isPoint || hasExpressions(fields, ELEMENT)) return null;
  const [from, to] = [first, last].map((bytes) => splitKey(bytes, keyTypes));
  if (!from || !to) return null;
  const key = keyTypes.map((type, index) => {
    const [low, high] = [from[index]!, to[index]!];
    return type === TYPE.integer ? nameInteger(low, index) : nameRange(type, low, high);
  });
  if (key.includes(null)) return null;
  const expiration = fields.networkLong(ELEMENT.expiration);
  return {
    key: key as string[],
    data: readData(fields.nested(ELEMENT.data), dataType),
    expires: expiration === undefined ? null : expiration / 1000,
  };
}

/** The parts of a key; null: it has another length. */
function splitKey(bytes: Uint8Array, types: readonly number[]): Uint8Array[] | null {
  const parts: Uint8Array[] = [];
  let at = 0;
  for (const type of types) {
    const length = PART_LENGTHS[type];
    if (length === undefined) return null;
    parts.push(bytes.subarray(at, at + length));
    at += length;
  }
  // A port that is a whole key is not padded.
  const isWhole = bytes.length === at || types.length === 1 && types[0] === TYPE.port && bytes.length === 2;
  return isWhole ? parts : null;
}

function nameRange(type: number, from: Uint8Array, to: Uint8Array): string | null {
  const [first, last] = [from, to].map((bytes) => namePart(type, bytes));
  if (first === last || first === null || last === null) return first ?? null;
  if (type !== TYPE.ip) return `${first}-${last}`;
  const [low, high] = [parseIpv4(first!)!, parseIpv4(last!)!];
  const length = Math.clz32(low ^ high);
  const size = 2 ** (32 - length);
  return low % size === 0 && high - low + 1 === size ? `${first}/${length}` : `${first}-${last}`;
}

/**
 * How many bits an integer has is told to `nft` alone: here 32 if it is the first part of a key, else 16, as in the sets of
 * hints.
 */
function nameInteger(bytes: Uint8Array, index: number): string | null {
  const word = viewOf(bytes).getUint32(0);
  if (index === 0) return `${word}`;
  return (word & 0xffff) === 0 ? `${word >>> 16}` : null;
}

/** As `nft` prints it, but for what has no place in a command. */
function namePart(type: number, bytes: Uint8Array): string | null {
  if (type === TYPE.ip) return formatIpv4(viewOf(bytes).getUint32(0));
  if (type === TYPE.port) return `${viewOf(bytes).getUint16(0)}`;
  const name = textIn(bytes);
  return /^[\w.*/-]{1,15}$/.test(name) ? name : null;
}

function readData(data: Attributes, type: number | undefined): string | null {
  const code = data.nested(NFTA_DATA.verdict).networkWord(NFTA_VERDICT_CODE);
  if (code !== undefined) return VERDICTS[code] ?? null;
  return type === TYPE.ip ? data.ip(NFTA_DATA.value) ?? null : null;
}
