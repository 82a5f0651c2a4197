import type { TraceRequest } from "../lib/doctor_ports.ts";
import { AF_INET } from "./descriptors.ts";
import { NetlinkEncoder, NLM_F } from "./netlink_encoding.ts";
import {
  IFNAMSIZ,
  NFNL_MSG_BATCH,
  NFNL_SUBSYS_NFTABLES,
  NFT_MSG,
  NFTA_CHAIN_NAME,
  NFTA_DATA,
  NFTA_EXPR,
  NFTA_LIST_ELEM,
  NFTA_RULE_CHAIN,
  NFTA_TABLE,
} from "./nftables.ts";

const NLM_F_APPEND = 0x800;
const NFTA_TABLE_FLAGS = 2;
/** The table goes with the socket that made it, and only that changes it. */
const NFT_TABLE_F_OWNER = 2;
const NFTA_CHAIN = { hook: 4, type: 7 } as const;
const NFTA_HOOK = { number: 1, priority: 2 } as const;
const NFTA_RULE_EXPRESSIONS = 4;
const NFTA_META = { toRegister: 1, key: 2, fromRegister: 3 } as const;
const NFT_META = { iifname: 6, oifname: 7, nftrace: 12, l4proto: 16 } as const;
const NFTA_PAYLOAD = { register: 1, base: 2, offset: 3, length: 4 } as const;
const NFT_PAYLOAD = { network: 1, transport: 2 } as const;
const NFTA_CMP = { register: 1, op: 2, data: 3 } as const;
const NFT_CMP_EQ = 0;
const NFTA_LIMIT = { rate: 1, unit: 2, burst: 3, type: 4 } as const;
const NFTA_IMMEDIATE = { register: 1, data: 2 } as const;
const NFT_REG_1 = 1;
const IPPROTO_UDP = 17;
/** Offsets in an IPv4 header, and in a UDP header. */
const IP = { source: 12, destination: 16 } as const;
const UDP = { source: 0, destination: 2 } as const;

/** Chains by their hook's number: before all others. */
const HOOKS = { prerouting: 0, forward: 2, output: 3 } as const;
const PRIORITY = -500;
/** Packets a second that each rule has traced. */
const RATE = 20;

/** A part of a packet, or what the kernel knows of it, and what that is to be. */
interface Match {
  readonly field:
    | { readonly meta: number }
    | { readonly base: number; readonly offset: number; readonly length: number };
  readonly writeValue: (encoder: NetlinkEncoder) => void;
}

const IS_UDP: Match = {
  field: { meta: NFT_META.l4proto },
  writeValue: (encoder) => encoder.byte(IPPROTO_UDP),
};

/**
 * Encodes the transaction that has packets traced.
 *
 * @param table its name, which no other table may have
 * @param first the first sequence number
 * @returns `last`: the sequence number whose answer says that all is done
 */
export function encodeTrace(table: string, wanted: TraceRequest, first: number) {
  const encoder = new NetlinkEncoder();
  let sequence = first;
  const edge = (type: number) =>
    encoder.message({ type, flags: NLM_F.request, sequence: sequence++ }, [0, 0, 0, NFNL_SUBSYS_NFTABLES]);
  const message = (type: number, more: number, writeBody: () => void) =>
    encoder.message(
      {
        type: NFNL_SUBSYS_NFTABLES << 8 | type,
        flags: NLM_F.request | NLM_F.create | more,
        sequence: sequence++,
      },
      [AF_INET, 0, 0, 0],
      writeBody,
    );
  edge(NFNL_MSG_BATCH.begin);
  message(NFT_MSG.newTable, NLM_F.exclusive, () => {
    encoder.attribute(NFTA_TABLE, () => encoder.string(table));
    encoder.attribute(NFTA_TABLE_FLAGS, () => encoder.networkWord(NFT_TABLE_F_OWNER));
  });
  for (const [chain, hook] of Object.entries(HOOKS)) {
    message(NFT_MSG.newChain, 0, () => encodeChain(encoder, table, chain, hook));
  }
  const rules = rulesFor(wanted);
  for (const [index, { chain, matches }] of rules.entries()) {
    const isLast = index === rules.length - 1;
    message(NFT_MSG.newRule, NLM_F_APPEND | (isLast ? NLM_F.ack : 0), () => {
      encodeRule(encoder, table, chain, matches);
    });
  }
  const last = sequence - 1;
  edge(NFNL_MSG_BATCH.end);
  return { bytes: encoder.bytes, last };
}

