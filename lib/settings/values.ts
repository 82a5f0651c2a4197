import { isPoint, isWeakPublicKey, KEY_LENGTH } from "../auth/keys.ts";
import { formatNetwork, isHostIpv4, parseIpv4, parseNetwork } from "../ipv4.ts";
import { isPort, LAST_PORT } from "../packet.ts";
import { quote } from "./errors.ts";
import type { Assign } from "./given.ts";
import type { Kind } from "./option.ts";

/** The longest time a JavaScript timer can wait, in whole seconds (24 days). */
const LONGEST_DURATION = 2_147_483;
const SECONDS_PER_UNIT: Readonly<Record<string, number>> = { "": 1, s: 1, m: 60, h: 3600 };

const BASE64_REGEXP = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;
const DEVICE_REGEXP = /^(?!\.{1,2}$)[A-Za-z0-9_.-]{1,15}$/;
const NFT_TABLE_REGEXP = /^[A-Za-z_][A-Za-z0-9_.-]{0,254}$/;
const HOST_LABEL_REGEXP = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/;
const LONGEST_HOST = 253;
const MOST_PORTS = 64;
/** The highest firewall mark. */
const LAST_MARK = 0xffff_ffff;

const IPV4_FORM = "an IPv4 address of a host, like 192.0.2.1";
const KEY_FORM = `${KEY_LENGTH} bytes in standard base64`;
const DEVICE_FORM = "a device name: 1 to 15 of A-Z a-z 0-9 _ . -";

/** An invalid value. The message says what it must be; the caller adds what it is and where. */
export class ValueError extends Error {
  /** Whether the value may be a secret, whatever it is given as. */
  readonly isSecret: boolean;

  constructor(message: string, { isSecret = false } = {}) {
    super(message);
    this.isSecret = isSecret;
  }
}

/** Kinds of options that can be set in a TOML file. */
export type LastingKind = Exclude<Kind, { kind: "command" | "switch" | "config" | "count" }>;

/** Kinds of options that take a value on the command line. */
type ValueKind = Exclude<LastingKind, { kind: "flag" }>;

const FORMS = {
  mark: `a whole number from 0 to ${LAST_MARK}, or from 0x0 to 0x${LAST_MARK.toString(16)}`,
  duration: `whole seconds from 0 to ${LONGEST_DURATION}, or a time like 25s, 5m or 2h`,
  ports: `a UDP port from 1 to ${LAST_PORT}, or up to ${MOST_PORTS} different ones`,
  networks: "networks like 10.1.0.0/16",
  tos:
    "inherit, a value like 0x20 (from 0x00 to 0xfc, in steps of 4), or a name: CS0 to CS7, AF11 to AF43, EF",
  flag: "true or false",
  text: "text",
  base64: "standard base64",
  privateKey: KEY_FORM,
  publicKey: KEY_FORM,
  secretFile: "the path of a file",
  ipv4: IPV4_FORM,
  device: DEVICE_FORM,
  nftTable: "a table name: A-Z a-z 0-9 _ . - beginning with a letter or _",
  local: "[IP][:PORT][@DEV] with at least one of them",
  remote: "[HOST|IP][:PORT] with at least one of them",
};

/** Describes what a value of this kind must be, to follow "must be". */
export function describeKind(kind: LastingKind): string {
  switch (kind.kind) {
    case "integer":
      return `a whole number from ${kind.min} to ${kind.max}`;
    case "numberOrWord":
      return `${kind.words.join(" or ")}, or a whole number from ${kind.min} to ${kind.max}`;
    case "network":
      return `a network like 172.28.16.0/20, of length ${kind.min} to ${kind.max}`;
    case "word":
    case "choice":
      return kind.choices.join(" or ");
    default:
      return FORMS[kind.kind];
  }
}

/**
 * Parses a value and assigns it to its slots.
 *
 * @param folder base of relative paths: empty, or ending in `/`
 * @throws {ValueError} when the value is invalid
 */
