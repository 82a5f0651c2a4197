import { constants } from "node:os";
import type { IpFou, IpLists, NftElement, NftRule, NftTable } from "../lib/listing.ts";
import type { KernelReader } from "../lib/ports.ts";
import { AF_INET, IS_LITTLE_ENDIAN, NETLINK, O_CLOEXEC, O_RDONLY, openFile } from "./descriptors.ts";
import { type Asker, askKernel, InterruptedDump, NLM_F_DUMP } from "./dump.ts";
import { parseFamily, parseFou } from "./fou_answers.ts";
import { Libc, SysError } from "./libc.ts";
import { joinDevices, namesOf, parseAddress, parseLink } from "./link_answers.ts";
import { LINK_HEADER, type Message, ROUTE_HEADER } from "./netlink_messages.ts";
import { type Attribute, makeRequest } from "./netlink_requests.ts";
import {
  NFT_HEADER,
  parseChain,
  parseElements,
  parseGeneration,
  parseSet,
  parseTableUse,
  type SetRecord,
} from "./nft_answers.ts";
import { parseRule, type RuleRecord } from "./nft_rules.ts";
import { parseRoute, type RouteRecord } from "./route_answers.ts";

const RTM = { getLink: 18, getAddress: 22, getRoute: 26 } as const;
/** Offsets in struct ifinfomsg and struct rtmsg. */
const LINK_INDEX = 4;
const ROUTE_TABLE = 4;
const RT_TABLE_MAIN = 254;
const IFLA_EXT_MASK = 29;
const RTEXT_FILTER_SKIP_STATS = 8;
const ADDRESS_HEADER = 8;

const GENL_ID_CTRL = 16;
const CTRL_CMD_GETFAMILY = 3;
const CTRL_ATTR_FAMILY_NAME = 2;
const FOU_CMD_GET = 3;

const NFNL_SUBSYS_NFTABLES = 10 << 8;
const NFT_MSG = { getTable: 1, getChain: 4, getRule: 7, getSet: 10, getSetElem: 13, getGen: 16 } as const;
/** The attribute with the table's name has this number in requests of every kind, and that with the set's is next. */
const NFTA_TABLE = 1;
const NFTA_SET_ELEM_LIST_SET = 2;

/** What a kernel without nftables answers. */
const NO_NFTABLES = ["EPROTONOSUPPORT", "EOPNOTSUPP", "EINVAL"];
const NO_TABLE: NftTable = { exists: false, isEmpty: false, chains: [], rules: [], sets: [] };

const WITHOUT_STATS: Attribute = [
  IFLA_EXT_MASK,
  Uint8Array.of(RTEXT_FILTER_SKIP_STATS, 0, 0, 0), // 32 bits in the machine's byte order, which is little-endian
];

/** Reads the kernel by netlink, in the network namespace of the process. */
export class NetlinkReader implements KernelReader {
  readonly #libc = new Libc();

  get hasTunnels(): boolean {
    try {
      // It has parameters, so this is here also where it is built in.
      using resources = new DisposableStack();
      openFile(this.#libc, "/sys/module/ipip", O_RDONLY | O_CLOEXEC, resources);
      return askKernel(this.#libc, NETLINK.generic, "the kernel's FOU", findFou) !== null;
    } catch {
      return false;
    }
  }

  lists(wants: { readonly routes: boolean }): Omit<IpLists, "fou"> {
    return askKernel(this.#libc, NETLINK.route, "the kernel's devices, addresses and routes", (asker) => {
      const links = asker.ask(linksRequest(), parseLink);
      const addresses = asker.ask(addressesRequest(), parseAddress);
      const routes = wants.routes ? listRoutes(asker) : [];
      const nameOf = namesOf(links.map(({ device }) => device));
      return {
        devices: joinDevices(links, addresses),
        routes: routes.map(({ route, device }) => ({ ...route, dev: nameOf(device) })),
      };
    });
  }

  fouPorts(): IpFou[] | null {
    const found = askKernel(this.#libc, NETLINK.generic, "the kernel's FOU ports", (asker) => {
      const family = findFou(asker);
      if (family === null) return null;
      return asker.ask(makeRequest(family, Uint8Array.of(FOU_CMD_GET, 1, 0, 0), [], NLM_F_DUMP), parseFou);
    });
    if (found === null) return null;
    const nameOf = this.#namesOf(new Set(found.flatMap(({ device }) => device ?? [])));
    return found.map(({ fou, device }) => ({ ...fou, dev: nameOf(device) }));
  }

  table(name: string, isWanted: (set: string) => boolean): NftTable | null {
    try {
      return askKernel(this.#libc, NETLINK.netfilter, `the kernel's nftables table ${name}`, (asker) => {
        const before = generationOf(asker);
        const table = readTable(asker, name, isWanted);
        if (generationOf(asker) === before) return table;
        throw new InterruptedDump(`Cannot read the nftables table ${name}: it changes all the time`);
      });
    } catch (error) {
      if (error instanceof SysError && NO_NFTABLES.includes(error.code)) return null;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#libc[Symbol.dispose]();
  }

