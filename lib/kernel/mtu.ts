import { parseMark } from "./mark.ts";
import type { Tunnel } from "./state.ts";

/** Bytes that a tunnel adds to each packet: an IPv4 header and a UDP header. */
export const OVERHEAD = 28;
/** What an IPv4 device can have at all; a loopback device has more. */
const LIMITS = { least: 68, most: 65_507 };
/** MTU of an Ethernet device, for what there is no route to. */
export const USUAL_MTU = 1500;

/** What a tunnel's MTU is chosen from. */
interface MtuGrounds {
  /** By the settings; null: as the route allows. */
  readonly given: number | null;
  /** MTU of the route to the far side; null: there is none, or the tunnel is parked. */
  readonly path: number | null;
  /** MTU of the device from which the kernel derives that of a new tunnel. */
  readonly device: number;
  /** The firewall mark that the tunnel is to have. */
  readonly fwmark: number;
  /** The tunnel as it stands, if it does. */
  readonly found: Tunnel | undefined;
}

/**
 * Chooses a tunnel's MTU, and the one that its mark shows: the one that we gave it. If a tunnel has another one, somebody
 * set it by hand, and it stays as long as the settings give none. Unless somebody changed the firewall mark: then the
 * kernel derives an MTU anew. A tunnel whose mark shows none, as those of version 0.1,
 * counts as ours if it has what we would give it, or what the kernel gave it.
 */
export function chooseMtu(
  { given, path, device, fwmark, found }: MtuGrounds,
): { mtu: number; marked: number } {
  if (given !== null) return { mtu: given, marked: given };
  const wanted = path === null ? found?.mtu ?? within(device) : within(path);
  if (found === undefined) return { mtu: wanted, marked: wanted };
  const marked = parseMark(found.alias)?.mtu ?? (found.mtu === wanted ? wanted : within(device));
  if (found.mtu === marked) return { mtu: wanted, marked: wanted };
  const isDerived = found.fwmark !== fwmark && found.mtu === within(device);
  if (!isDerived) return { mtu: found.mtu, marked };
  const mtu = path === null ? marked : within(path);
  return { mtu, marked: mtu };
}

/** The MTU inside a tunnel over a path. */
function within(path: number): number {
  return Math.min(LIMITS.most, Math.max(LIMITS.least, path - OVERHEAD));
}
