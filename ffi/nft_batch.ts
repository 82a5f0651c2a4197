import { parseNetwork } from "../lib/ipv4.ts";
import { ACCEPT, type Element, type ElementsRequest, type KeyPart } from "../lib/requests.ts";
import { AF_INET } from "./descriptors.ts";
import {
  address,
  type Attribute,
  encodeMessage,
  nested,
  networkLong,
  networkShort,
  networkWord,
  NLM_F,
  text,
} from "./netlink_encoding.ts";
import { ATTRIBUTE_HEADER } from "./netlink_messages.ts";

const NFNL_SUBSYS_NFTABLES = 10;
const NFNL_MSG_BATCH = { begin: 16, end: 17 } as const;
const NFT_MSG = { add: 12, delete: 14 } as const; // NFT_MSG_NEWSETELEM, NFT_MSG_DELSETELEM
/** In messages about elements: NFTA_SET_ELEM_LIST_… */
const LIST = { table: 1, set: 2, elements: 3 } as const;
const NFTA_LIST_ELEM = 1;
/** In an element: NFTA_SET_ELEM_… */
const ELEMENT = { key: 1, data: 2, timeout: 4, keyEnd: 10 } as const;
const NFTA_DATA = { value: 1, verdict: 2 } as const;
const NFTA_VERDICT_CODE = 1;
const NF_ACCEPT = 1;
/** Bytes of a device's name in a key: IFNAMSIZ. */
const NAME_LENGTH = 16;
/** Most bytes of all elements in a message: the length of an attribute has 16 bits. */
const LONGEST_LIST = 0xffff - ATTRIBUTE_HEADER;

/** One transaction, as nfnetlink takes it. */
export interface Batch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Index of the request that each sequence number is for, in order; the last one is acknowledged. */
  readonly requests: ReadonlyMap<number, number>;
}

/**
 * Encodes a transaction that takes effect as a whole or not at all.
 *
 * @param first the first sequence number; as many follow as there are messages
 */
export function encodeBatch(requests: readonly ElementsRequest[], first: number): Batch {
  const parts = requests.flatMap((request, index) =>
    partsOf(request).map((elements) => ({ index, elements }))
  );
  const edge = (type: number, sequence: number) =>
    encodeMessage({ type, flags: NLM_F.request, sequence }, header(0, NFNL_SUBSYS_NFTABLES), []);
  const messages = parts.map(({ index, elements }, at) => {
    const isLast = at === parts.length - 1;
    return encodeElements(requests[index]!, elements, first + 1 + at, isLast ? NLM_F.ack : 0);
  });
  const all = [
    edge(NFNL_MSG_BATCH.begin, first),
    ...messages,
    edge(NFNL_MSG_BATCH.end, first + 1 + parts.length),
  ];
  return {
    bytes: concatenate(all),
    requests: new Map(parts.map(({ index }, at) => [first + 1 + at, index])),
  };
}

function encodeElements(
  { verb, table, set }: ElementsRequest,
  elements: readonly Attribute[],
  sequence: number,
  flags: number,
): Uint8Array<ArrayBuffer> {
  const type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG[verb];
  const create = verb === "add" ? NLM_F.create : 0;
  return encodeMessage({ type, flags: NLM_F.request | create | flags, sequence }, header(AF_INET, 0), [
    [LIST.table, text(table)],
    [LIST.set, text(set)],
    nested(LIST.elements, elements),
  ]);
}

/** The elements of a request, in lists that each fit into a message. */
function partsOf({ elements }: ElementsRequest): Attribute[][] {
  const parts: Attribute[][] = [];
  let length = Infinity;
  for (const element of elements) {
    const attribute = nested(NFTA_LIST_ELEM, encodeElement(element));
    const more = ATTRIBUTE_HEADER + attribute[1].length;
    if (length + more > LONGEST_LIST) {
      parts.push([]);
      length = 0;
    }
    parts.at(-1)!.push(attribute);
    length += more;
  }
  return parts;
}

function encodeElement({ key, timeout, value }: Element): Attribute[] {
  const isRange = key.some((part) => typeof part === "object" && "network" in part);
  const bytes = (end: "first" | "last") =>
    [NFTA_DATA.value, concatenate(key.map((part) => encodePart(part, end)))] as const;
  return [
    ...(timeout === null ? [] : [[ELEMENT.timeout, networkLong(timeout)] as const]),
    nested(ELEMENT.key, [bytes("first")]),
    ...(isRange ? [nested(ELEMENT.keyEnd, [bytes("last")])] : []),
    ...(value === null ? [] : [nested(ELEMENT.data, [encodeValue(value)])]),
  ];
}

function encodeValue(value: string): Attribute {
  return value === ACCEPT
    ? nested(NFTA_DATA.verdict, [[NFTA_VERDICT_CODE, networkWord(NF_ACCEPT)]])
    : [NFTA_DATA.value, address(value)];
}

/** One part of a key, filled up to a multiple of 4 bytes. @param end of a network, which is a range of addresses */
function encodePart(part: KeyPart, end: "first" | "last"): Uint8Array {
  if (typeof part === "number") return filled(networkShort(part), 4);
  if (typeof part === "string") return address(part);
  if ("device" in part) return filled(new TextEncoder().encode(part.device), NAME_LENGTH);
  const { first, length } = parseNetwork(part.network)!;
  return networkWord(end === "first" ? first : first + 2 ** (32 - length) - 1);
}

function filled(bytes: Uint8Array, length: number): Uint8Array {
  const all = new Uint8Array(length);
  all.set(bytes);
  return all;
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}

/** A struct nfgenmsg. @param resource what an edge of a batch is for */
function header(family: number, resource: number): Uint8Array {
  return Uint8Array.of(family, 0, ...networkShort(resource));
}
