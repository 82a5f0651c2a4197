import type { NftExpression, NftRule } from "../lib/listing.ts";
import { Attributes, textIn } from "./attributes.ts";
import { type Message, viewOf } from "./netlink_messages.ts";
import { NFT_HEADER, NFTA_DATA, NFTA_EXPR, NFTA_LIST_ELEM, NFTA_RULE_CHAIN } from "./nftables.ts";

const NFTA_RULE = { handle: 3, expressions: 4, userdata: 7 } as const;
/** In user data: type (1), length (1), value. */
const NFTNL_UDATA_RULE_COMMENT = 0;
/** The register that an expression loads, in those of each kind that do. */
const NFTA_DREG = 1;
const NFTA_META = { key: 2 } as const;
const NFT_META_L4PROTO = 16;
const NFTA_PAYLOAD = { base: 2, offset: 3, length: 4 } as const;
const NFTA_CMP = { register: 1, op: 2, data: 3 } as const;
const NFT_CMP_EQ = 0;
const NFTA_LOOKUP = { set: 1, register: 2, flags: 5 } as const;
const NFTA_IMMEDIATE_DATA = 2;
const NFTA_NAT = { type: 1, firstAddress: 3 } as const;
const NFTA_QUEUE = { number: 1, total: 2 } as const;
const IPPROTO_UDP = 17;

const PROTOCOL = "ip protocol";

/** The fields that matter, by the header they are in (1: network, 2: transport), their offset and length there. */
const FIELDS = [
  { name: PROTOCOL, base: 1, offset: 9, length: 1 },
  { name: "ip saddr", base: 1, offset: 12, length: 4 },
  { name: "ip daddr", base: 1, offset: 16, length: 4 },
  { name: "udp sport", base: 2, offset: 0, length: 2 },
  { name: "udp dport", base: 2, offset: 2, length: 2 },
] as const;

/** What a rule compares to a set: the set's elements are listed apart. */
interface SetMatch {
  readonly name: string;
  readonly set: string;
}

/** A rule. */
export interface RuleRecord {
  readonly rule: NftRule;
  /** Its matches by a set. */
  readonly bySet: readonly SetMatch[];
}

/** Reads a rule of a dump. @returns null: it is in no chain */
export function parseRule({ body }: Message): RuleRecord | null {
  const fields = new Attributes(body, NFT_HEADER);
  const chain = fields.text(NFTA_RULE_CHAIN);
  if (chain === undefined) return null;
  const { expressions, bySet } = readExpressions(fields.nested(NFTA_RULE.expressions).each(NFTA_LIST_ELEM));
  const handle = fields.networkLong(NFTA_RULE.handle);
  return {
    rule: {
      chain,
      handle: handle !== undefined && Number.isSafeInteger(handle) ? handle : null,
      comment: commentIn(fields.bytes(NFTA_RULE.userdata) ?? new Uint8Array()),
      expressions,
    },
    bySet,
  };
}

