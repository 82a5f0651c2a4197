import assert from "node:assert/strict";
import { type Message, messagesIn } from "../../../ffi/netlink_messages.ts";
import { fouChange } from "../../../ffi/fou_messages.ts";
import { Sequences } from "../../../ffi/netlink_sequences.ts";
import { encodeBatch } from "../../../ffi/nft_batch.ts";
import {
  addressChange,
  linkChange,
  localRouteChange,
  newLink,
  routeChange,
} from "../../../ffi/object_requests.ts";
import { stepOf } from "../../../lib/kernel/step.ts";
import type { AddressRequest, Element, ElementsRequest, KernelRequest } from "../../../lib/requests.ts";
import { CAPTURED } from "./captured_requests.ts";

/** The kernel's numbers of the devices in the captured messages. */
const INDEX: Readonly<Record<string, number>> = { lo: 1, e0: 10, t0: 11, t1: 12 };
const FOU_FAMILY = 0x18;
const LINK_HEADER = 16;
const TABLE_HEADER = 4;

function elements(
  verb: "add" | "delete",
  set: string,
  ...list: readonly (Pick<Element, "key"> & Partial<Element>)[]
): ElementsRequest {
  const all = list.map((element) => ({ timeout: null, value: null, ...element }));
  return { kind: "elements", verb, table: "t", set, elements: all };
}

const OUTER = {
  local: { ip: "192.0.2.1", port: 10_000 },
  ...{ ttl: 64, tos: 0, pmtudisc: true, fwmark: 0, checksum: false, link: null },
};
const MOVE = { kind: "link", device: "t0", mtu: null, alias: null, outer: null, isUp: null } as const;
const ALT = { ip: "172.29.0.1", device: "lo" } as const;

const UP = { ...MOVE, isUp: true } as const;
const INNER: AddressRequest = {
  ...{ kind: "address", verb: "add", scope: "global", device: "t0" },
  ...{ ip: "172.28.0.0", peerIp: "172.28.0.1" },
};
const ROUTE = { kind: "route", network: "10.0.0.0/8", device: "t0", protocol: 201 } as const;

/** What was typed in `CAPTURED`, in the same order, as requests. */
const REQUESTS: readonly KernelRequest[] = [
  elements("add", "remotes", { key: ["192.0.2.7", 4000, 10_000], timeout: 30_005, value: "accept" }),
  elements(
    "add",
    "remotes",
    { key: ["192.0.2.8", 4000, 10_000], value: "accept" },
    { key: ["192.0.2.9", 4000, 10_000], value: "accept" },
  ),
  elements("add", "locals", { key: ["192.0.2.8", 4000, 10_000], value: "172.29.0.1" }),
  elements(
    "add",
    "sources",
    { key: [{ device: "tun0" }, { network: "10.0.0.0/8" }] },
    { key: [{ device: "tun1" }, { network: "10.1.2.3" }] },
  ),
  elements("add", "dev-x", { key: [{ device: "tun0" }] }),
  elements("add", "addresses", { key: ["192.0.2.7"] }, { key: ["192.0.2.8"] }),
  elements("add", "endpoints", { key: ["192.0.2.7", 4000] }),
  elements(
    "add",
    "hints",
    { key: [{ word: 7_123_456 }, 513] },
    { key: [{ word: 2 ** 32 - 1 }, 65_535] },
    { key: [{ word: 0 }, 1] },
  ),
  elements("delete", "hints", { key: [{ word: 7_123_456 }, 513] }),
  elements("delete", "endpoints", { key: ["192.0.2.7", 4000] }),
  elements("delete", "remotes", { key: ["192.0.2.7", 4000, 10_000] }),
  elements("delete", "sources", { key: [{ device: "tun0" }, { network: "10.0.0.0/8" }] }),
  { ...MOVE, alias: "ipipou:t0", outer: { ...OUTER, remote: { ip: "198.51.100.7", port: 4001 } } },
  {
    ...{ ...MOVE, mtu: 1400, alias: "ipipou:t0:x" },
    outer: {
      ...{ ...OUTER, ttl: 0, tos: 0x10, pmtudisc: false, fwmark: 5 },
      local: { ip: "172.29.0.1", port: 10_000 },
      remote: { ip: "198.51.100.9", port: 4001 },
    },
  },
  {
    ...{ ...MOVE, device: "t1" },
    outer: { ...OUTER, tos: 1, checksum: true, link: "e0", remote: { ip: "198.51.100.10", port: 4001 } },
  },
  { ...MOVE, mtu: 1401, alias: "ipipou:t0:y" },
  UP,
  { kind: "address", verb: "add", scope: "host", peerIp: null, ...ALT },
  { kind: "local route", verb: "replace", ...ALT },
  { kind: "fou", verb: "add", local: { ip: "172.29.0.1", port: 10_000 }, device: null },
  { kind: "local route", verb: "delete", ...ALT },
  { kind: "fou", verb: "del", local: { ip: "172.29.0.1", port: 10_000 }, device: null },
  { kind: "fou", verb: "add", local: { ip: "192.0.2.1", port: 10_001 }, device: "e0" },
  { kind: "address", verb: "delete", scope: "host", peerIp: null, ...ALT },
  { kind: "address", verb: "add", scope: "global", ip: "172.29.0.1", peerIp: null, device: "e0" },
  INNER,
  { ...INNER, verb: "delete" },
  { ...ROUTE, verb: "add" },
  { ...ROUTE, verb: "delete" },
  {
    ...{ kind: "new link", device: "t0", mtu: 1472 },
    outer: { ...OUTER, remote: { ip: "198.51.100.7", port: 4000 } },
  },
  {
    ...{ kind: "new link", device: "t1", mtu: 1400 },
    outer: {
      ...{ ...OUTER, ttl: 0, tos: 1, pmtudisc: false, fwmark: 7, checksum: true, link: "e0" },
      remote: { ip: "198.51.100.8", port: 4000 },
    },
  },
  {
    ...{ kind: "new link", device: "t2", mtu: 1400 },
    outer: { ...OUTER, remote: { ip: "198.51.100.9", port: 4000 } },
  },
  UP,
  INNER,
  { ...ROUTE, verb: "add" },
  { ...ROUTE, verb: "replace", network: "10.1.2.3" },
  { ...ROUTE, verb: "add", network: "default" },
  { ...ROUTE, verb: "delete", network: "default" },
  { ...ROUTE, verb: "delete" },
  { ...INNER, verb: "delete" },
];

