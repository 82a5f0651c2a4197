import { isDeepStrictEqual } from "node:util";
import { placeKey } from "../packet.ts";
import { gateNames, parseGateComment } from "./gate_rules.ts";
import type { Identity } from "./identity.ts";
import type { NftExpression, NftObject, NftPart, NftTimed } from "./listing.ts";
import { type Gate, type Remote, sourceKey } from "./state.ts";

/**
 * Finds an instance's gate in its table.
 *
 * @param now milliseconds of `Clock.now()`
 * @returns null when nothing of it is there; its fingerprint is empty when rules are missing or elements contradict each other
 */
export function findGate(objects: readonly NftObject[], { name, table }: Identity, now: number): Gate | null {
  const names = gateNames(name);
  const ours = new Set(Object.values(names));
  const found = objects.map(({ chain, set, map }) => chain?.name ?? set?.name ?? map?.name ?? "");
  const parts = new Set(found.filter((part) => ours.has(part)));
  if (parts.size === 0) return null;
  const first = objects.find(({ rule }) => rule?.chain === names.gate && rule.comment)?.rule;
  const parsed = parseGateComment(first?.comment ?? "");
  const elements = (wanted: string) =>
    objects.flatMap(({ set }) => set?.name === wanted ? set.elem ?? [] : []);
  const pairs = (wanted: string) => objects.flatMap(({ map }) => map?.name === wanted ? map.elem ?? [] : []);
  const locals = new Map(pairs(names.locals).map(([key, alt]) => [partsOfKey(key).join(" "), String(alt)]));
  const rules = objects.filter(({ rule }) => rule !== undefined && parts.has(rule.chain));
  const verdicts = pairs(names.remotes);
  const isWhole = parsed?.fingerprint.endsWith(`.${rules.length}`) === true &&
    fit(verdicts, locals);
  const remotes = verdicts.map(([key]) => toRemote(key, locals, now));
  return {
    table,
    name,
    fingerprint: isWhole ? parsed!.fingerprint : "",
    mark: parsed?.mark ?? "",
    ip: parsed?.ip ?? "0.0.0.0",
    ports: portsIn(first?.expr ?? []),
    remotes: new Map(remotes.map((remote) => [placeKey(remote.endpoint, remote.port), remote])),
    addresses: new Set(elements(names.addresses).map(String)),
    shared: new Set(elements(names.shared).map(String)),
    endpoints: new Set(elements(names.endpoints).map((key) => partsOfKey(key).join(" . "))),
    alts: new Set(elements(names.alts).map(String)),
    devices: new Set(elements(names.devices).map(String)),
    sources: new Set(elements(names.sources).map(toSource)),
    clamped: new Set(elements(names.clamped).map(String)),
    parts,
  };
}

/** The ports in the gate's first rule: one, or a set. */
function portsIn(expressions: readonly NftExpression[]): number[] {
  const match = expressions.map((expression) => expression.match)
    .find((match) => match?.left.payload?.field === "dport");
  const right = match?.right;
  const ports = typeof right === "object" ? (right as { set: unknown[] }).set : [right];
  return ports.filter((port) => typeof port === "number");
}

function toRemote(key: NftTimed, locals: ReadonlyMap<string, string>, now: number): Remote {
  const timed = typeof key === "object" && "elem" in key ? key.elem : null;
  const [ip, port, ownPort] = partsOfKey(key);
  return {
    endpoint: { ip: String(ip), port: Number(port) },
    port: Number(ownPort),
    alt: locals.get(partsOfKey(key).join(" ")) ?? null,
    expiresAt: timed === null ? null : now + timed.expires * 1000,
  };
}

/** Whether all remotes pass, and only remotes have a private address. */
function fit(verdicts: readonly [NftTimed, unknown][], locals: ReadonlyMap<string, string>): boolean {
  const keys = verdicts.map(([key]) => partsOfKey(key).join(" "));
  return verdicts.every(([, verdict]) => isDeepStrictEqual(verdict, { accept: null })) &&
    new Set(locals.keys()).isSubsetOf(new Set(keys));
}

function toSource(key: NftTimed): string {
  const [device, network] = partsOfKey(key);
  return sourceKey(
    String(device),
    typeof network === "object" ? `${network.prefix.addr}/${network.prefix.len}` : String(network),
  );
}

function partsOfKey(key: NftTimed): readonly NftPart[] {
  const bare = typeof key === "object" && "elem" in key ? key.elem.val : key;
  return typeof bare === "string" ? [bare] : bare.concat;
}
