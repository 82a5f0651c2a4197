const LAST = 0xffff_ffff;
const QUAD_REGEXP = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;

/** Reads a dotted quad (four decimal bytes, no leading zeros) as a number; null: it is none. */
export function parseIpv4(text: string): number | null {
  const match = QUAD_REGEXP.exec(text);
  if (match === null) return null;
  let address = 0;
  for (let part = 1; part <= 4; part++) {
    const byte = Number(match[part]);
    if (byte > 255) return null;
    address = address * 256 + byte;
  }
  return address;
}

/** Formats an address, a whole number from 0 to 2^32 - 1, as a dotted quad. */
export function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`;
}

/** Adds `count` to an address; null when the result or `text` is no address. */
export function addIpv4(text: string, count: number): string | null {
  const address = parseIpv4(text);
  if (address === null) return null;
  const sum = address + count;
  return sum < 0 || sum > LAST ? null : formatIpv4(sum);
}

/** Whether a host can have this address: not 0.0.0.0, multicast or 255.255.255.255. */
export function isHostIpv4(text: string): boolean {
  const address = parseIpv4(text);
  if (address === null || address === 0 || address === LAST) return false;
  return address >>> 28 !== 0xe;
}

/** Whether another host can send from this address: it is unicast, and neither in 0.0.0.0/8 nor in 127.0.0.0/8. */
export function isRemoteIpv4(text: string): boolean {
  return isHostIpv4(text) && !/^(0|127)\./.test(text);
}

/** A network: its first address as a whole number, and its prefix length. */
export interface Network {
  readonly first: number;
  readonly length: number;
}

/** Reads IP/LENGTH, or an address as a /32; null: it is neither. Host bits are cleared. */
export function parseNetwork(text: string): Network | null {
  const [, ip = "", bits = "32"] = /^([^/]*)(?:\/(0|[1-9]\d?))?$/.exec(text) ?? [];
  const [address, length] = [parseIpv4(ip), Number(bits)];
  return address === null || length > 32 ? null : networkOf(address, length);
}

/** Formats a network as IP/LENGTH. */
export function formatNetwork({ first, length }: Network): string {
  return `${formatIpv4(first)}/${length}`;
}

/** The network of this prefix length that contains an address. */
export function networkOf(address: number, length: number): Network {
  return { first: address - address % 2 ** (32 - length), length };
}

/** Whether an address is in a network. */
export function isInNetwork(ip: string, { first, length }: Network): boolean {
  return networkOf(parseIpv4(ip)!, length).first === first;
}