function indexOf(device: string): number {
  return INDEX[device]!;
}

function encode(request: KernelRequest): Uint8Array<ArrayBuffer> {
  switch (request.kind) {
    case "elements":
      return encodeBatch([request], new Sequences()).bytes;
    case "new link":
      return newLink(request, indexOf, 7);
    case "route":
      return routeChange(request, indexOf, 7);
    case "link":
      return linkChange(request, indexOf, 7);
    case "address":
      return addressChange(request, indexOf, 7);
    case "local route":
      return localRouteChange(request, indexOf, 7);
    case "fou":
      return fouChange(request, FOU_FAMILY, indexOf, 7);
  }
}

/** Attributes that consist of others, by the path to them; "-" is an element of a list. */
const NESTED = /^nft 3( -( (1|2|10)( 2)?)?)?$|^link 18( 2)?$/;
const LIST = "nft 3";
/** Programs number sets that they just read; they number devices, which we name; and they number elements of a list. */
const LEFT_OUT = ["nft 4", "link 3"];

/** All attributes with their paths, in order. */
function attributesOf(body: DataView, header: number, path: string): string[] {
  const found: string[] = [];
  for (let offset = header; offset < body.byteLength;) {
    const length = body.getUint16(offset, true);
    const type = body.getUint16(offset + 2, true) & 0x3fff;
    const key = `${path} ${path === LIST ? "-" : type}`;
    const value = new DataView(body.buffer, body.byteOffset + offset + 4, length - 4);
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    if (NESTED.test(key)) found.push(key, ...attributesOf(value, 0, key));
    else if (!LEFT_OUT.includes(key)) found.push(`${key}: ${bytes.toHex()}`);
    offset += Math.ceil(length / 4) * 4;
  }
  return found;
}

/** Of struct ifinfomsg, all but the number of the device. */
function header(body: Uint8Array): string {
  return `${body.subarray(0, 4).toHex()} ${body.subarray(8, LINK_HEADER).toHex()}`;
}

/** What must be equal. */
function essence(line: string, body: Uint8Array): string[] {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  if (line.startsWith("link")) return [header(body), ...attributesOf(view, LINK_HEADER, "link")];
  const [, isElements] = /^\w+ (element) /.exec(line) ?? [];
  return isElements ? attributesOf(view, TABLE_HEADER, "nft") : [body.toHex()];
}

for (const [at, { line, type, flags, body }] of CAPTURED.entries()) {
  const request = REQUESTS[at]!;
  Deno.test(`a request is what a program sends: ${line}`, () => {
    const messages = messagesIn(encode(request)) as Message[];
    const message = messages.length === 1 ? messages[0]! : messages[1]!;
    const { buffer, byteOffset, byteLength } = message.body;
    const ours = new Uint8Array(buffer, byteOffset, byteLength);
    assert.deepEqual(essence(line, ours), essence(line, body));
    assert.equal(message.type, type);
    const wanted = request.kind === "elements" ? flags | 4 : flags;
    assert.equal(message.flags, wanted, "of elements, the last message asks for an answer");
  });
}

Deno.test("a request's line is what was typed, but for words that ip may leave out", () => {
  for (const [at, { line }] of CAPTURED.entries()) {
    const request = REQUESTS[at]!;
    // Of devices all words are said, also those for what is so anyhow.
    const bare = (text: string) => text.replace(/ scope host| fwmark 0| noencap-csum/g, "");
    const words = (text: string) => request.kind.includes("link") ? text.split(" ").sort() : [text];
    assert.deepEqual(words(bare(stepOf(request).line)), words(bare(line)));
  }
});
