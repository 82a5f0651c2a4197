import type { DesiredGate, DesiredState } from "./desired.ts";
import { addRemote, defineGate, deleteGate, deleteRemote, gateNames } from "./gate_rules.ts";
import {
  type Gate,
  type KernelState,
  type Listener,
  listenerKey,
  pairKey,
  type Remote,
  remoteKey,
  type Tunnel,
} from "./state.ts";

/**
 * Commands that lead from one state of the kernel to another, in the order in which they run: strangers are shut
 * out first, then `ip` works behind the closed gate, then the admitted are let in. Each of the three is one
 * program run, and none when it is empty.
 */
export interface Transition {
  /** For `ip -batch`: listeners go before the gate does that stood before them. */
  readonly withdraw: readonly string[];
  /** For `nft -f`, one transaction. */
  readonly close: readonly string[];
  /** For `ip -batch`. */
  readonly ip: readonly string[];
  /** For `nft -f`, one transaction. */
  readonly open: readonly string[];
}

/** Plans the way from `current` to `desired`. @param now milliseconds of a clock that never jumps */
export function planTransition(current: KernelState, desired: DesiredState, now: number): Transition {
  const exposed = exposedListeners(current, desired);
  const withdraw = [...exposed.values()].map((listener) => `fou del ${listenerWords(listener)}`);
  const listeners = new Map([...current.listeners].filter(([key]) => !exposed.has(key)));
  const ip = planIp({ ...current, listeners }, desired);
  const { close, open } = planGate(current, desired, now);
  return ip.length > 0
    ? { withdraw, close, ip, open }
    : { withdraw, close: [], ip, open: [...close, ...open] };
}

/** Listeners that no gate would stand before, for a moment, when the gate changed its place first. */
function exposedListeners(current: KernelState, desired: KernelState): Map<string, Listener> {
  if (current.gate === null || desired.gate === null) return new Map();
  const moves = listenerKey(current.gate.local) !== listenerKey(desired.gate.local);
  const isExposed = ([key, { device }]: [string, Listener]) => {
    const wanted = desired.listeners.get(key);
    return wanted === undefined ? moves : wanted.device !== device;
  };
  return new Map([...current.listeners].filter(isExposed));
}

function planGate(current: KernelState, desired: DesiredState, now: number) {
  const old = current.gate;
  const { gate } = desired;
  if (gate === null) return { close: [], open: old === null ? [] : removeGate(old) };
  const isThere = isInstalled(old, gate);
  const found = old === null
    ? []
    : [...old.remotes.values()].filter(({ expiresAt }) => isAhead(expiresAt, now));
  const kept = found.filter((remote) => isSameRemote(remote, gate.remotes.get(remoteKey(remote.endpoint))));
  const leaving = isThere ? found.filter((remote) => !kept.includes(remote)) : [];
  const keptKeys = new Set(kept.map(({ endpoint }) => remoteKey(endpoint)));
  const coming = [...gate.remotes].filter(([key]) => !keptKeys.has(key)).map(([, remote]) => remote);
  const admit = (remote: Remote) => addRemote(gate.table, gate.name, remote, now);
  const shutOut = (remote: Remote) => deleteRemote(gate.table, gate.name, remote);
  const install = [
    ...(old === null ? [] : removeGate(old)),
    ...defineGate(gate.rules),
    ...kept.flatMap(admit),
  ];
  // The old endpoint of a peer that moves is shut out last, so that nothing on its way is lost.
  const moves = (remote: Remote) => isPeerStaying(remote, current, desired);
  return {
    close: [
      ...[...current.obsoleteRules].map((rule) => `delete rule ip ${gate.table} ${rule}`),
      ...(isThere ? [] : install),
      ...leaving.filter((remote) => !moves(remote)).flatMap(shutOut),
    ],
    open: [
      ...leaving.filter(moves).flatMap(shutOut),
      ...coming.flatMap(admit),
      ...planAddresses(isThere ? old : null, gate),
    ],
  };
}

