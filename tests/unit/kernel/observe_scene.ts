import type { Identity } from "../../../lib/kernel/identity.ts";
import * as observe from "../../../lib/kernel/observe.ts";
import type { Observed } from "../../../lib/kernel/state.ts";
import { readListing } from "../../read_listing.ts";
import type { Listed, ListedObject, PrintedDevice } from "../fake/listed.ts";

export const NOW = 1_795_219_200_000;
export const HUB: Identity = {
  name: "p0",
  table: "ipipou",
  devices: new Set(["p0", "p1", "p2", "p3"]),
  ports: new Set([10_000]),
  queue: 0,
  made: new Set(),
};

/** Sorts what was printed. */
export function sortOut(printed: Listed, identity: Identity, now: number): Observed {
  return observe.sortOut(readListing(printed), identity, now);
}

function fixture(name: string): string {
  return Deno.readTextFileSync(new URL(`fixtures/${name}`, import.meta.url));
}

/** What `ip -json -details -batch -` printed for `address show` and `fou show`: a line for each. */
export function ipListing(name: string): Omit<Listed, "nft"> {
  const [devices, fou] = fixture(name).trimEnd().split("\n").map((line) => JSON.parse(line));
  return { devices, fou, routes: [] };
}

/**
 * What a real kernel showed (Linux 6.1, iproute2 6.1, nftables 1.0.6) of a hub `p0` with four peers behind two
 * addresses, two of them with a lifetime of 300 seconds, beside foreign devices and listeners.
 */
export function hub(): Listed {
  return { ...ipListing("hub_ip.txt"), nft: JSON.parse(fixture("hub_nft.txt")).nftables };
}

/** The hub with changed devices; without those for which `change` returns null. */
export function hubWith(change: (device: PrintedDevice) => PrintedDevice | null): Listed {
  const listing = hub();
  return { ...listing, devices: listing.devices.map(change).filter((device) => device !== null) };
}

export function withoutNft(isGone: (object: ListedObject) => boolean): Listed {
  const listing = hub();
  return { ...listing, nft: listing.nft!.filter((object) => !isGone(object)) };
}
