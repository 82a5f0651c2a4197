import { createHash } from "node:crypto";
import { type Endpoint, formatEndpoint } from "../packet.ts";
import type { GateRules, Remote } from "./state.ts";

/** Auth packets let through to the program, so that no flood of junk keeps it from its work. */
const LIMITS = {
  /** For each address a tunnel goes to: a lane that others' junk cannot fill. */
  known: "20/second burst 40 packets",
  /** For each other source address. */
  source: "5/second burst 20 packets",
  /** For all other sources together. */
  total: "200/second burst 200 packets",
  /** Source addresses remembered at the same time, and for how long after their last packet. */
  sources: 65_535,
  memory: "1m",
} as const;

/** Bytes of an IPv4 header without options: the least that tunnelled data has. */
const INNER_HEADER_LENGTH = 20;

/** Names of the sets and maps of a gate. */
export function gateNames(name: string) {
  return {
    gate: `gate-${name}`,
    fou: `fou-${name}`,
    auth: `auth-${name}`,
    alt: `alt-${name}`,
    untrack: `untrack-${name}`,
    rewrite: `rewrite-${name}`,
    remotes: `remotes-${name}`,
    locals: `locals-${name}`,
    addresses: `addresses-${name}`,
    alts: `alts-${name}`,
    limits: `limits-${name}`,
  } as const;
}

/** The order in which chains, sets and maps can be deleted, once all chains are flushed. */
export const GATE_SETS = ["remotes", "locals", "addresses", "alts", "limits"] as const;
/** Chains of a gate; see `GATE_SETS`. */
export const GATE_CHAINS = ["gate", "untrack", "rewrite", "fou", "auth", "alt"] as const;

/** Names of everything a gate of these rules consists of. */
export function partsOf({ name, readdresses }: GateRules): Set<string> {
  const { untrack, rewrite, locals, alts, ...always } = gateNames(name);
  return new Set([...Object.values(always), ...(readdresses ? [untrack, rewrite, locals, alts] : [])]);
}

/** A short text that is the same exactly where the rules are the same; it ends with their number. */
export function fingerprintOf(rules: GateRules): string {
  const commands = definitions(rules, "");
  const hash = createHash("sha256").update(commands.join("\n")).digest("hex").slice(0, 12);
  return `${hash}.${commands.filter((command) => command.startsWith("add rule")).length}`;
}

/** The comment on the gate's first rule; `parseGateComment` reads it. */
function gateComment(rules: GateRules): string {
  return `${rules.mark} ${formatEndpoint(rules.local)} ${fingerprintOf(rules)}`;
}

/** Reads the comment of a gate's first rule; null when it is none of ours. */
export function parseGateComment(
  comment: string,
): { mark: string; local: Endpoint; fingerprint: string } | null {
  const match = /^(\S+) ([\d.]+):(\d+) ([0-9a-f]+\.\d+)$/.exec(comment);
  if (match === null) return null;
  const [, mark, ip, port, fingerprint] = match;
  return { mark: mark!, local: { ip: ip!, port: Number(port) }, fingerprint: fingerprint! };
}

/** Commands for `nft -f` that define a gate with empty sets. */
export function defineGate(rules: GateRules): string[] {
  return definitions(rules, ` comment "${gateComment(rules)}"`);
}

/** Commands for `nft -f` that delete what is there of a gate: `parts` names its chains, sets and maps. */
export function deleteGate(table: string, name: string, parts: ReadonlySet<string>): string[] {
  const names = gateNames(name);
  const chains = GATE_CHAINS.map((chain) => names[chain]).filter((chain) => parts.has(chain));
  const sets = GATE_SETS.map((set) => names[set]).filter((set) => parts.has(set));
  return [
    ...chains.map((chain) => `flush chain ip ${table} ${chain}`),
    ...sets.map((set) => `delete ${isMap(set) ? "map" : "set"} ip ${table} ${set}`),
    ...chains.map((chain) => `delete chain ip ${table} ${chain}`),
  ];
}

function isMap(set: string): boolean {
  return set.startsWith("remotes-") || set.startsWith("locals-");
}

