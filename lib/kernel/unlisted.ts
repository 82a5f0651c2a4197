import { ownListeners } from "./observe.ts";
import { isParked, type Listener, listenerKey, type Observed } from "./state.ts";

/** The kernel lists fewer FOU ports than this in one message. Between two messages it loses one. */
const FEW = 40;

/** FOU ports of ours that may exist although the kernel did not list them. */
export function unlistedListeners(
  { own, foreign, vrfMembers }: Pick<Observed, "own" | "foreign" | "vrfMembers">,
): Listener[] {
  if (own.listeners.size + foreign.listeners.size < FEW) return [];
  const { gate } = own;
  const all = [...own.tunnels.values()];
  const isOwn = ownListeners(all, gate, foreign.claims, new Set());
  const tunnels = all.filter((tunnel) => !isParked(tunnel));
  const link = all[0]?.link ?? null;
  const device = link !== null && vrfMembers.has(link) ? link : null;
  const locals = [
    ...tunnels.map(({ local }) => local),
    ...gate?.ports.map((port) => ({ ip: gate.ip, port })) ?? [],
  ];
  const expected = new Map(locals.map((local) => [listenerKey(local), { local, device }]));
  return [...expected].filter(([key]) => isOwn(key) && !own.listeners.has(key)).map(([, local]) => local);
}
