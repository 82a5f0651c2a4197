import { createHash } from "node:crypto";
import { parseIpv4 } from "../ipv4.ts";
import type { Endpoint } from "../packet.ts";
import { clamping } from "./clamp_rules.ts";
import { GATE_CHAINS, GATE_SETS, gateNames, type GateSet } from "./gate_names.ts";
import { hintRules, hintSets } from "./hint_rules.ts";
import { parseMark } from "./mark.ts";
import type { Gate, GateRules } from "./state.ts";

/** How many source addresses the rate limits remember, and for how long after the last packet of each. */
const SOURCES = 65_535;
const MEMORY = "1m";

/** How many peers the rate limits allow for: rounded up, so that adding or removing a peer rarely changes a rule. */
export function capacityFor(peers: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, peers)));
}

/**
 * Rate limits of auth packets. They keep a flood of junk from the program, and let all peers through: even if all come
 * at once from one address, twice, and then every 16 seconds.
 */
function limitsFor(capacity: number) {
  const limit = (rate: number, burst: number) => `${rate}/second burst ${burst} packets`;
  return {
    /** For each hint that some client gives now. A client needs one packet, and each may cost some signatures. */
    hint: limit(5, 20),
    /** For all of these together: at 20,000 packets a second of junk, capacity / 3.3 have such a hint by chance. */
    hints: limit(Math.max(200, capacity / 2), Math.max(200, 2 * capacity)),
    /** For each place that a tunnel goes to: the program can tell its client's packets from so many forged ones. */
    place: limit(100, 20),
    /** For other ports of all addresses that tunnels go to: junk from other addresses does not count. */
    known: limit(Math.max(20, capacity / 16), Math.max(40, 2 * capacity)),
    /** For each other source address. */
    source: limit(5, Math.max(20, 2 * capacity)),
    /** For all other sources together. */
    total: limit(200, Math.max(200, 2 * capacity)),
  };
}

/** How many packets of a wrong length are told: a few, as strangers may send more. */
const STRAYS = "6/minute burst 5 packets";

/** Bytes of an IPv4 header without options: the shortest tunnelled packet. */
const INNER_HEADER_LENGTH = 20;

/** A short text that is equal exactly where the rules are equal. It ends with their number. */
export function fingerprintOf(rules: GateRules): string {
  const commands = definitionsOf(rules, "");
  const hash = createHash("sha256").update(commands.join("\n")).digest("hex").slice(0, 12);
  return `${hash}.${commands.filter((command) => command.startsWith("add rule")).length}`;
}

/** The comment on the gate's first rule; `parseGateComment` reads it. The ports are in the rule itself. */
function gateComment(rules: GateRules): string {
  return `${rules.mark} ${rules.ip} ${fingerprintOf(rules)}`;
}

/** Reads the comment of a gate's first rule; null when it is not ours. */
export function parseGateComment(comment: string): { mark: string; ip: string; fingerprint: string } | null {
  const match = /^(\S+) ([\d.]+) ([0-9a-f]+\.\d+)$/.exec(comment);
  if (match === null) return null;
  const [, mark = "", ip = "", fingerprint = ""] = match;
  return parseMark(mark) === null || parseIpv4(ip) === null ? null : { mark, ip, fingerprint };
}

/** Commands for `nft -f` that define a gate with empty sets. @param there names of parts that are there, without rules */
export function defineGate(rules: GateRules, there: ReadonlySet<string> = new Set()): string[] {
  return definitionsOf(rules, ` comment "${gateComment(rules)}"`)
    .filter((line) => line.startsWith("add rule") || !there.has(nameIn(line)));
}

/** Commands for `nft -f` that delete a gate, as far as it is there. @param kept names of parts that stay, without rules */
export function deleteGate(
  { table, name, parts }: Pick<Gate, "table" | "name" | "parts">,
  kept: ReadonlySet<string> = new Set(),
): string[] {
  const names = gateNames(name);
  const chains = GATE_CHAINS.map((chain) => names[chain]).filter((chain) => parts.has(chain));
  const sets = GATE_SETS.filter((set) => parts.has(names[set]) && !kept.has(names[set]));
  return [
    ...chains.map((chain) => `flush chain ip ${table} ${chain}`),
    ...sets.map((set) => `delete ${isMap(set) ? "map" : "set"} ip ${table} ${names[set]}`),
    ...chains.filter((chain) => !kept.has(chain)).map((chain) => `delete chain ip ${table} ${chain}`),
  ];
}