function isInstalled(old: Gate | null, gate: Gate | null): boolean {
  return old?.fingerprint === gate?.fingerprint && old?.mark === gate?.mark;
}

function isAhead(expiresAt: number | null, now: number): boolean {
  return expiresAt === null || expiresAt > now;
}

function isSameRemote(a: Remote, b: Remote | undefined): boolean {
  return b !== undefined && a.alt === b.alt && a.expiresAt === b.expiresAt;
}

function isPeerStaying({ endpoint }: Remote, current: KernelState, desired: DesiredState): boolean {
  const tunnel = [...current.tunnels.values()].find(({ remote }) =>
    remoteKey(remote) === remoteKey(endpoint)
  );
  return tunnel !== undefined && desired.tunnels.has(tunnel.name);
}

function removeGate(gate: Gate): string[] {
  return deleteGate(gate.table, gate.name, gate.parts);
}

function planAddresses(
  old: Gate | null,
  { table, name, addresses, alts }: DesiredGate,
): string[] {
  const names = gateNames(name);
  const difference = (set: string, before: ReadonlySet<string>, after: ReadonlySet<string>) => [
    ...[...after].filter((ip) => !before.has(ip)).map((ip) => `add element ip ${table} ${set} { ${ip} }`),
    ...[...before].filter((ip) => !after.has(ip)).map((ip) => `delete element ip ${table} ${set} { ${ip} }`),
  ];
  return [
    ...difference(names.addresses, old?.addresses ?? new Set(), addresses),
    ...difference(names.alts, old?.alts ?? new Set(), alts),
  ];
}

function planIp(current: KernelState, desired: DesiredState): string[] {
  const tunnels = [...desired.tunnels.values()].map((tunnel) => {
    const found = current.tunnels.get(tunnel.name);
    return { tunnel, found: found !== undefined && canBecome(found, tunnel) ? found : null };
  });
  const survivors = new Set(tunnels.filter(({ found }) => found !== null).map(({ tunnel }) => tunnel.name));
  const doomed = [...current.tunnels.keys()].filter((name) => !survivors.has(name));
  const oldListeners = [...current.listeners].filter(([key, found]) => {
    return desired.listeners.get(key)?.device !== found.device;
  });
  const newListeners = [...desired.listeners].filter(([key, wanted]) => {
    return current.listeners.get(key)?.device !== wanted.device;
  });
  const oldAddresses = [...current.altAddresses].filter(([ip, device]) =>
    desired.altAddresses.get(ip) !== device
  );
  const newAddresses = [...desired.altAddresses].filter(([ip, device]) =>
    current.altAddresses.get(ip) !== device
  );
  return [
    // Listeners and private addresses are known as ours by a device that uses them: they go before, and come after it.
    ...oldAddresses.map(([ip, device]) => `address delete ${ip}/32 dev ${device}`),
    ...oldListeners.map(([, listener]) => `fou del ${listenerWords(listener)}`),
    ...doomed.map((name) => `link delete dev ${name}`),
    ...tunnels.flatMap(({ tunnel, found }) => found === null ? [] : changeAlias(found, tunnel)),
    ...moveTunnels(tunnels.filter((entry): entry is Move => entry.found !== null)),
    ...tunnels.flatMap(({ tunnel, found }) => found === null ? createTunnel(tunnel) : []),
    ...newAddresses.map(([ip, device]) => `address add ${ip}/32 dev ${device} scope global`),
    ...newListeners.map(([, listener]) => `fou add ${listenerWords(listener)}`),
    ...tunnels.flatMap(({ tunnel, found }) => raiseTunnel(found, tunnel)),
  ];
}

/** Tells whether a device can be changed to what is wanted; the outer device it is bound to cannot. */
function canBecome(found: Tunnel, wanted: Tunnel): boolean {
  return found.link === wanted.link;
}

