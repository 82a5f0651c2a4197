import { ownListeners } from "./observe.ts";
import { isParked, type Listener, listenerKey, type Observed } from "./state.ts";

/** The kernel tells of fewer FOU ports than these in one message. Between one message and the next it loses one. */
const FEW = 40;

/** FOU ports that something of ours says are ours, and that may be there though the kernel did not list them. */
export function unlistedListeners({ own, foreign }: Pick<Observed, "own" | "foreign">): Listener[] {
  if (own.listeners.size + foreign.listeners.size < FEW) return [];
  const { gate } = own;
  const all = [...own.tunnels.values()];
  const isOwn = ownListeners(all, gate, foreign.claims, new Set());
  const tunnels = all.filter((tunnel) => !isParked(tunnel));
  const device = all[0]?.link ?? null;
  const places = [
    ...tunnels.map(({ local }) => local),
    ...gate?.ports.map((port) => ({ ip: gate.ip, port })) ?? [],
  ];
  const missing = new Map(places.map((local) => [listenerKey(local), { local, device }]));
  return [...missing].filter(([key]) => isOwn(key) && !own.listeners.has(key)).map(([, listener]) =>
    listener
  );
}