/**
 * Names of the parts of a gate that can stay where another one replaces it: a packet that is in the old rules at that
 * moment finds nothing more in a map that goes (Linux 6.1 to 7.2), though the new one has the same in it. What remembers
 * rates begins anew, and so does what some versions of nft cannot read again. Of rules that another process made, only
 * sets and maps can stay, as the kernel tells how they are declared.
 */
export function commonParts({ rules, declarations }: Gate, after: GateRules): Set<string> {
  const wanted = lastingParts(after);
  const names = rules === null
    ? declarations.entries().filter(([name, type]) => wanted.get(name)?.endsWith(` { ${type} }`))
    : lastingParts(rules).entries().filter(([name, definition]) => wanted.get(name) === definition);
  const common = new Set(names.map(([name]) => name));
  // Private addresses are known by the places that they are for: alone, their map would keep those of who was shut out.
  const { remotes, locals } = gateNames(after.name);
  if (!common.has(remotes)) common.delete(locals);
  return common;
}

/** Definitions of chains, sets and maps by name, without those of which nothing lasts. */
function lastingParts(rules: GateRules): Map<string, string> {
  const definitions = definitionsOf(rules, "")
    .filter((line) => !/^add rule|^add table|dynamic|typeof/.test(line));
  return new Map(definitions.map((line) => [nameIn(line), line]));
}

/** The name in "add chain ip TABLE NAME …", and the like. */
function nameIn(definition: string): string {
  return definition.split(" ")[4] ?? "";
}

function isMap(set: GateSet): boolean {
  return set === "remotes" || set === "locals";
}

function definitionsOf(rules: GateRules, comment: string): string[] {
  return rules.server === null
    ? definitions(rules, comment)
    : clientDefinitions(rules.server, rules, comment);
}

/**
 * A client's gate. The kernel gives a tunnel all that comes from its far address, from any port, and also without FOU
 * around it. Packets from other addresses are left to what else there is, as another client may have the same port, unless
 * they would come out of tunl0. There are no counters, so as to need little of nftables.
 */
function clientDefinitions(server: Endpoint, rules: GateRules, comment: string): string[] {
  const { table, name, ip } = rules;
  const { gate } = gateNames(name);
  const far = `ip saddr ${server.ip} ip daddr ${ip}`;
  const wayOfIpip = rules.alt === null
    ? [`add rule ip ${table} ${gate} ${far} ip protocol 4 drop`]
    : clientReaddressing(server, rules.alt, rules);
  return [
    `add table ip ${table}`,
    `add chain ip ${table} ${gate} { type filter hook prerouting priority -150; policy accept; }`,
    `add rule ip ${table} ${gate} ${far} ${ownPort("dport", rules)} ` +
    `udp sport != ${anyOf([server.port, ...rules.serverPorts])} drop${comment}`,
    ...(rules.excludes
      ? [
        `add rule ip ${table} ${gate} ip daddr ${ip} ${
          ownPort("dport", rules)
        } ip saddr != ${server.ip} drop`,
      ]
      : []),
    ...wayOfIpip,
    ...clamping(rules, gateNames(rules.name)),
  ];
}

/**
 * Rules of a client whose tunnel has a private address, so that IPIP without FOU goes to other devices. Packets are
 * rewritten where connection tracking and firewalls do not see it.
 */
function clientReaddressing(server: Endpoint, alt: string, rules: GateRules): string[] {
  const { table, name, ip } = rules;
  const { input, untrack } = gateNames(name);
  return [
    `add chain ip ${table} ${input} { type filter hook input priority 150; policy accept; }`,
    `add chain ip ${table} ${untrack} { type filter hook output priority -300; policy accept; }`,
    `add rule ip ${table} ${input} ip protocol 4 ip daddr ${alt} drop`,
    `add rule ip ${table} ${input} ${ownPort("dport", rules)} ip daddr ${alt} drop`,
    `add rule ip ${table} ${input} ip saddr ${server.ip} ip daddr ${ip} ${ownPort("dport", rules)} ` +
    `udp sport ${server.port} ip daddr set ${alt}`,
    `add rule ip ${table} ${untrack} ip saddr ${alt} ${ownPort("sport", rules)} ip saddr set ${ip}`,
  ];
}

