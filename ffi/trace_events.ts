import type { TraceEvent } from "../lib/doctor_ports.ts";
import { Attributes } from "./attributes.ts";
import { type Message, messagesIn } from "./netlink_messages.ts";
import { NFNL_SUBSYS_NFTABLES, NFT_HEADER, NFTA_VERDICT_CODE } from "./nftables.ts";

const NFT_MSG_TRACE = 17;
const NFTA_TRACE = {
  ...{ table: 1, chain: 2, handle: 3, type: 4, verdict: 5, id: 6 },
  ...{ networkHeader: 8, transportHeader: 9, iif: 10, oif: 12, policy: 16 },
} as const;
const NFT_TRACETYPE = { policy: 1, rule: 3 } as const;
/** What is above says why. Verdicts within nftables, such as "continue", are -1 to -5. */
const VERDICT_MASK = 0xff;
const NF_DROP = 0;
const NF_QUEUE = 3;

/** By the number in struct nfgenmsg. */
const FAMILIES: Readonly<Record<number, string>> = {
  1: "inet",
  2: "ip",
  5: "netdev",
  7: "bridge",
  10: "ip6",
};

/** Reads a datagram of NETLINK_NETFILTER's group for traces. What cannot be read is left out. */
export function parseTrace(datagram: Uint8Array): TraceEvent[] {
  return messagesIn(datagram).flatMap((message) => (message && readEvent(message)) ?? []);
}

function readEvent({ type, body }: Message): TraceEvent | null {
  if (type !== (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_TRACE) || body.byteLength < NFT_HEADER) return null;
  const fields = new Attributes(body, NFT_HEADER);
  const [table, chain] = [fields.text(NFTA_TRACE.table), fields.text(NFTA_TRACE.chain)];
  const [id, kind] = [fields.networkWord(NFTA_TRACE.id), fields.networkWord(NFTA_TRACE.type)];
  const family = FAMILIES[body.getUint8(0)];
  if (table === undefined || chain === undefined || id === undefined || family === undefined) return null;
  if (kind !== NFT_TRACETYPE.policy && kind !== NFT_TRACETYPE.rule) return null;
  const isPolicy = kind === NFT_TRACETYPE.policy;
  const code = isPolicy
    ? fields.networkWord(NFTA_TRACE.policy)
    : fields.nested(NFTA_TRACE.verdict).networkWord(NFTA_VERDICT_CODE);
  const verdict = code === undefined ? null : code & VERDICT_MASK;
  const none = new Uint8Array();
  return {
    ...{ id, family, table, chain },
    handle: isPolicy ? null : fields.networkLong(NFTA_TRACE.handle) ?? null,
    isDropped: verdict === NF_DROP,
    isQueued: verdict === NF_QUEUE,
    from: fields.networkWord(NFTA_TRACE.iif) ?? 0,
    to: fields.networkWord(NFTA_TRACE.oif) ?? 0,
    header: fields.bytes(NFTA_TRACE.networkHeader)?.slice() ?? none,
    body: fields.bytes(NFTA_TRACE.transportHeader)?.slice() ?? none,
  };
}
