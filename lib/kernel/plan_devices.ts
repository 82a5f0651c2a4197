import type { DesiredState } from "./desired.ts";
import { type Move, moveTunnels, outerOf } from "./moves.ts";
import {
  HIDING_DEVICE,
  type KernelState,
  type Listener,
  listenerKey,
  type Observed,
  ROUTE_PROTOCOL,
  type Tunnel,
} from "./state.ts";
import { command, type Step, stepOf } from "./step.ts";

/**
 * Steps of devices, addresses, routes and listeners.
 *
 * @param unusedGroup number of an empty device group
 * @param told private addresses that are to be hidden again
 * @param foreign addresses of devices that are not ours
 */
export function planDevices(
  current: KernelState,
  desired: DesiredState,
  unusedGroup: number,
  told: readonly string[] = [],
  foreign: Observed["foreign"]["addresses"] = new Map(),
): Step[] {
  const changing = [...desired.tunnels.values()].filter((tunnel) =>
    current.tunnels.get(tunnel.name) !== tunnel
  );
  const tunnels = changing.map((tunnel) => {
    const found = current.tunnels.get(tunnel.name);
    return { tunnel, found: found !== undefined && canBecome(found, tunnel) ? found : null };
  });
  const remade = new Set(tunnels.filter(({ found }) => found === null).map(({ tunnel }) => tunnel.name));
  const doomed = [...current.tunnels.keys()].filter((name) => !desired.tunnels.has(name) || remade.has(name));
  const steady = steadyUse(current, desired, remade);
  const [oldListeners, newListeners] = differences(
    current.listeners,
    desired.listeners,
    (key, a, b) => steady.has(key) && a.device === b.device,
  );
  const [oldAddresses, newAddresses] = differences(
    current.altAddresses,
    desired.altAddresses,
    (ip, a, b) => steady.has(ip) && a === b,
  );
  return [
    // A device that uses a listener or private address marks it as ours. So those go before it and come after it.
    ...oldAddresses.map(([ip, device]) => changeAddress("delete", ip, device)),
    ...oldListeners.map(([, listener]) => changeListener("del", listener)),
    ...deleteTunnels(doomed, unusedGroup).map(command),
    ...tunnels.flatMap(({ tunnel, found }) => found === null ? [] : changeRoutes("delete", found, tunnel)),
    ...moveTunnels(tunnels.filter((entry): entry is Move => entry.found !== null)),
    ...tunnels.flatMap(({ tunnel, found }) => found === null ? createTunnel(tunnel) : []),
    ...newAddresses.map(([ip, device]) => changeAddress("add", ip, device)),
    ...addListeners(
      newListeners.map(([, listener]) => listener),
      [...newAddresses.map(([ip]) => ip), ...told],
      desired.altAddresses,
      foreign,
    ),
    ...tunnels.flatMap(({ tunnel, found }) => raiseTunnel(found, tunnel)),
    ...tunnels.flatMap(({ tunnel, found }) =>
      // With a device's last address the kernel drops its routes. Someone may have added another address.
      found !== null && losesAddress(found, tunnel)
        ? changeRoutes("replace", tunnel, null)
        : changeRoutes("add", tunnel, found)
    ),
  ];
}

/**
 * Keys of private addresses and listeners that something of ours uses throughout the change. What passes from one device
 * to another is removed and added again: in between nothing would mark it as ours.
 */
function steadyUse(
  current: KernelState,
  { tunnels, gate }: DesiredState,
  remade: ReadonlySet<string>,
): Set<string> {
  const staying = [...tunnels.values()].filter((tunnel) => {
    const found = current.tunnels.get(tunnel.name);
    return found === tunnel ||
      found !== undefined && !remade.has(tunnel.name) &&
        listenerKey(found.local) === listenerKey(tunnel.local);
  });
  return new Set([
    ...staying.flatMap(({ local }) => [local.ip, listenerKey(local)]),
    ...gate?.ports.map((port) => listenerKey({ ip: gate.ip, port })) ?? [],
  ]);
}

function differences<T>(
  before: ReadonlyMap<string, T>,
  after: ReadonlyMap<string, T>,
  isSame: (key: string, a: T, b: T) => boolean,
): [[string, T][], [string, T][]] {
  const missing = (from: ReadonlyMap<string, T>, to: ReadonlyMap<string, T>) =>
    [...from].filter(([key, value]) => !to.has(key) || !isSame(key, value, to.get(key)!));
  return [missing(before, after), missing(after, before)];
}

