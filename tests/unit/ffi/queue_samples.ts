import { NetlinkEncoder } from "../../../ffi/netlink_encoding.ts";

/** A message as the kernel sends it for a packet in queue 500. @param bytes null: of a packet without any */
export function queuedPacket(id: number, bytes: Uint8Array | null): Uint8Array<ArrayBuffer> {
  const encoder = new NetlinkEncoder();
  encoder.message({ type: 0x300, flags: 0, sequence: 0 }, [2, 0, 1, 0xf4], () => {
    encoder.attribute(1, () => {
      encoder.networkWord(id);
      encoder.networkShort(0x0800);
      encoder.byte(0); // the hook
    });
    encoder.attribute(5, () => encoder.networkWord(2)); // the device it came by
    encoder.attribute(9, () => encoder.raw([0, 6, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0])); // its sender's Ethernet address
    if (bytes !== null) encoder.attribute(10, () => encoder.raw(bytes));
  });
  return encoder.bytes;
}
