import { parseNetwork } from "../lib/ipv4.ts";
import { ACCEPT, type Element, type ElementsRequest, type KeyPart } from "../lib/requests.ts";
import { AF_INET } from "./descriptors.ts";
import { NetlinkEncoder, NLM_F } from "./netlink_encoding.ts";
import { ATTRIBUTE_HEADER } from "./netlink_messages.ts";
import type { Sequences } from "./netlink_sequences.ts";
import {
  ELEMENT,
  ELEMENT_LIST,
  IFNAMSIZ,
  NFNL_MSG_BATCH,
  NFNL_SUBSYS_NFTABLES,
  NFT_MSG,
  NFTA_DATA,
  NFTA_LIST_ELEM,
  NFTA_TABLE,
  NFTA_VERDICT_CODE,
} from "./nftables.ts";

const NF_ACCEPT = 1;
/** Most bytes of all elements in a message: the length of an attribute has 16 bits. */
const LONGEST_LIST = 0xffff - ATTRIBUTE_HEADER;
/** Most bytes of an element: one with two keys, each of a name and an address. */
const LONGEST_ELEMENT = 128;

/** One transaction, as nfnetlink takes it. */
interface Batch {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** First and last sequence number that an answer may have. */
  readonly first: number;
  readonly last: number;
  /** Index of the request that each sequence number is for, in order; the last one is acknowledged. */
  readonly requests: ReadonlyMap<number, number>;
}

/**
 * Encodes a transaction that takes effect as a whole or not at all.
 */
export function encodeBatch(requests: readonly ElementsRequest[], sequences: Sequences): Batch {
  const encoder = new NetlinkEncoder();
  const parts = requests.flatMap((request, index) =>
    partsOf(request.elements).map((elements) => ({ index, request: { ...request, elements } }))
  );
  const first = sequences.take(parts.length + 2);
  const edge = (type: number, sequence: number) =>
    encoder.message({ type, flags: NLM_F.request, sequence }, [0, 0, 0, NFNL_SUBSYS_NFTABLES]);
  edge(NFNL_MSG_BATCH.begin, first);
  for (const [at, { request }] of parts.entries()) {
    const ack = at === parts.length - 1 ? NLM_F.ack : 0;
    encodeElements(encoder, request, first + 1 + at, ack);
  }
  edge(NFNL_MSG_BATCH.end, first + 1 + parts.length);
  return {
    ...{ bytes: encoder.bytes, first, last: first + parts.length },
    requests: new Map(parts.map(({ index }, at) => [first + 1 + at, index])),
  };
}

/** Elements in lists that each fit into a message. */
function partsOf(elements: readonly Element[]): (readonly Element[])[] {
  const most = Math.floor(LONGEST_LIST / LONGEST_ELEMENT);
  const count = Math.ceil(elements.length / most);
  return Array.from({ length: count }, (_, at) => elements.slice(at * most, (at + 1) * most));
}

function encodeElements(
  encoder: NetlinkEncoder,
  { verb, table, set, elements }: ElementsRequest,
  sequence: number,
  ack: number,
): void {
  const type = NFNL_SUBSYS_NFTABLES << 8 | (verb === "add" ? NFT_MSG.newSetElem : NFT_MSG.delSetElem);
  const flags = NLM_F.request | ack | (verb === "add" ? NLM_F.create : 0);
  encoder.message({ type, flags, sequence }, [AF_INET, 0, 0, 0], () => {
    encoder.attribute(NFTA_TABLE, () => encoder.string(table));
    encoder.attribute(ELEMENT_LIST.set, () => encoder.string(set));
    encoder.nested(ELEMENT_LIST.elements, () => {
      for (const element of elements) {
        encoder.nested(NFTA_LIST_ELEM, () => encodeElement(encoder, element));
      }
    });
  });
}

function encodeElement(encoder: NetlinkEncoder, { key, timeout, value }: Element): void {
  const writeKey = (type: number, end: "first" | "last") =>
    encoder.nested(type, () =>
      encoder.attribute(NFTA_DATA.value, () => {
        for (const part of key) encodePart(encoder, part, end);
      }));
  if (timeout !== null) encoder.attribute(ELEMENT.timeout, () => encoder.networkLong(timeout));
  writeKey(ELEMENT.key, "first");
  if (key.some((part) => typeof part === "object" && "network" in part)) writeKey(ELEMENT.keyEnd, "last");
  if (value !== null) encoder.nested(ELEMENT.data, () => encodeValue(encoder, value));
}

function encodeValue(encoder: NetlinkEncoder, value: string): void {
  if (value !== ACCEPT) return encoder.attribute(NFTA_DATA.value, () => encoder.address(value));
  encoder.nested(NFTA_DATA.verdict, () => {
    encoder.attribute(NFTA_VERDICT_CODE, () => encoder.networkWord(NF_ACCEPT));
  });
}

/** Writes one part of a key, filled up to a multiple of 4 bytes. @param end of a network, which is a range of addresses */
function encodePart(encoder: NetlinkEncoder, part: KeyPart, end: "first" | "last"): void {
  const start = encoder.length;
  if (typeof part === "string") return encoder.address(part);
  if (typeof part === "number") {
    encoder.networkShort(part);
    return encoder.fill(start + 4);
  }
  if ("word" in part) return encoder.networkWord(part.word);
  if ("device" in part) {
    encoder.text(part.device);
    return encoder.fill(start + IFNAMSIZ);
  }
  const { first, length } = parseNetwork(part.network)!;
  encoder.networkWord(end === "first" ? first : first + 2 ** (32 - length) - 1);
}