  /** Names devices by their numbers, which are these. */
  #namesOf(indexes: ReadonlySet<number>): ReturnType<typeof namesOf> {
    if (indexes.size === 0) return namesOf([]);
    return askKernel(this.#libc, NETLINK.route, "the kernel's devices", (asker) => {
      const links = [...indexes].flatMap((index) =>
        unless(constants.errno.ENODEV, [], () => asker.ask(linkRequest(index), parseLink))
      );
      return namesOf(links.map(({ device }) => device));
    });
  }
}

/** The number of FOU in generic netlink; null: the kernel has none. */
function findFou(asker: Asker): number | null {
  const name = encode("fou");
  const request = makeRequest(GENL_ID_CTRL, Uint8Array.of(CTRL_CMD_GETFAMILY, 1, 0, 0), [
    [CTRL_ATTR_FAMILY_NAME, name],
  ]);
  return unless(constants.errno.ENOENT, [], () => asker.ask(request, parseFamily))[0] ?? null;
}

function linksRequest(): Uint8Array<ArrayBuffer> {
  return makeRequest(RTM.getLink, new Uint8Array(LINK_HEADER), [WITHOUT_STATS], NLM_F_DUMP);
}

function linkRequest(index: number): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(LINK_HEADER);
  new DataView(header.buffer).setInt32(LINK_INDEX, index, IS_LITTLE_ENDIAN);
  return makeRequest(RTM.getLink, header, [WITHOUT_STATS]);
}

function addressesRequest(): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(ADDRESS_HEADER);
  header[0] = AF_INET;
  return makeRequest(RTM.getAddress, header, [], NLM_F_DUMP);
}

/** Those of the main table; a kernel that has never had any has no such table. */
function listRoutes(asker: Asker): RouteRecord[] {
  const header = new Uint8Array(ROUTE_HEADER);
  [header[0], header[ROUTE_TABLE]] = [AF_INET, RT_TABLE_MAIN];
  const request = makeRequest(RTM.getRoute, header, [], NLM_F_DUMP);
  return unless(constants.errno.ENOENT, [], () => asker.ask(request, parseRoute));
}

function generationOf(asker: Asker): number | undefined {
  return asker.ask(nftRequest(NFT_MSG.getGen, []), parseGeneration)[0];
}

function readTable(asker: Asker, name: string, isWanted: (set: string) => boolean): NftTable {
  const inTable: Attribute = [NFTA_TABLE, encode(name)];
  const find = () => asker.ask(nftRequest(NFT_MSG.getTable, [inTable]), parseTableUse);
  const [use] = unless(constants.errno.ENOENT, [], find);
  if (use === undefined) return NO_TABLE;
  // What is removed meanwhile is noticed by the ruleset's generation.
  const list = <T>(type: number, parse: (message: Message) => T | null, more: readonly Attribute[] = []) =>
    unless(
      constants.errno.ENOENT,
      [],
      () => asker.ask(nftRequest(type, [inTable, ...more], NLM_F_DUMP), parse),
    );
  const elementsOf = (set: SetRecord) =>
    list(NFT_MSG.getSetElem, (message) => parseElements(message, set), [
      [NFTA_SET_ELEM_LIST_SET, encode(set.name)],
    ]).flat();
  const chains = list(NFT_MSG.getChain, (message) => parseChain(message, name));
  const rules = list(NFT_MSG.getRule, parseRule);
  const sets = list(NFT_MSG.getSet, parseSet);
  return {
    exists: true,
    isEmpty: use === 0,
    chains,
    rules: rules.map((record) => ruleOf(record, sets, elementsOf)),
    sets: sets.filter(({ isAnonymous }) => !isAnonymous).map((set) => {
      const elements = isWanted(set.name) ? elementsOf(set) : [];
      const readable = elements.filter((element) => element !== null);
      return { name: set.name, elements: readable, isUnclear: readable.length < elements.length };
    }),
  };
}

/** A rule of ours may have the ports it matches in a set of its own. */
function ruleOf(
  { rule, bySet }: RuleRecord,
  sets: readonly SetRecord[],
  elementsOf: (set: SetRecord) => (NftElement | null)[],
): NftRule {
  const matches = bySet.flatMap(({ name, set: wanted }) => {
    const set = rule.comment === "" || name !== "udp dport"
      ? undefined
      : sets.find(({ name }) => name === wanted);
    if (set === undefined) return [];
    const values = elementsOf(set).map((element) => Number(element?.key.join(" ")));
    return [{ name, value: values.sort((a, b) => a - b) }];
  });
  return { ...rule, expressions: [...rule.expressions, ...matches] };
}

function nftRequest(type: number, attributes: readonly Attribute[], flags = 0): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(NFT_HEADER);
  header[0] = AF_INET;
  return makeRequest(NFNL_SUBSYS_NFTABLES | type, header, attributes, flags);
}

/** @returns what `work` returns, or `otherwise` when the kernel answers it with this errno */
function unless<T>(errno: number, otherwise: T, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof SysError && error.errno === errno) return otherwise;
    throw error;
  }
}

function encode(name: string): Uint8Array {
  return new TextEncoder().encode(`${name}\0`);
}
