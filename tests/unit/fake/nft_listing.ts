import type { Field, Right, Statement } from "./nft_rules.ts";
import { unquote } from "./nft_rules.ts";
import {
  type FakeChain,
  type FakeElement,
  type FakeSet,
  type FakeTable,
  liveElements,
} from "./nft_tables.ts";

/** The objects that `nft -j list table ip NAME` (1.0.6) lists. @param now milliseconds of the monotonic clock */
export function listTable(name: string, table: FakeTable, now: number): Record<string, unknown>[] {
  const chains = [...table.chains];
  return [
    { metainfo: { version: "1.0.6", release_name: "Lester Gooch #5", json_schema_version: 1 } },
    { table: { family: "ip", name, handle: table.handle } },
    ...[...table.sets].map(([set, fields]) => listSet(name, set, fields, now)),
    ...chains.map(([chain, fields]) => listChain(name, chain, fields)),
    ...chains.flatMap(([chain, { rules }]) =>
      rules.map(({ handle, comment, statements }) => ({
        rule: {
          family: "ip",
          table: name,
          chain,
          handle,
          ...(comment === null ? {} : { comment }),
          expr: statements.map(listStatement),
        },
      }))
    ),
  ];
}

function listSet(table: string, name: string, set: FakeSet, now: number): Record<string, unknown> {
  const { type, data, flags, size, timeout, handle } = set;
  const elements = liveElements(set, now).map((element) => {
    const key = listKey(element, set, now);
    return data === null ? key : [key, listData(element.data!)];
  });
  const fields = {
    family: "ip",
    name,
    table,
    type: type.length === 1 ? type[0] : type,
    handle,
    ...(data === null ? {} : { map: data }),
    ...(size === null ? {} : { size }),
    ...(flags.length === 0 ? {} : { flags: flags.filter((flag) => flag !== "dynamic") }),
    ...(timeout === null ? {} : { timeout }),
    ...(elements.length === 0 ? {} : { elem: elements }),
  };
  return data === null ? { set: fields } : { map: fields };
}

function listKey({ key, timeout, expiresAt }: FakeElement, { type }: FakeSet, now: number): unknown {
  const parts = key.split(" . ").map((part, index) => listPart(part, type[index]!));
  const value = parts.length === 1 ? parts[0] : { concat: parts };
  if (timeout === null) return value;
  const seconds = (milliseconds: number) => Math.floor(milliseconds / 1000);
  return { elem: { val: value, timeout: seconds(timeout), expires: seconds(expiresAt! - now) } };
}

function listPart(part: string, type: string): unknown {
  if (type === "inet_service" || type.startsWith("@th")) return Number(part);
  const [addr, len] = unquote(part).split("/");
  return len === undefined ? addr : { prefix: { addr, len: Number(len) } };
}

function listData(data: string): unknown {
  const [verdict, target] = data.split(" ");
  if (target !== undefined) return { [verdict!]: { target } };
  return /^\d/.test(data) ? data : { [data]: null };
}

function listChain(table: string, name: string, { handle, hook }: FakeChain): Record<string, unknown> {
  const base = hook === null
    ? {}
    : { type: hook.type, hook: hook.hook, prio: hook.priority, policy: hook.policy };
  return { chain: { family: "ip", table, name, handle, ...base } };
}

function listStatement(statement: Statement): unknown {
  switch (statement.kind) {
    case "match": {
      const { fields, isEqual, right } = statement;
      return {
        match: { op: isEqual ? "==" : "!=", left: listFields(fields), right: listRight(right, fields) },
      };
    }
    case "vmap":
      return { vmap: { key: listFields(statement.fields), data: `@${statement.set}` } };
    case "mangle":
      return { mangle: { key: listFields([statement.field]), value: listNewValue(statement.value) } };
    case "mark":
      return { mangle: { key: { meta: { key: "mark" } }, value: statement.value } };
    case "nat":
      return { [statement.nat]: { addr: statement.ip } };
    case "queue":
      return { queue: { num: statement.number } };
    case "jump":
    case "goto":
      return { [statement.kind]: { target: statement.target } };
    case "counter":
      return { counter: { packets: 0, bytes: 0 } };
    case "syn": {
      const flags = { payload: { protocol: "tcp", field: "flags" } };
      return { match: { op: "==", left: { "&": [flags, ["syn", "rst"]] }, right: "syn" } };
    }
    case "clamp": {
      const value = statement.size === "rt mtu" ? { rt: { key: "mtu" } } : Number(statement.size);
      return { mangle: { key: { "tcp option": { name: "maxseg", field: "size" } }, value } };
    }
    case "limit":
      return listLimit(statement.isOver, statement.set);
    default:
      return { [statement.kind]: null };
  }
}

function listNewValue(value: string | { fields: readonly Field[]; set: string }): unknown {
  if (typeof value === "string") return value;
  return { map: { key: listFields(value.fields), data: `@${value.set}` } };
}

function listLimit(isOver: boolean, set: string | null): unknown {
  const limit = { limit: { rate: 1, per: "second", ...(isOver ? { inv: true } : {}) } };
  if (set === null) return limit;
  return { set: { op: "update", elem: listFields(["ip saddr"]), set: `@${set}`, stmt: [limit] } };
}

function listFields(fields: readonly Field[]): unknown {
  const parts = fields.map((field) => {
    const [first, second] = field.split(" ");
    if (first === "meta") return { meta: { key: second } };
    if (first === "fib") return { fib: { result: "type", flags: ["saddr"] } };
    if (second !== undefined) return { payload: { protocol: first, field: second } };
    const [, offset, len] = /^@th,(\d+),(\d+)$/.exec(field) ?? [];
    if (len === undefined) return { meta: { key: field } };
    return { payload: { base: "th", offset: Number(offset), len: Number(len) } };
  });
  return parts.length === 1 ? parts[0] : { concat: parts };
}

function listRight(right: Right, [field]: readonly Field[]): unknown {
  if (right.kind === "set") return `@${right.set}`;
  if (right.kind === "values") return { set: right.values };
  const [addr, len] = String(right.value).split("/");
  if (len !== undefined) return { prefix: { addr, len: Number(len) } };
  return field === "ip protocol" && right.value === 4 ? "ipencap" : right.value;
}