export function readValue(kind: ValueKind, text: string, folder: string, assign: Assign): void {
  switch (kind.kind) {
    case "integer":
      return assign(kind.slot, readInteger(kind, text));
    case "numberOrWord":
      return assign(kind.slot, readNumberOrWord(kind, text));
    case "tos":
      return assign(kind.slot, readTos(text) ?? refuseValue(kind));
    case "mark":
      return assign(kind.slot, readMark(kind, text));
    case "duration":
      return assign(kind.slot, readDuration(kind, text));
    case "ports":
      return assign(kind.slot, readPorts(kind, text));
    case "network":
      return assign(kind.slot, readPool(kind, text));
    case "networks":
      return assign(kind.slot, readNetworks(kind, text.split(",")));
    case "text":
      return assign(kind.slot, text);
    case "base64":
      return assign(kind.slot, decodeBase64(text) ?? refuseValue(kind));
    case "privateKey":
      return assign(kind.slot, decodeKey(text));
    case "publicKey":
      return assign(kind.slot, readPublicKey(text));
    case "secretFile":
      if (text === "" || text.endsWith("/")) refuseValue(kind);
      return assign(kind.slot, { file: text.startsWith("/") ? text : folder + text });
    case "ipv4":
      return assign(kind.slot, isHostIpv4(text) ? text : refuseValue(kind));
    case "device":
      return assign(kind.slot, DEVICE_REGEXP.test(text) ? text : refuseValue(kind));
    case "nftTable":
      return assign(kind.slot, NFT_TABLE_REGEXP.test(text) ? text : refuseValue(kind));
    case "choice":
      return kind.choices.includes(text) ? undefined : refuseValue(kind);
    case "word":
      return assign(kind.slot, kind.choices.find((choice) => choice === text) ?? refuseValue(kind));
    case "local":
      return readLocal(text, assign);
    case "remote":
      return readRemote(text, assign);
  }
}

function refuseValue(kind: LastingKind): never {
  throw new ValueError(`must be ${describeKind(kind)}`);
}

function readInteger(kind: { kind: "integer" } & Kind, text: string): number {
  const value = /^-?\d+$/.test(text) ? Number(text) : NaN;
  return value >= kind.min && value <= kind.max ? value : refuseValue(kind);
}

/** The words that a slot takes are those of its options. */
function readNumberOrWord(kind: { kind: "numberOrWord" } & Kind, text: string): never {
  const number = /^\d+$/.test(text) ? Number(text) : NaN;
  const word = kind.words.find((word) => word === text);
  return (word ?? (number >= kind.min && number <= kind.max ? number : refuseValue(kind))) as never;
}

/** Names as `ip` has them: the class selectors, assured and expedited forwarding. The ECN bits are not ours to set. */
function readTos(text: string): number | "inherit" | null {
  if (text === "inherit") return text;
  const [, hex, selector, group, drop] =
    /^(?:0x([0-9a-f]{1,2})|CS([0-7])|AF([1-4])([1-3])|EF)$/i.exec(text) ?? [];
  if (hex !== undefined) return parseInt(hex, 16) % 4 === 0 ? parseInt(hex, 16) : null;
  if (selector !== undefined) return 32 * Number(selector);
  if (group !== undefined) return 32 * Number(group) + 8 * Number(drop);
  return text.toUpperCase() === "EF" ? 0xb8 : null;
}

function readMark(kind: { kind: "mark" } & Kind, text: string): number {
  const value = /^(?:\d+|0x[\da-f]+)$/i.test(text) ? Number(text) : NaN;
  return value <= LAST_MARK ? value : refuseValue(kind);
}

function readDuration(kind: { kind: "duration" } & Kind, text: string): number {
  const [, count = "", unit = ""] = /^(\d+)([smh]?)$/.exec(text) ?? [];
  const seconds = Number(count) * (SECONDS_PER_UNIT[unit] ?? NaN);
  return count !== "" && seconds <= LONGEST_DURATION ? seconds : refuseValue(kind);
}

/** Decodes standard base64, padded or not; null if it is invalid. */
function decodeBase64(text: string): Uint8Array<ArrayBuffer> | null {
  return BASE64_REGEXP.test(text) ? Uint8Array.fromBase64(text) : null;
}

/**
 * Decodes a key: 32 bytes in standard base64, padded or not.
 *
 * @throws {ValueError} when it is anything else
 */
export function decodeKey(text: string): Uint8Array<ArrayBuffer> {
  const key = decodeBase64(text);
  if (key === null) throw new ValueError(`must be ${KEY_FORM}`);
  if (key.length !== KEY_LENGTH) throw new ValueError(`must be ${KEY_FORM}, but it is ${key.length} bytes`);
  return key;
}

