import type { NftObject } from "../../../lib/kernel/listing.ts";

interface FakeChain {
  rules: string[];
}

/** A command that the kernel refused, with its words. */
export class Refused extends Error {}

/** The tables of a kernel in memory, which understands just the commands of nft that a plan may have. */
export class FakeNft {
  readonly tables = new Map<
    string,
    { chains: Map<string, FakeChain>; sets: Map<string, Map<string, string>> }
  >();

  /** One transaction: all or nothing. */
  run(lines: readonly string[]): void {
    const before = structuredClone(this.tables);
    try {
      for (const line of lines) this.#nftLine(line);
    } catch (error) {
      this.tables.clear();
      for (const [name, table] of before) this.tables.set(name, table);
      throw error;
    }
  }

  #nftLine(line: string): void {
    const [verb, kind, , table, name, ...rest] = line.split(" ");
    if (`${verb} ${kind}` === "add table") {
      if (!this.tables.has(table!)) this.tables.set(table!, { chains: new Map(), sets: new Map() });
      return;
    }
    const found = this.tables.get(table!);
    if (found === undefined) throw new Refused(`No such table: ${line}`);
    const { chains, sets } = found;
    switch (`${verb} ${kind}`) {
      case "add chain":
        if (!chains.has(name!)) chains.set(name!, { rules: [] });
        return;
      case "flush chain":
        chainOf(chains, name!).rules = [];
        return;
      case "delete chain":
        if (chainOf(chains, name!).rules.length > 0) throw new Refused(`Device or resource busy: ${line}`);
        chains.delete(name!);
        return;
      case "add rule":
        chainOf(chains, name!).rules.push(rest.join(" "));
        return;
      case "add map":
      case "add set":
        if (!sets.has(name!)) sets.set(name!, new Map());
        return;
      case "delete map":
      case "delete set":
        if (!sets.delete(name!)) throw new Refused(`No such set: ${line}`);
        return;
      case "add element":
      case "delete element":
        return changeElements(verb!, sets.get(name!), rest.join(" "), line);
      default:
        throw new TypeError(`Unknown command: nft ${line}`);
    }
  }

  /** What `nft -j list table` would print of a table; nothing where there is none. */
  show(name: string): NftObject[] {
    const table = this.tables.get(name);
    if (table === undefined) return [];
    const sets = [...table.sets].map(([name, elements]): NftObject =>
      /^(remotes|locals)-/.test(name)
        ? { map: { name, elem: [...elements].map(([key, data]) => [showKey(key), data]) } }
        : { set: { name, elem: [...elements.keys()].map(showElement) } }
    );
    const chains = [...table.chains].flatMap(([chain, { rules }]): NftObject[] => [
      { chain: { name: chain } },
      ...rules.map((rule): NftObject => {
        const [, comment] = /comment "(.*)"$/.exec(rule) ?? [];
        const [, several, one] = /udp dport (?:\{ (.*?) \}|(\d+))/.exec(rule) ?? [];
        const ports = several === undefined ? Number(one) : { set: several.split(", ").map(Number) };
        const expr = [{ match: { left: { payload: { protocol: "udp", field: "dport" } }, right: ports } }];
        return { rule: comment === undefined ? { chain } : { chain, comment, expr } };
      }),
    ]);
    return [...sets, ...chains];
  }
}

function chainOf(chains: Map<string, FakeChain>, name: string): FakeChain {
  const chain = chains.get(name);
  if (chain === undefined) throw new Refused(`No such chain: ${name}`);
  return chain;
}

function changeElements(
  verb: string,
  set: Map<string, string> | undefined,
  text: string,
  line: string,
): void {
  const list = /^\{ (.*) \}$/.exec(text)?.[1];
  if (set === undefined || list === undefined) throw new Refused(`No such set, or no elements: ${line}`);
  for (const element of list.split(", ")) {
    const match = ELEMENT.exec(element);
    if (match === null) throw new Refused(`Bad element ${element}: ${line}`);
    const [, key, data = ""] = match;
    if (verb === "delete") {
      if (!set.delete(key!)) throw new Refused(`No such element: ${line}`);
    } else {
      if (set.has(key!) && set.get(key!) !== data) throw new Refused(`File exists: ${line}`);
      set.set(key!, data);
    }
  }
}

/** An address, with ports or without; a quoted device, with a network or without; then a timeout, then data. */
const ELEMENT =
  /^([\d.]+(?: \. \d+ \. \d+)?|"[\w.-]+"(?: \. [\d./]+)?)(?: timeout \d{1,8}s\d{1,3}ms)?(?: : (.+))?$/;

function showKey(key: string): { concat: (string | number)[] } {
  const [ip, port, ownPort] = key.split(" . ");
  return { concat: [ip!, Number(port), Number(ownPort)] };
}

function showElement(element: string) {
  const [first, network] = element.replaceAll('"', "").split(" . ");
  if (network === undefined) return first!;
  const [addr, len] = network.split("/");
  return { concat: [first!, len === undefined ? addr! : { prefix: { addr: addr!, len: Number(len) } }] };
}
