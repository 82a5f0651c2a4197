import type { KernelChange, TableChange } from "../lib/kernel_ports.ts";
import { Attributes } from "./attributes.ts";
import { AF_INET } from "./descriptors.ts";
import { type Message, messagesIn } from "./netlink_messages.ts";
import {
  NFNL_SUBSYS_NFTABLES,
  NFT_HEADER,
  NFT_MSG,
  NFTA_CHAIN_NAME,
  NFTA_RULE_CHAIN,
  NFTA_TABLE,
} from "./nftables.ts";

const UNKNOWN: KernelChange = { kind: "unknown", of: "tables" };

const { newTable, delTable, newChain, delChain, newRule, delRule } = NFT_MSG;
/** The attribute with a chain's name in messages about chains and rules, new ones and deleted ones. */
const CHAIN_NAME: Readonly<Record<number, number>> = {
  [newChain]: NFTA_CHAIN_NAME,
  [delChain]: NFTA_CHAIN_NAME,
  [newRule]: NFTA_RULE_CHAIN,
  [delRule]: NFTA_RULE_CHAIN,
};
/** Messages about the table itself. */
const OF_TABLES: readonly number[] = [newTable, delTable];
/** Messages about something that was removed. */
const OF_REMOVALS: readonly number[] = [
  ...[delTable, delChain, delRule, NFT_MSG.delSet, NFT_MSG.delSetElem, NFT_MSG.delObject],
  NFT_MSG.delFlowtable,
];

/** What a datagram of the nftables group says about one table. */
interface TableNews {
  /** One for each finished transaction that touched the table, and for each message that cannot be read. */
  readonly changes: readonly KernelChange[];
  /** What the unfinished transaction changed of the table so far; null: nothing. */
  readonly touched: TableChange | null;
}

/**
 * Reads a datagram of NETLINK_NETFILTER's group for nftables. A transaction may take several datagrams.
 *
 * @param table the name of a table of family ip, as `tableName()` encodes it
 * @param touched the result of the datagram before
 */
export function parseTableNews(
  datagram: Uint8Array,
  table: Uint8Array,
  touched: TableNews["touched"],
): TableNews {
  const changes: KernelChange[] = [];
  for (const message of messagesIn(datagram)) {
    switch (message === null ? "unreadable" : subjectOf(message, table)) {
      case "table":
        touched = add(message!, touched);
        break;
      case "end":
        if (touched !== null) changes.push(touched);
        touched = null;
        break;
      case "unreadable":
        changes.push(UNKNOWN);
    }
  }
  return { changes, touched };
}

function add(message: Message, before: TableChange | null): TableChange {
  const { chains, onlyRemoves } = before ?? { chains: [], onlyRemoves: true };
  return {
    kind: "table",
    chains: [...new Set([...chains, ...chainOf(message)])],
    onlyRemoves: onlyRemoves && OF_REMOVALS.includes(message.type & 0xff),
  };
}

/** The chain that a message about the table is about, "" for the table itself, or nothing. */
function chainOf({ type, body }: Message): string[] {
  const kind = type & 0xff;
  if (OF_TABLES.includes(kind)) return [""];
  const attribute = CHAIN_NAME[kind];
  const name = attribute === undefined ? undefined : new Attributes(body, NFT_HEADER).text(attribute);
  return name === undefined ? [] : [name];
}

/** Encodes a table's name as the kernel does. */
export function tableName(name: string): Uint8Array {
  return new TextEncoder().encode(`${name}\0`);
}

/** What a message of the nftables group is about: the table, something else, or the end of the transaction. */
function subjectOf({ type, body }: Message, table: Uint8Array): "table" | "other" | "end" | "unreadable" {
  if (type >> 8 !== NFNL_SUBSYS_NFTABLES || body.byteLength < NFT_HEADER) return "unreadable";
  if ((type & 0xff) === NFT_MSG.newGen) return "end";
  if (body.getUint8(0) !== AF_INET) return "other";
  const name = new Attributes(body, NFT_HEADER).bytes(NFTA_TABLE);
  if (name === undefined) return "unreadable";
  return name.length === table.length && name.every((byte, index) => byte === table[index])
    ? "table"
    : "other";
}