function rulesFor({ ends, devices }: TraceRequest): { chain: string; matches: Match[] }[] {
  const [from, to] = [NFT_META.iifname, NFT_META.oifname];
  return [
    ...ends.flatMap(({ ip, port }) => [
      {
        chain: "prerouting",
        matches: [isAddress(IP.destination, ip), IS_UDP, isPort(UDP.destination, port)],
      },
      { chain: "output", matches: [isAddress(IP.source, ip), IS_UDP, isPort(UDP.source, port)] },
    ]),
    ...devices.flatMap((device) => [
      { chain: "prerouting", matches: [isDevice(from, device)] },
      { chain: "forward", matches: [isDevice(to, device)] },
      { chain: "output", matches: [isDevice(to, device)] },
    ]),
  ];
}

function isAddress(offset: number, ip: string): Match {
  const field = { base: NFT_PAYLOAD.network, offset, length: 4 };
  return { field, writeValue: (encoder) => encoder.address(ip) };
}

function isPort(offset: number, port: number): Match {
  const field = { base: NFT_PAYLOAD.transport, offset, length: 2 };
  return { field, writeValue: (encoder) => encoder.networkShort(port) };
}

function isDevice(meta: number, device: string): Match {
  return {
    field: { meta },
    writeValue: (encoder) => {
      const end = encoder.length + IFNAMSIZ;
      encoder.text(device);
      encoder.fill(end);
    },
  };
}

function encodeChain(encoder: NetlinkEncoder, table: string, chain: string, hook: number): void {
  encoder.attribute(NFTA_TABLE, () => encoder.string(table));
  encoder.attribute(NFTA_CHAIN_NAME, () => encoder.string(chain));
  encoder.nested(NFTA_CHAIN.hook, () => {
    encoder.attribute(NFTA_HOOK.number, () => encoder.networkWord(hook));
    encoder.attribute(NFTA_HOOK.priority, () => encoder.networkWord(PRIORITY));
  });
  encoder.attribute(NFTA_CHAIN.type, () => encoder.string("filter"));
}

function encodeRule(encoder: NetlinkEncoder, table: string, chain: string, matches: readonly Match[]): void {
  encoder.attribute(NFTA_TABLE, () => encoder.string(table));
  encoder.attribute(NFTA_RULE_CHAIN, () => encoder.string(chain));
  encoder.nested(NFTA_RULE_EXPRESSIONS, () => {
    for (const match of matches) encodeMatch(encoder, match);
    encodeExpression(encoder, "limit", (word) => {
      encoder.attribute(NFTA_LIMIT.rate, () => encoder.networkLong(RATE));
      encoder.attribute(NFTA_LIMIT.unit, () => encoder.networkLong(1));
      word(NFTA_LIMIT.burst, RATE);
      word(NFTA_LIMIT.type, 0);
    });
    encodeExpression(encoder, "immediate", (word) => {
      word(NFTA_IMMEDIATE.register, NFT_REG_1);
      encoder.nested(NFTA_IMMEDIATE.data, () => encoder.attribute(NFTA_DATA.value, () => encoder.byte(1)));
    });
    encodeExpression(encoder, "meta", (word) => {
      word(NFTA_META.key, NFT_META.nftrace);
      word(NFTA_META.fromRegister, NFT_REG_1);
    });
  });
}

function encodeMatch(encoder: NetlinkEncoder, { field, writeValue }: Match): void {
  encodeExpression(encoder, "meta" in field ? "meta" : "payload", (word) => {
    if ("meta" in field) {
      word(NFTA_META.toRegister, NFT_REG_1);
      word(NFTA_META.key, field.meta);
    } else {
      word(NFTA_PAYLOAD.register, NFT_REG_1);
      word(NFTA_PAYLOAD.base, field.base);
      word(NFTA_PAYLOAD.offset, field.offset);
      word(NFTA_PAYLOAD.length, field.length);
    }
  });
  encodeExpression(encoder, "cmp", (word) => {
    word(NFTA_CMP.register, NFT_REG_1);
    word(NFTA_CMP.op, NFT_CMP_EQ);
    encoder.nested(
      NFTA_CMP.data,
      () => encoder.attribute(NFTA_DATA.value, () => writeValue(encoder)),
    );
  });
}

/** @param writeData gets what writes an attribute of a word */
function encodeExpression(
  encoder: NetlinkEncoder,
  name: string,
  writeData: (word: (type: number, value: number) => void) => void,
): void {
  encoder.nested(NFTA_LIST_ELEM, () => {
    encoder.attribute(NFTA_EXPR.name, () => encoder.string(name));
    encoder.nested(
      NFTA_EXPR.data,
      () => writeData((type, value) => encoder.attribute(type, () => encoder.networkWord(value))),
    );
  });
}