function definitions(rules: GateRules, comment: string): string[] {
  const { table, name, local, queue } = rules;
  const names = gateNames(name);
  const count = rules.counter ? "counter " : "";
  const device = rules.device === null ? "" : `iifname "${rules.device}" `;
  const rule = (chain: string, text: string) => `add rule ip ${table} ${chain} ${text}`;
  return [
    `add table ip ${table}`,
    `add chain ip ${table} ${names.gate} { type filter hook prerouting priority -150; policy accept; }`,
    `add chain ip ${table} ${names.fou}`,
    `add chain ip ${table} ${names.auth}`,
    `add chain ip ${table} ${names.alt}`,
    `add map ip ${table} ${names.remotes} { type ipv4_addr . inet_service : verdict; flags timeout; }`,
    `add set ip ${table} ${names.addresses} { type ipv4_addr; }`,
    `add set ip ${table} ${names.limits} { type ipv4_addr; size ${LIMITS.sources}; flags dynamic,timeout; ` +
    `timeout ${LIMITS.memory}; }`,
    rule(names.gate, `${device}ip daddr ${local.ip} udp dport ${local.port} jump ${names.fou}${comment}`),
    // Without FOU around it the kernel would hand the far side's IPIP to the same device, past the port check.
    rule(names.gate, `ip daddr ${local.ip} ip protocol 4 ip saddr @${names.addresses} ${count}drop`),
    ...rules.authLengths.flatMap(authMatches).map((match) => rule(names.fou, `${match} goto ${names.auth}`)),
    rule(names.fou, `ip saddr . udp sport vmap @${names.remotes}`),
    rule(names.fou, `${count}drop`),
    rule(names.auth, `ip saddr @${names.addresses} limit rate ${LIMITS.known} ${count}queue num ${queue}`),
    rule(names.auth, `update @${names.limits} { ip saddr limit rate over ${LIMITS.source} } ${count}drop`),
    rule(names.auth, `limit rate over ${LIMITS.total} ${count}drop`),
    rule(names.auth, `${count}queue num ${queue}`),
    ...(rules.readdresses ? readdressing(rules) : []),
  ];
}

/** Matches of datagrams with a payload of `length` bytes that is not an IPv4 packet of just that length. */
function authMatches(length: number): string[] {
  const exact = `udp length ${8 + length}`;
  if (length < INNER_HEADER_LENGTH) return [exact];
  return [`${exact} @th,64,4 != 4`, `${exact} @th,80,16 != ${length}`];
}

/**
 * Rules for remotes with a private local address. Rewriting is stateless both ways; what leaves is kept from
 * connection tracking, or a masquerading host would give these flows another source port.
 */
function readdressing({ table, name, local }: GateRules): string[] {
  const names = gateNames(name);
  const leaving = `ip saddr @${names.alts} udp sport ${local.port}`;
  return [
    `add map ip ${table} ${names.locals} { type ipv4_addr . inet_service : ipv4_addr; flags timeout; }`,
    `add set ip ${table} ${names.alts} { type ipv4_addr; }`,
    `add chain ip ${table} ${names.untrack} { type filter hook output priority -300; policy accept; }`,
    `add chain ip ${table} ${names.rewrite} { type filter hook postrouting priority -150; policy accept; }`,
    `add rule ip ${table} ${names.alt} ip daddr set ip saddr . udp sport map @${names.locals} accept`,
    `add rule ip ${table} ${names.untrack} ${leaving} notrack`,
    `add rule ip ${table} ${names.rewrite} ${leaving} ip saddr set ${local.ip}`,
  ];
}

/** Commands that let a remote in. @param now milliseconds of a clock that never jumps */
export function addRemote(table: string, name: string, remote: Remote, now: number): string[] {
  const names = gateNames(name);
  const key = `${remote.endpoint.ip} . ${remote.endpoint.port}`;
  const timeout = remote.expiresAt === null ? "" : ` timeout ${formatTimeout(remote.expiresAt - now)}`;
  const verdict = remote.alt === null ? "accept" : `goto ${names.alt}`;
  return [
    ...(remote.alt === null
      ? []
      : [`add element ip ${table} ${names.locals} { ${key}${timeout} : ${remote.alt} }`]),
    `add element ip ${table} ${names.remotes} { ${key}${timeout} : ${verdict} }`,
  ];
}

/** `nft` takes eight digits before a unit at most: milliseconds alone would end at 27 hours. */
function formatTimeout(milliseconds: number): string {
  const whole = Math.max(1, Math.round(milliseconds));
  return `${Math.floor(whole / 1000)}s${whole % 1000}ms`;
}

/** Commands that shut a remote out. */
export function deleteRemote(table: string, name: string, remote: Remote): string[] {
  const names = gateNames(name);
  const key = `${remote.endpoint.ip} . ${remote.endpoint.port}`;
  // An element with a timeout may have expired meanwhile; adding it first keeps its deletion from failing.
  const unbounded = { ...remote, expiresAt: null };
  return [
    ...(remote.expiresAt === null ? [] : addRemote(table, name, unbounded, 0)),
    `delete element ip ${table} ${names.remotes} { ${key} }`,
    ...(remote.alt === null ? [] : [`delete element ip ${table} ${names.locals} { ${key} }`]),
  ];
}
