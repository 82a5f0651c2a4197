import { parseIpv4 } from "../../../lib/ipv4.ts";
import { isIn, networkOf } from "./fib.ts";
import type { IpPacket } from "./ip_packet.ts";
import { type Field, type Right, type Statement, unquote } from "./nft_rules.ts";
import { type FakeChain, type FakeElement, type FakeSet, type FakeTable, isLive } from "./nft_tables.ts";

/** The devices that a rule can match. */
export interface Interfaces {
  /** The device by which a packet arrived, and the one by which it leaves; "": none. */
  readonly input: string;
  readonly output: string;
  /** The kind of a device: "ipip", "veth", …; "": none. */
  readonly kindOf: (device: string) => string;
  /** What kind of address one is to the host: "unicast", "local", … */
  readonly typeOf: (ip: string) => string;
}

/** What becomes of a packet at a hook. */
export type Verdict =
  | { readonly kind: "accept" | "drop" }
  | { readonly kind: "queue"; readonly number: number };

/** How a chain ended: with a verdict, or with a return to the chain that jumped to it. */
type End = Verdict | "return";

const ACCEPT: Verdict = { kind: "accept" };

/**
 * Runs all chains of a hook on a packet. They may change its addresses. Limits are never reached.
 *
 * @param now milliseconds of the monotonic clock
 */
export function judge(
  tables: ReadonlyMap<string, FakeTable>,
  hook: string,
  packet: IpPacket,
  interfaces: Interfaces,
  now: number,
): Verdict {
  const chains = [...tables.values()].filter(({ isDormant }) => !isDormant).flatMap((table) =>
    [...table.chains.values()].filter((chain) => chain.hook?.hook === hook).map((chain) => ({ table, chain }))
  ).sort((a, b) => a.chain.hook!.priority - b.chain.hook!.priority);
  for (const { table, chain } of chains) {
    const end = new Walk(table, packet, interfaces, now).run(chain);
    const verdict = end === "return" ? { kind: chain.hook!.policy as "accept" | "drop" } : end;
    if (verdict.kind !== "accept") return verdict;
  }
  return ACCEPT;
}

/** What follows a statement: the next statement, the next rule, a verdict, or another chain. */
type Step = "next" | "break" | End | { readonly kind: "jump" | "goto"; readonly target: string };

class Walk {
  readonly #table: FakeTable;
  readonly #packet: IpPacket;
  readonly #interfaces: Interfaces;
  readonly #now: number;

  constructor(table: FakeTable, packet: IpPacket, interfaces: Interfaces, now: number) {
    this.#table = table;
    this.#packet = packet;
    this.#interfaces = interfaces;
    this.#now = now;
  }

  run(chain: FakeChain): End {
    for (const { statements } of chain.rules) {
      const step = this.#runRule(statements);
      if (step === "next" || step === "break") continue;
      if (step === "return") return "return";
      if (!("target" in step)) return step;
      const end = this.run(this.#table.chains.get(step.target)!);
      if (end !== "return" || step.kind === "goto") return end;
    }
    return "return";
  }

  #runRule(statements: readonly Statement[]): Step {
    for (const statement of statements) {
      const step = this.#runStatement(statement);
      if (step !== "next") return step;
    }
    return "next";
  }

  #runStatement(statement: Statement): Step {
    switch (statement.kind) {
      case "counter":
      case "notrack":
      case "clamp":
        return "next";
      case "syn":
        return "break"; // no packet of the tests is TCP
      case "limit":
        return statement.isOver ? "break" : "next";
      case "match":
        return this.#matches(statement.fields, statement.isEqual, statement.right) ? "next" : "break";
      case "vmap":
        return readVerdict(this.#find(statement.set, statement.fields)?.data);
      case "mangle": {
        const { field, value } = statement;
        const ip = typeof value === "string" ? value : this.#find(value.set, value.fields)?.data;
        return this.#rewrite(field, ip ?? null);
      }
      case "mark":
        return "next";
      case "nat":
        this.#rewrite(statement.nat === "dnat" ? "ip daddr" : "ip saddr", statement.ip);
        return ACCEPT;
      case "queue":
      case "jump":
      case "goto":
        return statement;
      case "return":
        return "return";
      default:
        return { kind: statement.kind };
    }
  }

  #rewrite(field: Field, ip: string | null): Step {
    if (ip === null) return "break";
    if (field === "ip daddr") this.#packet.destination = ip;
    else this.#packet.source = ip;
    return "next";
  }

  #matches(fields: readonly Field[], isEqual: boolean, right: Right): boolean {
    const values = fields.map((field) => this.#read(field));
    if (values.includes(null)) return false;
    if (right.kind === "set") return (this.#find(right.set, fields) !== undefined) === isEqual;
    const wanted = right.kind === "values" ? right.values : [right.value];
    return wanted.some((value) => isValue(values[0]!, value)) === isEqual;
  }

  /** The element of a set that matches the fields of the packet. */
  #find(name: string, fields: readonly Field[]): FakeElement | undefined {
    const set = this.#table.sets.get(name)!;
    const values = fields.map((field) => this.#read(field));
    if (values.includes(null)) return undefined;
    const found = set.flags.includes("interval")
      ? findInterval(set, values as (string | number)[])
      : set.elements.get(values.map((value, index) => quote(value!, set.type[index]!)).join(" . "));
    return found !== undefined && isLive(found, this.#now) ? found : undefined;
  }

  /** The value of a field; null if the packet has no such field. */
  #read(field: Field): string | number | null {
    const packet = this.#packet;
    switch (field) {
      case "iifname":
        return this.#interfaces.input;
      case "meta iifkind":
        return this.#interfaces.kindOf(this.#interfaces.input);
      case "oifname":
        return this.#interfaces.output;
      case "ip saddr":
        return packet.source;
      case "ip daddr":
        return packet.destination;
      case "fib saddr type":
        return this.#interfaces.typeOf(packet.source);
      case "ip protocol":
        return packet.protocol;
      case "udp sport":
        return packet.isUdp ? packet.bits(0, 16) : null;
      case "udp dport":
        return packet.isUdp ? packet.bits(16, 16) : null;
      case "udp length":
        return packet.isUdp ? packet.bits(32, 16) : null;
    }
    const [, offset, length] = field.split(",");
    return packet.bits(Number(offset), Number(length));
  }
}

/** Whether a value is the one that is wanted, or in the network that is. */
function isValue(value: string | number, wanted: string | number): boolean {
  if (!String(wanted).includes("/")) return value === wanted;
  return isIn(parseIpv4(String(value))!, ...networkOf(String(wanted)));
}

function readVerdict(data: string | null | undefined): Step {
  if (data === null || data === undefined) return "break";
  const [kind, target] = data.split(" ");
  return target === undefined
    ? { kind: kind as "accept" | "drop" }
    : { kind: kind as "jump" | "goto", target };
}

function findInterval({ elements }: FakeSet, values: readonly (string | number)[]): FakeElement | undefined {
  return elements.values().find(({ key }) => {
    const parts = key.split(" . ");
    return parts.every((part, index) => {
      const value = String(values[index]);
      if (!/^[\d./]+$/.test(part)) return unquote(part) === value;
      return isIn(parseIpv4(value)!, ...networkOf(part));
    });
  });
}

/** A value as it is written in set elements. */
function quote(value: string | number, type: string): string {
  return type === "ifname" ? `"${value}"` : String(value);
}