/** Whether a device can be changed to what is wanted. Its outer device cannot change. */
function canBecome(found: Tunnel, wanted: Tunnel): boolean {
  return found.link === wanted.link;
}

/** Deletes tunnels together, because the kernel waits after each deletion. */
function deleteTunnels(names: readonly string[], unusedGroup: number): string[] {
  return [
    ...names.map((name) => `link set dev ${name} group ${unusedGroup}`),
    ...(names.length > 0 ? [`link delete group ${unusedGroup}`] : []),
  ];
}

function createTunnel(tunnel: Tunnel): Step[] {
  const { name, mtu, alias } = tunnel;
  return [
    stepOf({ kind: "new link", device: name, mtu, outer: outerOf(tunnel) }),
    stepOf({ kind: "link", device: name, mtu: null, alias, outer: null, isUp: null }),
  ];
}

function raiseTunnel(found: Tunnel | null, tunnel: Tunnel): Step[] {
  const { name, inner, up } = tunnel;
  const change = (verb: "add" | "delete", { ip, peerIp }: NonNullable<Tunnel["inner"]>) =>
    stepOf({ kind: "address", verb, ip, peerIp, device: name, scope: "global" });
  return [
    // Never both: of two addresses a later start could not tell which one to keep.
    ...(found?.inner && losesAddress(found, tunnel) ? [change("delete", found.inner)] : []),
    ...(inner === null || isInner(found?.inner, inner) ? [] : [change("add", inner)]),
    ...(up && !found?.up
      ? [stepOf({ kind: "link", device: name, mtu: null, alias: null, outer: null, isUp: true })]
      : []),
  ];
}

function losesAddress(found: Tunnel, { inner }: Tunnel): boolean {
  return found.inner !== null && !isInner(found.inner, inner);
}

function isInner(a: Tunnel["inner"] | undefined, b: Tunnel["inner"]): boolean {
  return a?.ip === b?.ip && a?.peerIp === b?.peerIp;
}

/** Changes the routes that one state of a tunnel has and the other has not. */
function changeRoutes(
  verb: "add" | "replace" | "delete",
  { name, routes }: Tunnel,
  other: Tunnel | null,
): Step[] {
  return routes.filter((network) => !other?.routes.includes(network))
    .map((network) => stepOf({ kind: "route", verb, network, device: name, protocol: ROUTE_PROTOCOL }));
}

/**
 * Steps that add listeners. For that, a private address needs its route in the local table for a moment.
 *
 * @param told private addresses that have that route
 * @param foreign addresses of devices that are not ours. One that a killed run left hidden gets its route for good.
 */
export function addListeners(
  listeners: readonly Listener[],
  told: readonly string[],
  altAddresses: KernelState["altAddresses"],
  foreign: Observed["foreign"]["addresses"] = new Map(),
): Step[] {
  const isHidden = (ip: string) => altAddresses.get(ip) === HIDING_DEVICE;
  const hidden = new Set([
    ...told,
    ...listeners.map(({ local }) => local.ip),
  ].filter(isHidden));
  const left = new Set(
    listeners.map(({ local }) => local.ip)
      .filter((ip) => !altAddresses.has(ip) && foreign.get(ip) === HIDING_DEVICE),
  );
  const changeRoute = (verb: "replace" | "delete", ip: string) =>
    stepOf({ kind: "local route", verb, ip, device: HIDING_DEVICE });
  return [
    ...[...hidden, ...left].map((ip) => changeRoute("replace", ip)),
    ...listeners.map((listener) => changeListener("add", listener)),
    ...[...hidden].map((ip) => changeRoute("delete", ip)),
  ];
}

/** The step that adds or removes a listener. */
export function changeListener(verb: "add" | "del", { local, device }: Listener): Step {
  return stepOf({ kind: "fou", verb, local, device });
}

function changeAddress(verb: "add" | "delete", ip: string, device: string): Step {
  return stepOf({
    kind: "address",
    verb,
    ip,
    peerIp: null,
    device,
    scope: device === HIDING_DEVICE ? "host" : "global",
  });
}
