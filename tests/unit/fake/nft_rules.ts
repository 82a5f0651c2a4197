/** A field of a packet, in the words of `nft`. */
export type Field = string;

/** What fields are compared with. */
export type Right =
  | { readonly kind: "value"; readonly value: string | number }
  | { readonly kind: "values"; readonly values: readonly (string | number)[] }
  | { readonly kind: "set"; readonly set: string };

/** One statement of a rule. */
export type Statement =
  | {
    readonly kind: "match";
    readonly fields: readonly Field[];
    readonly isEqual: boolean;
    readonly right: Right;
  }
  | { readonly kind: "vmap"; readonly fields: readonly Field[]; readonly set: string }
  /** Sets an address to a value, or to what a map has for the fields. */
  | {
    readonly kind: "mangle";
    readonly field: Field;
    readonly value: string | { readonly fields: readonly Field[]; readonly set: string };
  }
  /** Marks the packet. Routing rules for marks are not modelled. */
  | { readonly kind: "mark"; readonly value: number }
  | { readonly kind: "nat"; readonly nat: "dnat" | "snat"; readonly ip: string }
  | { readonly kind: "queue"; readonly number: number }
  | { readonly kind: "jump" | "goto"; readonly target: string }
  | { readonly kind: "accept" | "drop" | "return" | "counter" | "notrack" }
  /** Matches what begins or answers a TCP connection. */
  | { readonly kind: "syn" }
  /** Lowers the segment size of such a packet. */
  | { readonly kind: "clamp"; readonly size: string }
  /** Matches packets within the limit, or over it; `set`: the limit applies to each address in it. */
  | { readonly kind: "limit"; readonly isOver: boolean; readonly set: string | null };

/** A rule as it was added. */
export interface RuleText {
  readonly text: string;
  readonly statements: readonly Statement[];
  readonly comment: string | null;
}

const TOKEN = /"[^"]*"|\{[^}]*\}|\S+/g;
const ONE_WORD = /^(iifname|oifname|@th,\d+,\d+)$/;
const TWO_WORDS = /^(meta iifkind|ip (saddr|daddr|protocol)|udp (sport|dport|length))$/;

/** Reads a rule. @throws {TypeError} at a word that it does not know */
export function parseRule(text: string): RuleText {
  const reader = new RuleReader(text);
  const statements: Statement[] = [];
  let comment: string | null = null;
  while (!reader.isAtEnd) {
    if (reader.accept("comment")) comment = unquote(reader.next());
    else statements.push(reader.statement());
  }
  return { text, statements, comment };
}

/** The names of the chains and sets that a rule refers to. */
export function referencesOf({ statements }: RuleText): { chains: string[]; sets: string[] } {
  const [chains, sets] = [[] as string[], [] as string[]];
  for (const statement of statements) {
    if (statement.kind === "jump" || statement.kind === "goto") chains.push(statement.target);
    else if (statement.kind === "vmap") sets.push(statement.set);
    else if (statement.kind === "limit" && statement.set !== null) sets.push(statement.set);
    else if (statement.kind === "match" && statement.right.kind === "set") sets.push(statement.right.set);
    else if (statement.kind === "mangle" && typeof statement.value === "object") {
      sets.push(statement.value.set);
    }
  }
  return { chains, sets };
}

/** Removes the quotes around a word. */
export function unquote(word: string): string {
  return word.replace(/^"(.*)"$/, "$1");
}

class RuleReader {
  readonly #text: string;
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = text.match(TOKEN) ?? [];
  }

  get isAtEnd(): boolean {
    return this.#at === this.#tokens.length;
  }

  next(): string {
    const token = this.#tokens[this.#at++];
    if (token === undefined) {
      throw new TypeError(`Something is missing at the end of the rule: ${this.#text}`);
    }
    return token;
  }

  accept(token: string): boolean {
    const isThere = this.#tokens[this.#at] === token;
    if (isThere) this.#at++;
    return isThere;
  }

  statement(): Statement {
    const word = this.next();
    switch (word) {
      case "accept":
      case "drop":
      case "return":
      case "counter":
      case "notrack":
        return { kind: word };
      case "jump":
      case "goto":
        return { kind: word, target: this.next() };
      case "queue":
        return this.#queue();
      case "limit":
        return this.#limit();
      case "update":
        return { kind: "limit", set: this.#set(), isOver: this.next().includes(" rate over ") };
      case "tcp":
        return this.#tcp();
      case "meta":
        if (this.#tokens[this.#at] !== "mark" || this.#tokens[this.#at + 1] !== "set") break;
        this.#at += 2;
        return { kind: "mark", value: Number(this.next()) };
      case "dnat":
      case "snat":
        this.#expect("to");
        return { kind: "nat", nat: word, ip: this.next() };
    }
    this.#at--;
    return this.#expression();
  }

  #queue(): Statement {
    this.#expect("num");
    const number = Number(this.next());
    this.accept("bypass");
    return { kind: "queue", number };
  }

  #tcp(): Statement {
    if (this.accept("flags")) {
      for (const word of ["&", "(syn|rst)", "==", "syn"]) this.#expect(word);
      return { kind: "syn" };
    }
    for (const word of ["option", "maxseg", "size", "set"]) this.#expect(word);
    if (this.accept("rt")) this.#expect("mtu");
    const size = this.#tokens[this.#at - 1] === "mtu" ? "rt mtu" : this.next();
    return { kind: "clamp", size };
  }

  #limit(): Statement {
    this.#expect("rate");
    const isOver = this.accept("over");
    this.next();
    if (this.accept("burst")) {
      this.next();
      this.#expect("packets");
    }
    return { kind: "limit", isOver, set: null };
  }

  #expression(): Statement {
    const fields = this.#fields();
    if (this.accept("vmap")) return { kind: "vmap", fields, set: this.#set() };
    if (this.accept("set")) return { kind: "mangle", field: fields[0]!, value: this.#newValue() };
    const isEqual = !this.accept("!=");
    return { kind: "match", fields, isEqual, right: readRight(this.next()) };
  }

  #newValue(): string | { fields: Field[]; set: string } {
    if (/^[\d.]+$/.test(this.#tokens[this.#at] ?? "")) return this.next();
    const fields = this.#fields();
    this.#expect("map");
    return { fields, set: this.#set() };
  }

  #fields(): Field[] {
    const fields = [this.#field()];
    while (this.accept(".")) fields.push(this.#field());
    return fields;
  }

  #field(): Field {
    const word = this.next();
    if (ONE_WORD.test(word)) return word;
    if (word === "fib") {
      this.#expect("saddr");
      this.#expect("type");
      return "fib saddr type";
    }
    const both = `${word} ${this.next()}`;
    if (!TWO_WORDS.test(both)) throw new TypeError(`Unknown word "${both}" in the rule: ${this.#text}`);
    return both;
  }

  #set(): string {
    const word = this.next();
    if (!word.startsWith("@")) throw new TypeError(`No set "${word}" in the rule: ${this.#text}`);
    return word.slice(1);
  }

  #expect(word: string): void {
    if (!this.accept(word)) throw new TypeError(`No "${word}" in the rule: ${this.#text}`);
  }
}

function readRight(word: string): Right {
  if (word.startsWith("@")) return { kind: "set", set: word.slice(1) };
  const list = /^\{ (.*) \}$/.exec(word)?.[1];
  return list === undefined
    ? { kind: "value", value: readValue(word) }
    : { kind: "values", values: list.split(", ").map(readValue) };
}

function readValue(word: string): string | number {
  return /^\d+$/.test(word) ? Number(word) : unquote(word);
}
