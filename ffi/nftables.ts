/** Numbers of nftables that requests, answers and news have in common. */

/** The high byte of the type of all messages. */
export const NFNL_SUBSYS_NFTABLES = 10;
/** The low byte. */
export const NFT_MSG = {
  newTable: 0,
  getTable: 1,
  delTable: 2,
  newChain: 3,
  getChain: 4,
  delChain: 5,
  newRule: 6,
  getRule: 7,
  delRule: 8,
  getSet: 10,
  delSet: 11,
  newSetElem: 12,
  getSetElem: 13,
  delSetElem: 14,
  newGen: 15,
  getGen: 16,
  delObject: 20,
  delFlowtable: 24,
} as const;
/** Types of the messages that begin and end a transaction. */
export const NFNL_MSG_BATCH = { begin: 16, end: 17 } as const;
/** Bytes of struct nfgenmsg, which follows struct nlmsghdr. */
export const NFT_HEADER = 4;
/** The attribute with the table's name, in messages of every kind (NFTA_RULE_TABLE, …). */
export const NFTA_TABLE = 1;
/** In messages about a chain or a rule. */
export const NFTA_CHAIN_NAME = 3;
export const NFTA_RULE_CHAIN = 2;
/** In messages about elements: NFTA_SET_ELEM_LIST_… */
export const ELEMENT_LIST = { set: 2, elements: 3 } as const;
/** Lists hold elements of this type. */
export const NFTA_LIST_ELEM = 1;
/** In an element of a set: NFTA_SET_ELEM_… */
export const ELEMENT = {
  ...{ key: 1, data: 2, flags: 3, timeout: 4, expiration: 5 },
  ...{ expression: 7, keyEnd: 10, expressions: 11 },
} as const;
export const NFTA_DATA = { value: 1, verdict: 2 } as const;
export const NFTA_VERDICT_CODE = 1;
/** In an expression of a rule. */
export const NFTA_EXPR = { name: 1, data: 2 } as const;
/** Bytes of a network device's name in registers and keys. */
export const IFNAMSIZ = 16;