function definitions(rules: GateRules, comment: string): string[] {
  const { table, name, ip, queue } = rules;
  const names = gateNames(name);
  const limits = limitsFor(rules.capacity);
  const count = rules.counter ? "counter " : "";
  const ours = `ip daddr ${ip} ${ownPort("dport", rules)}`;
  const rule = (chain: string, text: string) => `add rule ip ${table} ${chain} ${text}`;
  return [
    `add table ip ${table}`,
    `add chain ip ${table} ${names.gate} { type filter hook prerouting priority -150; policy accept; }`,
    `add chain ip ${table} ${names.receive} { type filter hook prerouting priority -300; policy accept; }`,
    `add chain ip ${table} ${names.untrack} { type filter hook output priority -300; policy accept; }`,
    `add chain ip ${table} ${names.forward} { type filter hook forward priority 0; policy accept; }`,
    `add chain ip ${table} ${names.input} { type filter hook input priority 150; policy accept; }`,
    `add chain ip ${table} ${names.fou}`,
    `add chain ip ${table} ${names.auth}`,
    `add map ip ${table} ${names.remotes} { type ipv4_addr . inet_service . inet_service : verdict; flags timeout; }`,
    `add set ip ${table} ${names.addresses} { type ipv4_addr; }`,
    ...(rules.shares ? [`add set ip ${table} ${names.shared} { type ipv4_addr; }`] : []),
    `add set ip ${table} ${names.endpoints} { type ipv4_addr . inet_service; }`,
    `add set ip ${table} ${names.alts} { type ipv4_addr; }`,
    `add set ip ${table} ${names.places} { type ipv4_addr . inet_service . inet_service; size ${SOURCES}; ` +
    `flags dynamic,timeout; timeout ${MEMORY}; }`,
    `add set ip ${table} ${names.limits} { type ipv4_addr; size ${SOURCES}; flags dynamic,timeout; ` +
    `timeout ${MEMORY}; }`,
    ...hintSets(rules, names, SOURCES, MEMORY),
    rule(names.gate, `${ours} jump ${names.fou}${comment}`),
    // Without FOU around it the kernel would hand the far side's IPIP to the same device, past the port check.
    rule(
      names.gate,
      `ip daddr ${ip} ip protocol 4 ip saddr @${names.addresses} ` +
        `${rules.shares ? `ip saddr != @${names.shared} ` : ""}${count}drop`,
    ),
    // Connection tracking must not know our datagrams: or a peer that this host masquerades could have those of another.
    rule(names.receive, `${ours} notrack`),
    rule(names.untrack, `ip saddr ${ip} ${ownPort("sport", rules)} notrack`),
    // Nor may what such a peer sends pass for ours at the far side.
    rule(names.forward, `ip daddr . udp dport @${names.endpoints} ${count}drop`),
    rule(names.forward, `ip protocol 4 ip daddr @${names.addresses} ${count}drop`),
    // Nothing reaches a private address but through the gate: a peer's packet could pass for one of another. Another host
    // may have the same address: what is for that one is forwarded.
    rule(names.input, `ip protocol 4 ip daddr @${names.alts} ${count}drop`),
    rule(names.input, `${ownPort("dport", rules)} ip daddr @${names.alts} ${count}drop`),
    ...(rules.readdresses ? readdressing(rules) : []),
    // What is redirected to our ports comes past the rules above, and so may fragments, which are put together by now.
    rule(names.input, `${ours} ${REMOTE} vmap @${names.remotes}`),
    rule(names.input, `${ours} ${count}drop`),
    // A peer could have forged it, from inside its tunnel.
    rule(names.fou, `meta iifkind "ipip" ${count}drop`),
    ...rules.authLengths.flatMap(authMatches).map((match) => rule(names.fou, `${match} goto ${names.auth}`)),
    rule(names.fou, `${REMOTE} vmap @${names.remotes}`),
    // A client that authenticates in another way than this server asks for: the log must tell.
    ...strayMatches(rules.authLengths).map((match) =>
      rule(names.fou, `${match} limit rate ${STRAYS} ${count}queue num ${queue}`)
    ),
    rule(names.fou, `${count}drop`),
    // The kernel's own checks of sources come later. A tunnel to such an address would let in anyone, or harm this host.
    rule(names.auth, `ip saddr 0.0.0.0/8 ${count}drop`),
    rule(names.auth, `fib saddr type != unicast ${count}drop`),
    ...hintRules(rules, names, limits.hint, limits.hints),
    rule(
      names.auth,
      `${KNOWN} @${names.endpoints} update @${names.places} { ${REMOTE} limit rate over ${limits.place} } ${count}drop`,
    ),
    rule(names.auth, `${KNOWN} @${names.endpoints} ${count}queue num ${queue}`),
    rule(names.auth, `ip saddr @${names.addresses} limit rate ${limits.known} ${count}queue num ${queue}`),
    rule(names.auth, `update @${names.limits} { ip saddr limit rate over ${limits.source} } ${count}drop`),
    rule(names.auth, `limit rate over ${limits.total} ${count}drop`),
    rule(names.auth, `${count}queue num ${queue}`),
    ...(rules.filters ? filtering(rules) : []),
    ...clamping(rules, gateNames(rules.name)),
  ];
}