function readPublicKey(text: string): Uint8Array<ArrayBuffer> {
  const key = decodeKey(text);
  if (isWeakPublicKey(key)) {
    throw new ValueError("must be a key made with --auth-keygen: this one is weak, anyone can sign for it");
  }
  if (!isPoint(key)) {
    throw new ValueError(
      "must be a public key, the second line of --auth-keygen: this is a private key, or a character is wrong",
      { isSecret: true },
    );
  }
  return key;
}

function readDigits(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : NaN;
}

function readPort(text: string): number {
  const port = readDigits(text);
  if (isPort(port)) return port;
  throw new ValueError("the port must be a whole number from 1 to 65535");
}

function readPorts(kind: { kind: "ports" } & Kind, text: string): readonly number[] {
  const ports = text.split(",").map(readDigits);
  const areDifferent = new Set(ports).size === ports.length;
  return ports.every(isPort) && areDifferent && ports.length <= MOST_PORTS ? ports : refuseValue(kind);
}

/**
 * Parses networks: IP/LENGTH, or an address for a network of one.
 *
 * @returns IP/LENGTH of each
 * @throws {ValueError} when one is invalid, has host bits set or is repeated, or there are none
 */
export function readNetworks(kind: { kind: "networks" } & Kind, texts: readonly string[]): readonly string[] {
  const networks = texts.map((text) => readNetwork(kind, text));
  const seen = new Set<string>();
  const again = networks.find((network) => seen.size === seen.add(network).size);
  if (again !== undefined) {
    throw new ValueError(`must be ${describeKind(kind)}, but "${again}" is given twice`);
  }
  return networks.length === 0 ? refuseValue(kind) : networks;
}

function readNetwork(kind: { kind: "network" | "networks" } & Kind, text: string): string {
  const but = `must be ${describeKind(kind)}, but ${quote(text)}`;
  const network = parseNetwork(text);
  if (network === null) throw new ValueError(`${but} is not one`);
  if (parseIpv4(text.replace(/\/.*/, "")) !== network.first) {
    throw new ValueError(`${but} has host bits set: give ${formatNetwork(network)}`);
  }
  return formatNetwork(network);
}

function readPool(kind: { kind: "network" } & Kind, text: string): string {
  const { length } = parseNetwork(text) ?? refuseValue(kind);
  return length >= kind.min && length <= kind.max ? readNetwork(kind, text) : refuseValue(kind);
}

/** Splits `text` at the first `mark`; the second part is null if there is none. */
function splitAt(text: string, mark: string): [string, string | null] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, null] : [text.slice(0, at), text.slice(at + mark.length)];
}

function readLocal(text: string, assign: Assign): void {
  if (text === "") refuseValue({ kind: "local" });
  const swapped = /^@([^:@]+)(:\d+)$/.exec(text);
  if (swapped !== null) throw new ValueError(`the port comes before the device: ${swapped[2]}@${swapped[1]}`);
  const [address, device] = splitAt(text, "@");
  const [ip, port] = splitAt(address, ":");
  if (ip !== "" && !isHostIpv4(ip)) throw new ValueError(`the address must be ${IPV4_FORM}`);
  if (device !== null && !DEVICE_REGEXP.test(device)) {
    throw new ValueError(`the device must be ${DEVICE_FORM}`);
  }
  if (ip !== "") assign("localIp", ip);
  if (port !== null) assign("localPorts", [readPort(port)]);
  if (device !== null) assign("device", device);
}

function readRemote(text: string, assign: Assign): void {
  const [first, ...others] = text.split(",").map((remote) => {
    if (remote === "") refuseValue({ kind: "remote" });
    const [host, port] = splitAt(remote, ":");
    if (host !== "" && !isHost(host)) {
      throw new ValueError("the host must be an IPv4 address of a host, or a host name");
    }
    return { host, port: port === null ? null : readPort(port) };
  });
  const { host, port } = first!;
  const isIncomplete = others.length > 0 && [host, ...others.map(({ host }) => host)].includes("");
  if (isIncomplete) throw new ValueError("each of several must have a host, as in a.example:10000,b.example");
  if (host !== "") assign("remoteHost", host);
  if (port !== null) assign("remotePort", port);
  if (others.length > 0) assign("fallbacks", others);
}

function isHost(text: string): boolean {
  if (/^[\d.]+$/.test(text)) return isHostIpv4(text);
  const name = text.endsWith(".") ? text.slice(0, -1) : text;
  return name.length <= LONGEST_HOST && name.split(".").every((label) => HOST_LABEL_REGEXP.test(label));
}
