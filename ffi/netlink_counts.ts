import type { TrafficCounts } from "../lib/kernel_ports.ts";
import { IS_LITTLE_ENDIAN } from "./descriptors.ts";
import { Attributes } from "./attributes.ts";
import { type Message, viewOf } from "./netlink_messages.ts";
import { IFLA, LINK, RTM } from "./rtnetlink.ts";

/** struct rtnl_link_stats64 begins with packets received and sent, and bytes, 64 bits each. */
const COUNT_BYTES = 8;

/** Reads how much went through a device that was asked for. @returns null: there is none, or it cannot be read */
export function parseCounts({ type, body }: Message): TrafficCounts | null {
  if (type !== RTM.newLink || body.byteLength < LINK.size) return null;
  const stats = new Attributes(body, LINK.size).bytes(IFLA.stats64);
  if (stats === undefined || stats.length < 4 * COUNT_BYTES) return null;
  const count = (index: number) => Number(viewOf(stats).getBigUint64(index * COUNT_BYTES, IS_LITTLE_ENDIAN));
  return { received: count(0), sent: count(1), receivedBytes: count(2), sentBytes: count(3) };
}
