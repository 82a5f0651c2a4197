import type { IpDevice } from "../listing.ts";
import type { KernelReader } from "../kernel_ports.ts";
import { parseMark } from "./mark.ts";

/** Lists the tunnel devices in this network namespace that have an instance's mark, by the instance's name. */
export function listStanding(reader: Pick<KernelReader, "lists">): Map<string, IpDevice[]> {
  const standing = new Map<string, IpDevice[]>();
  for (const device of reader.lists({ routes: false }).devices) {
    const mark = parseMark(device.ifalias ?? "");
    if (mark === null || device.linkinfo?.info_kind !== "ipip") continue;
    standing.set(mark.name, [...standing.get(mark.name) ?? [], device]);
  }
  return standing;
}
