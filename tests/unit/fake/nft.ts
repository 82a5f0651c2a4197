import type { TableChange } from "../../../lib/kernel_ports.ts";
import type { Changes } from "./changes.ts";
import { isIn, networkOf } from "./fib.ts";
import { parseRule, referencesOf } from "./nft_rules.ts";
import {
  copyTable,
  type FakeChain,
  type FakeElement,
  type FakeSet,
  type FakeTable,
  type Hook,
  isLive,
  liveElements,
} from "./nft_tables.ts";
import { Refused } from "./refused.ts";

/** Why the kernel refused a command, and the word that it refused. */
class NftError extends Error {
  readonly word: string;

  constructor(errno: string, word: string) {
    super(errno);
    this.word = word;
  }
}

const NOT_THERE = "No such file or directory";
const EXISTS = "File exists";
const BUSY = "Device or resource busy";

/** Properties in which kernels differ. */
export interface NftOptions {
  /** Whether adding an element again sets its timeout anew, as since Linux 6.12, or keeps the old timeout. */
  readonly updatesTimeouts: boolean;
  /** Whether rules can change segment sizes of TCP connections. */
  readonly canClamp: boolean;
  /** Whether sets can be of bytes at an offset. */
  readonly canHint: boolean;
}

/** The tables (family ip) of a fake kernel. It understands just the commands that a plan may have. */
export class FakeNft {
  /** Tables by name. Do not keep references: a failed transaction replaces the table objects. */
  readonly tables = new Map<string, FakeTable>();
  readonly #changes: Changes;
  readonly #now: () => number;
  readonly #options: NftOptions;
  readonly #refuses: (command: string) => string | null;
  #lastHandle = 0;
  /** Tables as they were before the current transaction, by name; null: there was no such table. */
  #before = new Map<string, FakeTable | null>();
  /** What the current transaction changed, by table. */
  #touched = new Map<string, TableChange>();
  /** Whether the current command can only remove. */
  #isRemoval = false;

  /**
   * @param now milliseconds of the monotonic clock
   * @param refuses why a command with one element is refused; null: it is not
   */
  constructor(
    changes: Changes,
    now: () => number,
    options: NftOptions,
    refuses: (command: string) => string | null = () => null,
  ) {
    this.#changes = changes;
    this.#now = now;
    this.#options = options;
    this.#refuses = refuses;
  }

  /** One transaction: all or nothing. @throws {Refused} in the words of `nft -f -` */
  run(lines: readonly string[]): void {
    this.#before = new Map();
    this.#touched = new Map();
    const errors: string[] = [];
    for (const [index, line] of lines.entries()) {
      try {
        this.#command(line);
      } catch (error) {
        if (!(error instanceof NftError)) {
          this.#rollBack();
          throw error;
        }
        errors.push(describe(error, index + 1, line));
        // It tells of all elements that are refused. Of other errors one would lead to the next.
        if (!line.includes(" element ")) break;
      }
    }
    if (errors.length > 0) {
      this.#rollBack();
      throw new Refused(errors.join("\n"));
    }
    if (this.#touched.size > 0) this.#changes.tell({ kind: "nft", tables: this.#touched });
  }

  #rollBack(): void {
    for (const [name, table] of this.#before) {
      if (table === null) this.tables.delete(name);
      else this.tables.set(name, table);
    }
  }

  #command(line: string): void {
    this.#isRemoval = /^(?:delete|flush) /.test(line);
    if (line === "flush ruleset") return [...this.tables.keys()].forEach((name) => this.#deleteTable(name));
    const [, verb, kind, table, name = "", rest = ""] = COMMAND.exec(line.replace(DORMANT, "")) ?? [];
    switch (`${verb} ${kind}`) {
      case "add table":
        return this.#addTable(table!, DORMANT.test(line));
      case "delete table":
        return this.#deleteTable(table!);
      case "add chain":
        return this.#addChain(this.#find(table!), name, parseHook(rest, line));
      case "flush chain":
      case "delete chain":
      case "add rule":
      case "delete rule":
        return this.#changeChain(`${verb} ${kind}`, this.#find(table!), name, rest);
      case "add map":
      case "add set":
        return this.#addSet(this.#find(table!), name, parseSet(rest, kind!, line));
      case "delete map":
      case "delete set":
        return this.#deleteSet(this.#find(table!), name);
      case "add element":
      case "delete element":
        return this.#changeElements(verb!, this.#find(table!), name, rest);
    }
    throw new TypeError(`Unknown command: nft ${line}`);
  }