/** The key of a remote: the parts of `placeKey`. */
const REMOTE = "ip saddr . udp sport . udp dport";
/** The far end of a tunnel, whatever its timeout: the elements of "endpoints". */
const KNOWN = "ip saddr . udp sport";

function ownPort(field: "sport" | "dport", { ports }: GateRules): string {
  return `udp ${field} ${anyOf(ports)}`;
}

function anyOf(ports: readonly number[]): string {
  return ports.length === 1 ? `${ports[0]}` : `{ ${ports.join(", ")} }`;
}

/** Matches datagrams whose payload has `length` bytes and is not an IPv4 packet of exactly that length. */
function authMatches(length: number): string[] {
  const exact = `udp length ${8 + length}`;
  if (length < INNER_HEADER_LENGTH) return [exact];
  return [`${exact} @th,64,4 != 4`, `${exact} @th,80,16 != ${length}`];
}

/** Matches datagrams that may be auth packets of another length, whose payload does not begin as an IPv4 packet does. */
function strayMatches(authLengths: readonly number[]): string[] {
  if (authLengths.length === 0) return [];
  return [...authLengths.includes(0) ? [] : ["udp length 8"], "@th,64,8 != 69"];
}

/**
 * Rules for remotes with a private address. Rewriting is stateless both ways: last of all on the way in. Only then the
 * kernel has decided that a packet is for this host, which it could not by a private address, and has put fragments
 * together, of which only the first has ports. And the firewall's rules are for our main address.
 */
function readdressing(rules: GateRules): string[] {
  const { table, name, ip } = rules;
  const names = gateNames(name);
  const leaving = `${ownPort("sport", rules)} ip saddr @${names.alts}`;
  const coming = `ip daddr ${ip} ${ownPort("dport", rules)}`;
  // A private address has other routes than ours, if there are rules for ours: only this type of chain looks again.
  const [type, mark] = rules.reroutes === null
    ? ["filter hook postrouting", ""]
    : ["route hook output", ` meta mark set ${rules.reroutes}`];
  return [
    `add map ip ${table} ${names.locals} ` +
    "{ type ipv4_addr . inet_service . inet_service : ipv4_addr; flags timeout; }",
    `add chain ip ${table} ${names.rewrite} { type ${type} priority -150; policy accept; }`,
    `add rule ip ${table} ${names.input} ${coming} ip daddr set ${REMOTE} map @${names.locals} accept`,
    `add rule ip ${table} ${names.untrack} ${leaving} notrack`,
    `add rule ip ${table} ${names.rewrite} ${leaving} ip saddr set ${ip}${mark}`,
  ];
}

/** Rules for peers that may use only certain inner source addresses: other packets are dropped first of all. */
function filtering({ table, name, counter }: GateRules): string[] {
  const names = gateNames(name);
  const wrong = `iifname @${names.devices} iifname . ip saddr != @${names.sources}`;
  const count = counter ? "counter " : "";
  return [
    `add set ip ${table} ${names.devices} { type ifname; }`,
    `add set ip ${table} ${names.sources} { type ifname . ipv4_addr; flags interval; }`,
    `add chain ip ${table} ${names.filter} { type filter hook prerouting priority -350; policy accept; }`,
    `add rule ip ${table} ${names.filter} ${wrong} ${count}drop`,
    // Any source does not mean none: the kernel takes 0.0.0.0 in a broadcast, as of a host that wants an address.
    `add rule ip ${table} ${names.filter} iifname @${names.devices} ip saddr 0.0.0.0/8 ${count}drop`,
  ];
}
