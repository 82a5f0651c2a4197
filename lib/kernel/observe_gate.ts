import { parseIpv4 } from "../ipv4.ts";
import { isPort, placeKey } from "../packet.ts";
import { gateNames } from "./gate_names.ts";
import { parseGateComment } from "./gate_rules.ts";
import type { Identity } from "./identity.ts";
import { parseMark } from "./mark.ts";
import type { NftElement, NftExpression, NftTable } from "../listing.ts";
import { type Gate, listenerKey, type Remote, sourceKey } from "./state.ts";

/**
 * Finds an instance's gate in its table.
 *
 * @param now milliseconds of `Clock.now()`
 * @returns null when nothing of it is there; its fingerprint is empty when rules are missing or not ours, or elements
 * cannot be read or contradict each other
 */
export function findGate(
  { chains, rules, sets }: NftTable,
  { name, table }: Identity,
  now: number,
): Gate | null {
  const names = gateNames(name);
  const ours = new Set(Object.values(names));
  const ourSets = sets.filter((set) => ours.has(set.name));
  const parts = new Set([...chains.filter((chain) => ours.has(chain)), ...ourSets.map((set) => set.name)]);
  if (parts.size === 0) return null;
  const ourRules = rules.filter(({ chain }) => parts.has(chain));
  // Others may have put a rule before it.
  const [[first, said] = []] = ourRules.filter(({ chain }) => chain === names.gate)
    .map((rule) => [rule, parseGateComment(rule.comment)] as const).filter(([, said]) => said !== null);
  const elements = (wanted: string) => ourSets.flatMap((set) => set.name === wanted ? set.elements : []);
  const keysOf = (wanted: string) => new Set(elements(wanted).map(({ key }) => key.join(" . ")));
  const alts = elements(names.locals);
  const locals = new Map(
    alts.flatMap(({ key, data }) => isAddress(data) ? [[key.join(" "), data]] : []),
  );
  const verdicts = elements(names.remotes);
  const remotes = verdicts.map((element) => toRemote(element, locals, now));
  const isClear = !ourSets.some(({ isUnclear }) => isUnclear) && !remotes.includes(null) &&
    alts.every(({ data }) => isAddress(data)) && fit(verdicts, locals);
  const isWhole = isClear && said?.fingerprint.endsWith(`.${ourRules.length}`) === true;
  return {
    table,
    name,
    fingerprint: isWhole ? said!.fingerprint : "",
    mark: said?.mark ?? "",
    ip: said?.ip ?? "0.0.0.0",
    ports: portsIn(first?.expressions ?? []),
    remotes: new Map(
      remotes.filter((remote) => remote !== null)
        .map((remote) => [placeKey(remote.endpoint, remote.port), remote]),
    ),
    addresses: keysOf(names.addresses),
    shared: keysOf(names.shared),
    endpoints: keysOf(names.endpoints),
    alts: keysOf(names.alts),
    devices: keysOf(names.devices),
    sources: new Set(elements(names.sources).map(({ key }) => sourceKey(key[0]!, key[1] ?? ""))),
    clamped: keysOf(names.clamped),
    hints: keysOf(names.hints),
    parts,
    rules: null,
    declarations: new Map(
      isClear ? ourSets.flatMap((set) => set.type === null ? [] : [[set.name, set.type]]) : [],
    ),
  };
}

/** Finds the FOU ports that have the gate of another instance in front of them, by `listenerKey`, and its name. */
export function findOtherGates({ rules }: NftTable, { name }: Identity): Map<string, string> {
  return new Map(rules.flatMap(({ comment, expressions }) => {
    const said = parseGateComment(comment);
    const owner = said === null ? name : parseMark(said.mark)!.name;
    if (owner === name) return [];
    return portsIn(expressions).map((port) => [listenerKey({ ip: said!.ip, port }), owner] as const);
  }));
}

/** The ports in the gate's first rule: one, or a set. */
function portsIn(expressions: readonly NftExpression[]): number[] {
  const value = expressions.find(({ name }) => name === "udp dport")?.value;
  return [value].flat().filter(isPort);
}

function isAddress(value: string | null): value is string {
  return value !== null && parseIpv4(value) !== null;
}

/** @returns null: it is no remote's */
function toRemote(
  { key, expires }: NftElement,
  locals: ReadonlyMap<string, string>,
  now: number,
): Remote | null {
  const [ip = "", ...numbers] = key;
  const [port, ownPort] = numbers.map(Number);
  if (parseIpv4(ip) === null || numbers.length !== 2 || !isPort(port) || !isPort(ownPort)) return null;
  return {
    endpoint: { ip, port },
    port: ownPort,
    alt: locals.get(key.join(" ")) ?? null,
    expiresAt: expires === null ? null : now + expires * 1000,
  };
}

/** Whether all remotes pass, and only remotes have a private address. */
function fit(verdicts: readonly NftElement[], locals: ReadonlyMap<string, string>): boolean {
  const keys = verdicts.map(({ key }) => key.join(" "));
  return verdicts.every(({ data }) => data === "accept") &&
    new Set(locals.keys()).isSubsetOf(new Set(keys));
}