function createTunnel(tunnel: Tunnel): string[] {
  const link = tunnel.link === null ? "" : ` dev ${tunnel.link}`;
  return [
    `link add name ${tunnel.name} type ipip ${outerWords(tunnel)} mode ipip${link}`,
    `link set dev ${tunnel.name} alias ${tunnel.alias}`,
  ];
}

function changeAlias(found: Tunnel, wanted: Tunnel): string[] {
  return found.alias === wanted.alias ? [] : [`link set dev ${wanted.name} alias ${wanted.alias}`];
}

/** A tunnel that stands, and what it is to become. */
interface Move {
  readonly found: Tunnel;
  readonly tunnel: Tunnel;
}

/**
 * Changes outer addresses and ports. No two devices may have the same outer addresses at any moment, so each one
 * moves when its place is free; of those that wait for each other in a ring, one steps aside first.
 */
function moveTunnels(tunnels: readonly Move[]): string[] {
  const places = new Map(tunnels.map(({ found }) => [placeOf(found), found.name]));
  const commands: string[] = [];
  const set = (tunnel: Tunnel) =>
    commands.push(`link set dev ${tunnel.name} type ipip ${outerWords(tunnel)}`);
  let waiting = tunnels.filter(({ found, tunnel }) => !isSameOutside(found, tunnel)).map((
    { found, tunnel },
  ) => ({
    found,
    // `ip link set` leaves a checksum on that it is not told to turn off.
    tunnel: found.checksum ? { ...tunnel, checksum: tunnel.checksum ?? false } : tunnel,
  }));
  while (waiting.length > 0) {
    const isFree = ({ tunnel }: Move) => (places.get(placeOf(tunnel)) ?? tunnel.name) === tunnel.name;
    const ready = waiting.find(isFree);
    const { found, tunnel } = ready ?? waiting[0]!;
    // Its own inner address is one that no other tunnel can have outside.
    const next = ready === undefined
      ? { ...tunnel, local: { ...tunnel.local, ip: tunnel.inner!.ip } }
      : tunnel;
    set(next);
    places.delete(placeOf(found));
    places.set(placeOf(next), tunnel.name);
    waiting = waiting.filter((move) => move.tunnel !== tunnel);
    if (ready === undefined) waiting.push({ found: next, tunnel });
  }
  return commands;
}

/** What the kernel tells ipip devices apart by. */
function placeOf({ local, remote }: Tunnel): string {
  return pairKey(local.ip, remote.ip);
}

function isSameOutside(found: Tunnel, wanted: Tunnel): boolean {
  return remoteKey(found.remote) === remoteKey(wanted.remote) &&
    remoteKey(found.local) === remoteKey(wanted.local) &&
    (found.checksum ?? false) === (wanted.checksum ?? false);
}

function raiseTunnel(found: Tunnel | null, { name, inner, up }: Tunnel): string[] {
  const words = ({ ip, peerIp }: NonNullable<Tunnel["inner"]>) => `${ip} peer ${peerIp} dev ${name}`;
  const isInner = found?.inner?.ip === inner?.ip && found?.inner?.peerIp === inner?.peerIp;
  return [
    // Never both: of two addresses nobody who comes later could tell which one is to stay.
    ...(!found?.inner || isInner ? [] : [`address delete ${words(found.inner)}`]),
    ...(inner === null || isInner ? [] : [`address add ${words(inner)}`]),
    ...(up && !found?.up ? [`link set dev ${name} up`] : []),
  ];
}

function outerWords({ remote, local, checksum }: Tunnel): string {
  const checksumWord = checksum === null ? "" : checksum ? " encap-csum" : " noencap-csum";
  return `remote ${remote.ip} local ${local.ip} ` +
    `encap fou encap-sport ${local.port} encap-dport ${remote.port}${checksumWord}`;
}

function listenerWords({ local, device }: Listener): string {
  const deviceWords = device === null ? "" : ` dev ${device}`;
  return `port ${local.port} ipproto 4 local ${local.ip}${deviceWords}`;
}