  #addTable(name: string, isDormant: boolean): void {
    if (this.tables.get(name)?.isDormant === isDormant) return;
    if (this.tables.has(name)) {
      this.#find(name).isDormant = isDormant;
      return this.#note(name, [""]);
    }
    if (!this.#before.has(name)) this.#before.set(name, null);
    this.#note(name, [""]);
    const empty = { chains: new Map(), sets: new Map(), lastHandle: 0, isDormant };
    this.tables.set(name, { handle: ++this.#lastHandle, ...empty });
  }

  #deleteTable(name: string): void {
    const table = this.#find(name);
    this.#touch(table, "", ...table.chains.keys());
    this.tables.delete(name);
  }

  #find(name: string): FakeTable {
    const table = this.tables.get(name);
    if (table === undefined) throw new NftError(NOT_THERE, name);
    if (!this.#before.has(name)) this.#before.set(name, copyTable(table));
    return table;
  }

  #touch(table: FakeTable, ...chains: readonly string[]): void {
    const [name] = this.tables.entries().find(([, other]) => other === table)!;
    this.#note(name, chains);
  }

  #note(table: string, more: readonly string[]): void {
    const { chains, onlyRemoves } = this.#touched.get(table) ?? { chains: [], onlyRemoves: true };
    this.#touched.set(table, {
      kind: "table",
      chains: [...new Set([...chains, ...more])],
      onlyRemoves: onlyRemoves && this.#isRemoval,
    });
  }

  #addChain(table: FakeTable, name: string, hook: Hook | null): void {
    const found = table.chains.get(name);
    if (found === undefined) table.chains.set(name, { handle: ++table.lastHandle, hook, rules: [] });
    else if (hook !== null && JSON.stringify(found.hook) !== JSON.stringify(hook)) {
      throw new NftError("Operation not supported", name);
    }
    this.#touch(table, ...(found === undefined ? [name] : []));
  }

  #changeChain(command: string, table: FakeTable, name: string, rest: string): void {
    const chain = table.chains.get(name);
    if (chain === undefined) throw new NftError(NOT_THERE, name);
    switch (command) {
      case "add rule":
        return this.#addRule(table, name, chain, rest);
      case "delete rule": {
        const handle = /^handle (\d+)$/.exec(rest)?.[1] ?? "";
        const rules = chain.rules.filter((rule) => rule.handle !== Number(handle));
        if (rules.length === chain.rules.length) throw new NftError(NOT_THERE, handle);
        chain.rules = rules;
        return this.#touch(table, name);
      }
      case "delete chain":
        if (isReferenced(table, name, chain)) throw new NftError(BUSY, name);
        table.chains.delete(name);
        return this.#touch(table, name);
      case "flush chain":
        if (chain.rules.length > 0) this.#touch(table, name);
        chain.rules = [];
    }
  }

  #addRule(table: FakeTable, name: string, chain: FakeChain, text: string): void {
    const rule = parseRule(text);
    const isPossible = this.#options.canClamp || rule.statements.every(({ kind }) => kind !== "clamp");
    if (!isPossible) throw new NftError(NOT_THERE, text);
    const { chains, sets } = referencesOf(rule);
    for (const target of chains) if (!table.chains.has(target)) throw new NftError(NOT_THERE, target);
    for (const set of sets) if (!table.sets.has(set)) throw new NftError(NOT_THERE, `@${set}`);
    chain.rules = [...chain.rules, { ...rule, handle: ++table.lastHandle }];
    this.#touch(table, name);
  }

  #addSet(table: FakeTable, name: string, fields: Omit<FakeSet, "handle" | "elements">): void {
    if (!this.#options.canHint && fields.type.some((type) => type.startsWith("@th"))) {
      throw new NftError(NOT_THERE, name);
    }
    const found = table.sets.get(name);
    if (found === undefined) {
      table.sets.set(name, { ...fields, handle: ++table.lastHandle, elements: new Map() });
    } else if (`${found.type} ${found.data}` !== `${fields.type} ${fields.data}`) {
      throw new NftError(EXISTS, name);
    }
    this.#touch(table);
  }

  #deleteSet(table: FakeTable, name: string): void {
    if (!table.sets.has(name)) throw new NftError(NOT_THERE, name);
    const rules = [...table.chains.values()].flatMap(({ rules }) => rules);
    if (rules.some((rule) => referencesOf(rule).sets.includes(name))) throw new NftError(BUSY, name);
    table.sets.delete(name);
    this.#touch(table);
  }

  #changeElements(verb: string, table: FakeTable, name: string, text: string): void {
    const set = table.sets.get(name);
    if (set === undefined) throw new NftError(NOT_THERE, name);
    const list = /^\{ (.*) \}$/.exec(text)?.[1];
    if (list === undefined) throw new TypeError(`No elements: ${text}`);
    for (const element of list.split(", ")) {
      const [, key, seconds, milliseconds, data] = ELEMENT.exec(element) ?? [];
      if (key === undefined) throw new TypeError(`Cannot read the element ${element} of ${name}`);
      const why = this.#refuses(`${verb} element ${name} { ${element} }`);
      if (why !== null) throw new NftError(why, key);
      if (verb === "delete") this.#deleteElement(table, set, key);
      else {
        const timeout = seconds === undefined ? null : Number(seconds) * 1000 + Number(milliseconds);
        this.#addElement(table, set, { key, data: data ?? null, timeout });
      }
    }
  }

  #deleteElement(table: FakeTable, { elements }: FakeSet, key: string): void {
    const found = elements.get(key);
    if (found === undefined || !isLive(found, this.#now())) throw new NftError(NOT_THERE, key);
    elements.delete(key);
    this.#touch(table);
  }

  #addElement(table: FakeTable, set: FakeSet, element: Omit<FakeElement, "expiresAt">): void {
    const { key, data, timeout } = element;
    if ((data === null) !== (set.data === null)) throw new TypeError(`Element ${key} is of another kind`);
    const target = /^(?:goto|jump) (.*)$/.exec(data ?? "")?.[1];
    if (target !== undefined && !table.chains.has(target)) throw new NftError(NOT_THERE, target);
    const found = set.elements.get(key);
    const isThere = found !== undefined && isLive(found, this.#now());
    if (isThere && found.data !== data) throw new NftError(EXISTS, key);
    if (!isThere && set.flags.includes("interval")) this.#checkOverlap(set, key);
    if (isThere && (!this.#options.updatesTimeouts || timeout === null && found.timeout === null)) return;
    const expiresAt = timeout === null ? null : this.#now() + timeout;
    if (!isThere) set.elements.delete(key);
    set.elements.set(key, { ...element, expiresAt });
    this.#touch(table);
  }

  #checkOverlap(set: FakeSet, key: string): void {
    for (const other of liveElements(set, this.#now())) {
      if (overlap(key, other.key)) throw new NftError(EXISTS, key);
    }
  }
}

const DORMANT = / \{ flags dormant; \}$/;
const COMMAND = /^(\w+) (table|chain|rule|set|map|element) ip ([\w.-]+)(?: ([\w.-]+)(?: (.*))?)?$/;

/** An address, perhaps with ports, or a quoted device, perhaps with a network; then perhaps a timeout and data. */
const ELEMENT =
  /^([\d.]+(?: \. \d+){0,2}|"[\w.-]+"(?: \. [\d./]+)?)(?: timeout (\d{1,8})s(\d{1,3})ms)?(?: : (.+))?$/;

/** Whether a rule of another chain or an element jumps to a chain. */
function isReferenced({ chains, sets }: FakeTable, name: string, chain: FakeChain): boolean {
  const others = [...chains.values()].filter((other) => other !== chain).flatMap(({ rules }) => rules);
  const data = [...sets.values()].flatMap(({ elements }) => [...elements.values()].map(({ data }) => data));
  return others.some((rule) => referencesOf(rule).chains.includes(name)) ||
    data.some((verdict) => verdict === `goto ${name}` || verdict === `jump ${name}`);
}

/** Whether two elements of an interval set overlap. */
function overlap(a: string, b: string): boolean {
  const [first, second] = [a, b].map((key) => key.split(" . "));
  if (first!.slice(0, -1).join() !== second!.slice(0, -1).join()) return false;
  const [[network, length], [otherNetwork, otherLength]] = [
    networkOf(first!.at(-1)!),
    networkOf(second!.at(-1)!),
  ];
  return isIn(network, otherNetwork, Math.min(length, otherLength));
}

function parseHook(text: string, line: string): Hook | null {
  if (text === "") return null;
  const form = /^\{ type (\w+) hook (\w+) priority (-?\d+); policy (\w+); \}$/;
  const [, type, hook, priority, policy] = form.exec(text) ?? [];
  if (policy === undefined) throw new TypeError(`Unknown chain: nft ${line}`);
  return { type: type!, hook: hook!, priority: Number(priority), policy };
}

function parseSet(text: string, kind: string, line: string): Omit<FakeSet, "handle" | "elements"> {
  const clauses = (/^\{ (.*); \}$/.exec(text)?.[1] ?? "").split("; ").map((clause) => {
    const [, word, value] = /^(type|typeof|flags|size|timeout) (.*)$/.exec(clause) ?? [];
    if (value === undefined) throw new TypeError(`Unknown word "${clause}": nft ${line}`);
    return [word!, value] as const;
  });
  const { type, typeof: fields, flags, size, timeout } = Object.fromEntries(clauses) as Record<
    string,
    string | undefined
  >;
  const [key, data] = (type ?? fields ?? "").split(" : ");
  if ((data === undefined) !== (kind === "set")) throw new TypeError(`No ${kind}: nft ${line}`);
  if (timeout !== undefined && timeout !== "1m") throw new TypeError(`Unknown timeout: nft ${line}`);
  return {
    type: key!.split(" . "),
    data: data ?? null,
    flags: flags?.split(",") ?? [],
    size: size === undefined ? null : Number(size),
    timeout: timeout === undefined ? null : 60,
  };
}

/** The error as `nft -f -` prints it. */
function describe({ message, word }: NftError, number: number, line: string): string {
  const start = Math.max(0, line.lastIndexOf(word));
  const place = `/dev/stdin:${number}:${start + 1}-${start + word.length}`;
  const carets = " ".repeat(start) + "^".repeat(word.length);
  return `${place}: Error: Could not process rule: ${message}\n${line}\n${carets}`;
}
