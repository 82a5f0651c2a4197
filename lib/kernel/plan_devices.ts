import type { DesiredState } from "./desired.ts";
import { type Move, moveTunnels, outerWords } from "./moves.ts";
import { type KernelState, type Listener, listenerKey, ROUTE_PROTOCOL, type Tunnel } from "./state.ts";

/** Commands for `ip -batch`. @param unusedGroup number of a device group that nobody has a device in */
export function planDevices(current: KernelState, desired: DesiredState, unusedGroup: number): string[] {
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
    // Listeners and private addresses are known as ours by a device that uses them: they go before, and come after it.
    ...oldAddresses.map(([ip, device]) => `address delete ${ip}/32 dev ${device}`),
    ...oldListeners.map(([, listener]) => `fou del ${listenerWords(listener)}`),
    ...deleteTunnels(doomed, unusedGroup),
    ...tunnels.flatMap(({ tunnel, found }) => found === null ? [] : changeRoutes("delete", found, tunnel)),
    ...moveTunnels(tunnels.filter((entry): entry is Move => entry.found !== null)),
    ...tunnels.flatMap(({ tunnel, found }) => found === null ? createTunnel(tunnel) : []),
    ...newAddresses.map(([ip, device]) => `address add ${ip}/32 dev ${device} scope global`),
    ...newListeners.map(([, listener]) => `fou add ${listenerWords(listener)}`),
    ...tunnels.flatMap(({ tunnel, found }) => raiseTunnel(found, tunnel)),
    ...tunnels.flatMap(({ tunnel, found }) =>
      // With a device's last address the kernel drops its routes; others may have given it one more.
      found !== null && losesAddress(found, tunnel)
        ? changeRoutes("replace", tunnel, null)
        : changeRoutes("add", tunnel, found)
    ),
  ];
}

/**
 * Private addresses, and places of listeners, that something of ours uses all the while. What passes from one device to
 * another is made anew: in between nothing would say that it is ours.
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

/** The entries that go and those that come. */
function differences<T>(
  before: ReadonlyMap<string, T>,
  after: ReadonlyMap<string, T>,
  isSame: (key: string, a: T, b: T) => boolean,
): [[string, T][], [string, T][]] {
  const missing = (from: ReadonlyMap<string, T>, to: ReadonlyMap<string, T>) =>
    [...from].filter(([key, value]) => !to.has(key) || !isSame(key, value, to.get(key)!));
  return [missing(before, after), missing(after, before)];
}

/** Tells whether a device can be changed to what is wanted; the outer device it is bound to cannot. */
function canBecome(found: Tunnel, wanted: Tunnel): boolean {
  return found.link === wanted.link;
}

/** Deletes tunnels at once: one by one, the kernel waits after each. */
function deleteTunnels(names: readonly string[], unusedGroup: number): string[] {
  return [
    ...names.map((name) => `link set dev ${name} group ${unusedGroup}`),
    ...(names.length > 0 ? [`link delete group ${unusedGroup}`] : []),
  ];
}

function createTunnel(tunnel: Tunnel): string[] {
  const link = tunnel.link === null ? "" : ` dev ${tunnel.link}`;
  return [
    `link add name ${tunnel.name} type ipip ${outerWords(tunnel)} mode ipip${link}`,
    `link set dev ${tunnel.name} alias ${tunnel.alias}`,
  ];
}

function raiseTunnel(found: Tunnel | null, tunnel: Tunnel): string[] {
  const { name, inner, up } = tunnel;
  const words = ({ ip, peerIp }: NonNullable<Tunnel["inner"]>) => `${ip} peer ${peerIp} dev ${name}`;
  return [
    // Never both: of two addresses nobody who comes later could tell which one is to stay.
    ...(found?.inner && losesAddress(found, tunnel) ? [`address delete ${words(found.inner)}`] : []),
    ...(inner === null || isInner(found?.inner, inner) ? [] : [`address add ${words(inner)}`]),
    ...(up && !found?.up ? [`link set dev ${name} up`] : []),
  ];
}

function losesAddress(found: Tunnel, { inner }: Tunnel): boolean {
  return found.inner !== null && !isInner(found.inner, inner);
}

function isInner(a: Tunnel["inner"] | undefined, b: Tunnel["inner"]): boolean {
  return a?.ip === b?.ip && a?.peerIp === b?.peerIp;
}

/** Makes or deletes the routes of one state of a tunnel that are not in another. */
function changeRoutes(
  verb: "add" | "replace" | "delete",
  { name, routes }: Tunnel,
  other: Tunnel | null,
): string[] {
  return routes.filter((route) => !other?.routes.includes(route))
    .map((route) => `route ${verb} ${route} dev ${name} proto ${ROUTE_PROTOCOL}`);
}

/** What `ip fou` calls a listener by. */
export function listenerWords({ local, device }: Listener): string {
  const deviceWords = device === null ? "" : ` dev ${device}`;
  return `port ${local.port} ipproto 4 local ${local.ip}${deviceWords}`;
}
