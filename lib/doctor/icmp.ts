import { IP_HEADER_LENGTH } from "../packet.ts";

const [ICMP, UDP] = [1, 17];
const HEADER_LENGTH = 8;
const [ECHO_REPLY, UNREACHABLE, TIME_EXCEEDED] = [0, 3, 11];
const FRAGMENTATION_NEEDED = 4;

/** An ICMP message. */
export type IcmpMessage =
  /** The answer to an echo request. @property id identifier and sequence number, 8 hexadecimal digits */
  | { readonly kind: "reply"; readonly from: string; readonly id: string }
  /** A packet of ours did not arrive. */
  | {
    readonly kind: "error";
    readonly from: string;
    readonly why: string;
    /** What the packet was too long for, if it was; 0: not told. Null: another reason. */
    readonly mtu: number | null;
    readonly destination: string;
    /** Of an echo request. */
    readonly id: string | null;
    /** Of a UDP datagram. */
    readonly ports: { readonly source: number; readonly destination: number } | null;
  };

/** Reads an IPv4 packet with an ICMP message, as far as it matters here. @returns null: it is none that does */
export function parseIcmp(packet: Uint8Array): IcmpMessage | null {
  const body = bodyOf(packet, ICMP);
  if (body === null || body.length < HEADER_LENGTH) return null;
  const from = packet.subarray(12, 16).join(".");
  const [type, code] = [body[0]!, body[1]!];
  if (type === ECHO_REPLY) return { kind: "reply", from, id: body.slice(4, 8).toHex() };
  const why = explain(type, code);
  const quoted = body.subarray(HEADER_LENGTH);
  if (why === null || quoted.length < IP_HEADER_LENGTH) return null;
  const isTooLong = type === UNREACHABLE && code === FRAGMENTATION_NEEDED;
  const [echo, datagram] = [bodyOf(quoted, ICMP), bodyOf(quoted, UDP)];
  return {
    ...{ kind: "error", from, why, destination: quoted.subarray(16, 20).join(".") },
    mtu: isTooLong ? body[6]! << 8 | body[7]! : null,
    id: echo === null || echo.length < HEADER_LENGTH ? null : echo.slice(4, 8).toHex(),
    ports: datagram === null || datagram.length < 4
      ? null
      : { source: datagram[0]! << 8 | datagram[1]!, destination: datagram[2]! << 8 | datagram[3]! },
  };
}

/** What follows the header of an IPv4 packet that may be cut off; null: it has another protocol. */
function bodyOf(packet: Uint8Array, protocol: number): Uint8Array | null {
  if (packet.length < IP_HEADER_LENGTH || packet[0]! >> 4 !== 4 || packet[9] !== protocol) return null;
  const length = (packet[0]! & 0x0f) * 4;
  return length < IP_HEADER_LENGTH ? null : packet.subarray(length);
}

function explain(type: number, code: number): string | null {
  if (type === TIME_EXCEEDED) return code === 0 ? "the packet went in a circle" : null;
  if (type !== UNREACHABLE) return null;
  switch (code) {
    case 2:
    case 3:
      return "nothing has that UDP port there";
    case FRAGMENTATION_NEEDED:
      return "the packet is too long for the way";
    case 9:
    case 10:
    case 13:
      return "a firewall forbids it";
    default:
      return "there is no way to that host";
  }
}
