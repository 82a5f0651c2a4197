import { placeKey } from "../packet.ts";
import type { DesiredState } from "./desired.ts";
import type { DesiredGate } from "./desired_gate.ts";
import { addRemotes, changeKeys, deleteRemotes } from "./gate_elements.ts";
import { gateNames, type GateSet, KEY_SETS, type KeySet } from "./gate_names.ts";
import { commonParts, defineGate, deleteGate } from "./gate_rules.ts";
import { type Gate, isParked, type KernelState, type Remote } from "./state.ts";
import { command, type Step } from "./step.ts";

/** Steps of nftables, for before devices change and for after it. @param now milliseconds of `Clock.now()` */
export function planGate(
  current: KernelState,
  desired: DesiredState,
  now: number,
): { readonly close: readonly Step[]; readonly open: readonly Step[] } {
  const old = current.gate;
  const { gate } = desired;
  if (gate === null) return { close: [], open: old === null ? [] : deleteGate(old).map(command) };
  const { table, name } = gate;
  const isThere = old?.fingerprint === gate.fingerprint && old.mark === gate.mark;
  const there = isThere ? old.parts : old === null ? NONE : commonParts(old, gate.rules);
  const names = gateNames(name);
  const stays = (set: GateSet) => there.has(names[set]);
  const { kept, leaving, coming, isReplaced } = sortRemotes(current, desired, stays("remotes"), now);
  const present = elementsOf((set) => stays(set) ? old![set] : NONE);
  const guarded = { ...elementsOf((set) => stays(set) ? old![set] : gate[set]), ...guards(old, gate) };
  const shutOut = (remotes: readonly Remote[]) =>
    // Where the map of private addresses goes, they go with it.
    deleteRemotes(
      table,
      name,
      stays("locals") ? remotes : remotes.map((remote) => ({ ...remote, alt: null })),
    );
  return {
    close: [
      ...[...current.obsoleteRules].map((rule) => command(`delete rule ip ${table} ${rule}`)),
      ...(isThere ? [] : replaceRules(old, gate, there)),
      ...(stays("remotes") ? [] : addRemotes(table, name, kept, now)),
      ...changeSets(present, { ...gate, ...guarded }),
      ...(stays("remotes") ? shutOut(leaving.filter((remote) => !isReplaced(remote))) : []),
    ],
    open: [
      // What a peer had before it moved or renewed its lifetime goes last, so that no packet on its way is lost.
      ...(stays("remotes") ? shutOut(leaving.filter(isReplaced)) : []),
      ...addRemotes(table, name, coming, now),
      ...changeSets(guarded, gate),
    ],
  };
}

/** Replaces the rules. @param there names of the parts that stay */
function replaceRules(old: Gate | null, gate: DesiredGate, there: ReadonlySet<string>): Step[] {
  return [...(old === null ? [] : deleteGate(old, there)), ...defineGate(gate.rules, there)].map(command);
}

/**
 * Sorts remotes into those that stay, leave and come. When a peer moves or renews its lifetime, its old remote leaves and
 * a new one comes. In a new map, which is empty at first, a renewed remote stays.
 *
 * @param isThere whether the map of remotes stays
 */
function sortRemotes(current: KernelState, desired: DesiredState, isThere: boolean, now: number) {
  const wanted = desired.gate!.remotes;
  const oldOwners = ownersOf(current.tunnels, desired.tunnels);
  const newOwners = ownersOf(desired.tunnels, current.tunnels);
  const isKept = (key: string, { alt, expiresAt }: Remote) => {
    const next = wanted.get(key);
    if (next === undefined || alt !== next.alt || isThere && expiresAt !== next.expiresAt) return false;
    const owner = oldOwners.get(key);
    // When a place passes to another peer, its packets must not come out of the old peer's tunnel meanwhile.
    return owner === undefined || owner === newOwners.get(key);
  };
  // The kernel counts a timeout from when the command ran: an element that has expired by our clock may still be there.
  const found = [...current.gate?.remotes ?? []].filter(([key, { expiresAt }]) =>
    expiresAt === null || expiresAt > now || wanted.has(key)
  );
  const keptKeys = new Set(found.filter(([key, remote]) => isKept(key, remote)).map(([key]) => key));
  /** Whether another remote of the same peer takes its place. */
  const isReplaced = ({ endpoint, port, alt }: Remote) => {
    const key = placeKey(endpoint, port);
    const [owner, successor] = [oldOwners.get(key), newOwners.get(key)];
    if (owner === undefined) return successor === undefined && wanted.get(key)?.alt === alt;
    const tunnel = desired.tunnels.get(owner);
    return tunnel !== undefined && !isParked(tunnel) && (successor ?? owner) === owner;
  };
  return {
    kept: [...keptKeys].map((key) => wanted.get(key)!),
    leaving: found.filter(([key]) => !keptKeys.has(key)).map(([, remote]) => remote),
    coming: [...wanted].filter(([key]) => !keptKeys.has(key)).map(([, remote]) => remote),
    isReplaced,
  };
}

/** Device names of changing tunnels by `placeKey`. */
function ownersOf(tunnels: KernelState["tunnels"], others: KernelState["tunnels"]): Map<string, string> {
  const changing = [...tunnels.values()].filter((tunnel) => others.get(tunnel.name) !== tunnel);
  return new Map(changing.map(({ name, remote, local }) => [placeKey(remote, local.port), name]));
}

/**
 * What keeps IPIP without FOU out while devices change: a device takes such packets from its first moment to its last.
 */
function guards(old: Gate | null, gate: DesiredGate): Pick<Elements, "addresses" | "alts" | "shared"> {
  return {
    shared: gate.shared === old?.shared ? gate.shared : gate.shared.intersection(old?.shared ?? NONE),
    addresses: union(gate.addresses, old?.addresses),
    alts: union(gate.alts, old?.alts),
  };
}

function union(a: ReadonlySet<string>, b: ReadonlySet<string> = NONE): ReadonlySet<string> {
  return a === b ? a : a.union(b);
}

const NONE: ReadonlySet<string> = new Set();

type Elements = Pick<Gate, KeySet>;

function elementsOf(of: (set: KeySet) => ReadonlySet<string>): Elements {
  return {
    addresses: of("addresses"),
    shared: of("shared"),
    endpoints: of("endpoints"),
    alts: of("alts"),
    devices: of("devices"),
    sources: of("sources"),
    clamped: of("clamped"),
    hints: of("hints"),
  };
}

function changeSets(before: Elements, after: Elements & Pick<Gate, "table" | "name">): Step[] {
  return KEY_SETS.flatMap((set) => {
    if (before[set] === after[set]) return [];
    const change = (verb: "add" | "delete", from: ReadonlySet<string>, to: ReadonlySet<string>) =>
      changeKeys(verb, after, set, [...from.difference(to)]);
    // Deletes first: a network must not overlap with one that is still there.
    return [...change("delete", before[set], after[set]), ...change("add", after[set], before[set])];
  });
}
