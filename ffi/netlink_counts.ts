import type { PacketCounts } from "../lib/ports.ts";
import { IS_LITTLE_ENDIAN } from "./descriptors.ts";
import { findAttribute, LINK_HEADER, type Message, RTM, viewOf } from "./netlink_messages.ts";

/** Holds struct rtnl_link_stats64, which begins with the packets received and sent, 64 bits each. */
const IFLA_STATS64 = 23;
const COUNT_BYTES = 8;

/** Reads how many packets went through a device that was asked for. @returns null: there is none, or it cannot be read */
export function parseCounts({ type, body }: Message): PacketCounts | null {
  if (type !== RTM.newLink || body.byteLength < LINK_HEADER) return null;
  const stats = findAttribute(body, LINK_HEADER, IFLA_STATS64);
  if (stats === null || stats.length < 2 * COUNT_BYTES) return null;
  const [received, sent] = [0, COUNT_BYTES].map((at) =>
    Number(viewOf(stats).getBigUint64(at, IS_LITTLE_ENDIAN))
  );
  return { received: received!, sent: sent! };
}
