import { placeKey } from "../packet.ts";
import type { DesiredGate, DesiredState } from "./desired.ts";
import {
  addRemotes,
  changeElements,
  defineGate,
  deleteGate,
  deleteRemotes,
  gateNames,
} from "./gate_rules.ts";
import { type Gate, isParked, type KernelState, type Remote } from "./state.ts";

/** Commands for `nft`, for before devices change and for after it. @param now milliseconds of `Clock.now()` */
export function planGate(
  current: KernelState,
  desired: DesiredState,
  now: number,
): { readonly close: readonly string[]; readonly open: readonly string[] } {
  const old = current.gate;
  const { gate } = desired;
  if (gate === null) return { close: [], open: old === null ? [] : deleteGate(old) };
  const { table, name } = gate;
  const isThere = old?.fingerprint === gate.fingerprint && old.mark === gate.mark;
  const { kept, leaving, coming, isMoving } = sortRemotes(current, desired, now);
  const standing = isThere ? old : keptElements(old, gate);
  return {
    close: [
      ...[...current.obsoleteRules].map((rule) => `delete rule ip ${table} ${rule}`),
      ...(isThere ? [] : install(old, gate, kept, now)),
      ...(isThere ? deleteRemotes(table, name, leaving.filter((remote) => !isMoving(remote))) : []),
    ],
    open: [
      // The old place of a moving peer is shut out last, so that no packet on its way is lost.
      ...(isThere ? deleteRemotes(table, name, leaving.filter(isMoving)) : []),
      ...addRemotes(table, name, coming, now),
      ...changeSets(standing, gate),
    ],
  };
}

/** Sorts remotes into those that stay, leave and come. The remote of a peer that moves leaves, and another one comes. */
function sortRemotes(current: KernelState, desired: DesiredState, now: number) {
  const wanted = desired.gate!.remotes;
  const oldOwners = ownersOf(current.tunnels, desired.tunnels);
  const newOwners = ownersOf(desired.tunnels, current.tunnels);
  const isKept = (key: string, remote: Remote) => {
    const [owner, successor] = [oldOwners.get(key), newOwners.get(key)];
    // When a place passes to another peer, its packets must not come out of the old peer's tunnel meanwhile.
    return isSameRemote(remote, wanted.get(key)) && (owner === undefined || owner === successor);
  };
  const found = [...current.gate?.remotes ?? []].filter(([, { expiresAt }]) =>
    expiresAt === null || expiresAt > now
  );
  const keptKeys = new Set(found.filter(([key, remote]) => isKept(key, remote)).map(([key]) => key));
  const isMoving = ({ endpoint, port }: Remote) => {
    const key = placeKey(endpoint, port);
    const tunnel = desired.tunnels.get(oldOwners.get(key) ?? "");
    return tunnel !== undefined && !isParked(tunnel) && (newOwners.get(key) ?? tunnel.name) === tunnel.name;
  };
  return {
    kept: found.filter(([key]) => keptKeys.has(key)).map(([, remote]) => remote),
    leaving: found.filter(([key]) => !keptKeys.has(key)).map(([, remote]) => remote),
    coming: [...wanted].filter(([key]) => !keptKeys.has(key)).map(([, remote]) => remote),
    isMoving,
  };
}

/** Device names of changing tunnels by `placeKey`. */
function ownersOf(tunnels: KernelState["tunnels"], others: KernelState["tunnels"]): Map<string, string> {
  const changing = [...tunnels.values()].filter((tunnel) => others.get(tunnel.name) !== tunnel);
  return new Map(changing.map(({ name, remote, local }) => [placeKey(remote, local.port), name]));
}

function isSameRemote(a: Remote, b: Remote | undefined): boolean {
  return b !== undefined && a.alt === b.alt && a.expiresAt === b.expiresAt;
}

/** Replaces the rules. Remotes that stay are in the new rules from the first moment. */
function install(old: Gate | null, gate: DesiredGate, kept: readonly Remote[], now: number): string[] {
  return [
    ...(old === null ? [] : deleteGate(old)),
    ...defineGate(gate.rules),
    ...addRemotes(gate.table, gate.name, kept, now),
    ...changeSets(keptElements(null, gate), { ...gate, ...keptElements(old, gate) }),
  ];
}

const SETS = ["addresses", "alts", "devices", "sources"] as const;
type Elements = Pick<Gate, typeof SETS[number]>;

function keptElements(old: Elements | null, gate: Elements): Elements {
  const of = (set: typeof SETS[number]) =>
    new Set([...gate[set]].filter((element) => old?.[set].has(element)));
  return { addresses: of("addresses"), alts: of("alts"), devices: of("devices"), sources: of("sources") };
}

function changeSets(before: Elements, after: Elements & Pick<Gate, "table" | "name">): string[] {
  const names = gateNames(after.name);
  return SETS.flatMap((set) => {
    const change = (verb: "add" | "delete", from: ReadonlySet<string>, to: ReadonlySet<string>) =>
      changeElements(
        verb,
        after.table,
        names[set],
        [...from.difference(to)].map((element) => set === "devices" ? `"${element}"` : element),
      );
    // Deletes first: a network must not overlap with one that is still there.
    return [...change("delete", before[set], after[set]), ...change("add", after[set], before[set])];
  });
}