function commentIn(userdata: Uint8Array): string {
  for (let at = 0; at + 2 <= userdata.length;) {
    const [type, length] = [userdata[at], userdata[at + 1]!];
    if (type === NFTNL_UDATA_RULE_COMMENT) return textIn(userdata.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return "";
}

/** What was loaded last: a part of a header, the protocol's number, or a constant. */
type Loaded = { readonly register: number } & Content;
type Content =
  | { readonly kind: "payload"; readonly base: number; readonly offset: number; readonly length: number }
  | { readonly kind: "protocol" }
  | { readonly kind: "constant"; readonly value: Uint8Array };

/**
 * Reads matches and statements. Each that is compared was loaded just before; what was changed in between, as by a mask, is
 * left out, and so is what must not be equal.
 */
function readExpressions(
  list: readonly Uint8Array[],
): Pick<NftRule, "expressions"> & Pick<RuleRecord, "bySet"> {
  const expressions: NftExpression[] = [];
  const bySet: SetMatch[] = [];
  let loaded: Loaded | null = null;
  for (const bytes of list) {
    const expression = new Attributes(viewOf(bytes), 0);
    const fields = expression.nested(NFTA_EXPR.data);
    const name = expression.text(NFTA_EXPR.name) ?? "";
    if (name === "cmp") expressions.push(...readComparison(fields, loaded));
    if (name === "lookup") bySet.push(...readLookup(fields, loaded));
    if (name === "queue" || name === "nat") expressions.push(...readStatement(name, fields, loaded));
    const [content, register] = [readLoad(name, fields), fields.networkWord(NFTA_DREG)];
    loaded = content && register !== undefined ? { ...content, register } : null;
  }
  // It says what the ports are of, and is left out itself.
  const isUdp = expressions.some(({ name, value }) => name === PROTOCOL && value === IPPROTO_UDP);
  const fits = ({ name }: { readonly name: string }) =>
    name !== PROTOCOL && (isUdp || !name.startsWith("udp "));
  return { expressions: expressions.filter(fits), bySet: bySet.filter(fits) };
}

function readLoad(name: string, fields: Attributes): Content | null {
  if (name === "meta") {
    return fields.networkWord(NFTA_META.key) === NFT_META_L4PROTO ? { kind: "protocol" } : null;
  }
  if (name === "immediate") {
    const value = fields.nested(NFTA_IMMEDIATE_DATA).bytes(NFTA_DATA.value);
    return value === undefined ? null : { kind: "constant", value };
  }
  if (name !== "payload") return null;
  const [base, offset, length] = [NFTA_PAYLOAD.base, NFTA_PAYLOAD.offset, NFTA_PAYLOAD.length]
    .map((type) => fields.networkWord(type));
  if (base === undefined || offset === undefined || length === undefined) return null;
  return { kind: "payload", base, offset, length };
}

function readComparison(fields: Attributes, loaded: Loaded | null): NftExpression[] {
  if (loaded?.register !== fields.networkWord(NFTA_CMP.register)) return [];
  const value = fields.nested(NFTA_CMP.data).bytes(NFTA_DATA.value);
  if (value === undefined || fields.networkWord(NFTA_CMP.op) !== NFT_CMP_EQ) return [];
  if (loaded?.kind === "protocol") {
    return value.length === 1 ? [{ name: PROTOCOL, value: value[0]! }] : [];
  }
  if (loaded?.kind !== "payload") return [];
  // nft compares fields that follow each other at once.
  return FIELDS.flatMap(({ name, base, offset, length }) => {
    const at = offset - loaded.offset;
    const isIn = base === loaded.base && at >= 0 && at + length <= Math.min(loaded.length, value.length);
    return isIn ? [{ name, value: valueOf(value.subarray(at, at + length)) }] : [];
  });
}

function readLookup(fields: Attributes, loaded: Loaded | null): SetMatch[] {
  const set = fields.text(NFTA_LOOKUP.set);
  const isInverted = (fields.networkWord(NFTA_LOOKUP.flags) ?? 0) !== 0;
  // A key of several parts begins in another register than its last part.
  const isAll = loaded?.register === fields.networkWord(NFTA_LOOKUP.register);
  if (set === undefined || isInverted || !isAll || loaded?.kind !== "payload") return [];
  const field = FIELDS.find(({ base, offset, length }) =>
    base === loaded.base && offset === loaded.offset && length === loaded.length
  );
  return field === undefined ? [] : [{ name: field.name, set }];
}

function readStatement(name: "queue" | "nat", fields: Attributes, loaded: Loaded | null): NftExpression[] {
  if (name === "queue") {
    const number = fields.port(NFTA_QUEUE.number);
    return number === undefined || fields.port(NFTA_QUEUE.total) !== 1 ? [] : [{ name, value: number }];
  }
  const isAddress = loaded?.kind === "constant" && loaded.value.length === 4 &&
    loaded.register === fields.networkWord(NFTA_NAT.firstAddress);
  if (!isAddress) return [];
  return [{ name: fields.networkWord(NFTA_NAT.type) === 0 ? "snat" : "dnat", value: valueOf(loaded.value) }];
}

/** An address, a port, or a byte. */
function valueOf(bytes: Uint8Array): string | number {
  if (bytes.length === 4) return bytes.join(".");
  return bytes.length === 2 ? viewOf(bytes).getUint16(0) : bytes[0]!;
}
