import { constants } from "node:os";
import type { IpFou, IpLists, NftElement, NftRule, NftTable } from "../lib/listing.ts";
import type { KernelReader } from "../lib/kernel_ports.ts";
import { AF_INET, NETLINK, O_CLOEXEC, O_RDONLY, openFile } from "./descriptors.ts";
import { type Asker, askKernel, InterruptedDump } from "./dump.ts";
import { familyRequest, fouPortsRequest, parseFamily, parseFou } from "./fou_messages.ts";
import { Libc } from "./libc.ts";
import { joinDevices, namesOf, parseAddress, parseLink } from "./link_answers.ts";
import { makeRequest, NLM_F } from "./netlink_encoding.ts";
import type { Message } from "./netlink_messages.ts";
import { addressesRequest, linksRequest, routesRequest } from "./netlink_requests.ts";
import {
  parseChain,
  parseElements,
  parseGeneration,
  parseSet,
  parseTableUse,
  type SetRecord,
} from "./nft_answers.ts";
import { parseRule, type RuleRecord } from "./nft_rules.ts";
import { ELEMENT_LIST, NFNL_SUBSYS_NFTABLES, NFT_MSG, NFTA_TABLE } from "./nftables.ts";
import { parseRoute } from "./route_answers.ts";
import { SysError } from "./sys_error.ts";

/** What a kernel without nftables answers. */
const NO_NFTABLES = ["EPROTONOSUPPORT", "EOPNOTSUPP", "EINVAL"];
/** Texts of a request, each with the type of its attribute. */
type Names = readonly (readonly [type: number, name: string])[];
const NO_TABLE: NftTable = { exists: false, isEmpty: false, chains: [], rules: [], sets: [] };

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
      const links = asker.ask(linksRequest("all"), parseLink);
      const addresses = asker.ask(addressesRequest(), parseAddress);
      // A kernel that has never had a route has no such table.
      const listRoutes = () => asker.ask(routesRequest(), parseRoute);
      const routes = wants.routes ? unless(constants.errno.ENOENT, [], listRoutes) : [];
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
      return asker.ask(fouPortsRequest(family), parseFou);
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
        // The generation is that of all tables. What others do to this one meanwhile is news, which calls for a look.
        if (asker.isTolerant || generationOf(asker) === before) return table;
        throw new InterruptedDump(`Cannot read the nftables table ${name}: it changes all the time`);
      }, true);
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
        unless(constants.errno.ENODEV, [], () => asker.ask(linksRequest(index), parseLink))
      );
      return namesOf(links.map(({ device }) => device));
    });
  }
}

/** The number of FOU in generic netlink; null: the kernel has none. */
function findFou(asker: Asker): number | null {
  return unless(constants.errno.ENOENT, [], () => asker.ask(familyRequest(), parseFamily))[0] ?? null;
}

function generationOf(asker: Asker): number | undefined {
  return asker.ask(nftRequest(NFT_MSG.getGen, []), parseGeneration)[0];
}

function readTable(asker: Asker, name: string, isWanted: (set: string) => boolean): NftTable {
  const inTable = [NFTA_TABLE, name] as const;
  const find = () => asker.ask(nftRequest(NFT_MSG.getTable, [inTable]), parseTableUse);
  const [use] = unless(constants.errno.ENOENT, [], find);
  if (use === undefined) return NO_TABLE;
  // What is removed meanwhile is noticed by the ruleset's generation.
  const list = <T>(type: number, parse: (message: Message) => T | null, more: Names = []) =>
    unless(
      constants.errno.ENOENT,
      [],
      () => asker.ask(nftRequest(type, [inTable, ...more], NLM_F.dump), parse),
    );
  const elementsOf = (set: SetRecord) =>
    list(NFT_MSG.getSetElem, (message) => parseElements(message, set), [
      [ELEMENT_LIST.set, set.name],
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
      const isUnclear = readable.length < elements.length;
      return { name: set.name, type: set.type, elements: readable, isUnclear };
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

function nftRequest(type: number, names: Names, flags = 0): Uint8Array<ArrayBuffer> {
  return makeRequest(NFNL_SUBSYS_NFTABLES << 8 | type, flags, [AF_INET, 0, 0, 0], (encoder) => {
    for (const [attribute, name] of names) encoder.attribute(attribute, () => encoder.string(name));
  });
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
