import { constants } from "node:os";
import { formatIpv4 } from "../lib/ipv4.ts";
import type { Change, News } from "../lib/kernel/news.ts";
import { Libc } from "./libc.ts";
import { NETLINK, openNetlink, RTMGRP } from "./netlink.ts";

const NAME = "the kernel's news of devices, addresses and routes";
const GENERATION = "the generation of the nftables";

/** Lengths of headers: of any message, and of those about devices, addresses and routes after it. */
const HEADER = 16;
const HEADERS = { link: 16, address: 8 } as const;
/** Types of messages. */
const RTM = { newLink: 16, delLink: 17, newAddress: 20, delAddress: 21, newRoute: 24, delRoute: 25 } as const;
/** Attributes. */
const IFLA_IFNAME = 3;
const IFA_LOCAL = 2;
/** Where a message about a route has its protocol. */
const ROUTE_PROTOCOL_OFFSET = HEADER + 5;

const SOL_SOCKET = 1;
const SO_RCVBUFFORCE = 33;
/** Bytes that the kernel keeps for us, and those for the messages of one command; it counts some for itself. */
const ROOM = 64 * 1024;
const ROOM_FOR_COMMAND = 8 * 1024;

const NLM_F_REQUEST = 1;
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_NEWGEN = 15;
const NFT_MSG_GETGEN = 16;
/** Where the answer has the number, in network byte order, as its first attribute. */
const GENERATION_OFFSET = HEADER + 4 + 4;

/** Hears of every change of devices, IPv4 addresses and IPv4 routes here, from the moment it is opened, until asked. */
export class KernelNews implements News {
  readonly #resources: DisposableStack;
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #nft: number | null;
  #room = ROOM;
  /** Enough for what is read of a message; the rest of it is cut off. */
  readonly #buffer = new Uint8Array(128);

  /** @param hasNft whether to learn the generation of the nftables too @throws {SysError} */
  static open(hasNft: boolean): KernelNews {
    return new KernelNews(hasNft);
  }

  private constructor(hasNft: boolean) {
    using resources = new DisposableStack();
    const libc = this.#libc = resources.use(new Libc());
    const { link, ipv4Address, ipv4Route } = RTMGRP;
    this.#fd = openNetlink(libc, NAME, NETLINK.route, link | ipv4Address | ipv4Route, resources);
    this.#nft = hasNft ? openNetlink(libc, GENERATION, NETLINK.netfilter, 0, resources) : null;
    this.#resources = resources.move();
  }

  changes(): readonly Change[] {
    const changes: Change[] = [];
    while (true) {
      const change = this.#receive();
      if (change === null) return changes;
      changes.push(change);
    }
  }

  makeRoom(commands: number): void {
    const room = new Uint32Array([ROOM + commands * ROOM_FOR_COMMAND]);
    if (room[0] === this.#room) return;
    this.#room = room[0]!;
    const { symbols } = this.#libc;
    const set = symbols.setsockopt(this.#fd, SOL_SOCKET, SO_RCVBUFFORCE, room, room.byteLength);
    // Whoever may not have it does with less: what does not fit is told as unknown.
    if (set < 0 && this.#libc.errno !== constants.errno.EPERM) {
      throw this.#libc.error(`hear ${NAME}`, "setsockopt");
    }
  }

  generation(): number | null {
    if (this.#nft === null) return null;
    const request = new DataView(new ArrayBuffer(HEADER + 4));
    request.setUint32(0, request.byteLength, true);
    request.setUint16(4, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, true);
    request.setUint16(6, NLM_F_REQUEST, true);
    const { symbols } = this.#libc;
    const kernel = new Uint32Array([16, 0, 0]); // struct sockaddr_nl
    const sent = symbols.sendto(
      this.#nft,
      new Uint8Array(request.buffer),
      BigInt(request.byteLength),
      0,
      kernel,
      kernel.byteLength,
    );
    this.#libc.check(`ask for ${GENERATION}`, "sendto", sent);
    // The kernel has answered when `sendto` returns.
    const length = this.#libc.receive(`read ${GENERATION}`, this.#nft, this.#buffer) ?? 0;
    const answer = new DataView(this.#buffer.buffer);
    const isAnswer = length >= GENERATION_OFFSET + 4 && (answer.getUint16(4, true) & 0xff) === NFT_MSG_NEWGEN;
    return isAnswer ? answer.getUint32(GENERATION_OFFSET) : null;
  }

  [Symbol.dispose](): void {
    this.#resources.dispose();
  }

  /** Null: there is no more. */
  #receive(): Change | null {
    try {
      const length = this.#libc.receive(`read ${NAME}`, this.#fd, this.#buffer);
      return length === null ? null : parseChange(this.#buffer.subarray(0, length));
    } catch (error) {
      // More happened than could be kept for us.
      if (this.#libc.errno === constants.errno.ENOBUFS) return { kind: "unknown" };
      throw error;
    }
  }
}

/** Reads the beginning of a message of `rtnetlink`. */
export function parseChange(message: Uint8Array): Change {
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  if (message.length <= ROUTE_PROTOCOL_OFFSET) return { kind: "unknown" };
  switch (view.getUint16(4, true)) {
    case RTM.newLink:
    case RTM.delLink: {
      const name = findAttribute(view, HEADER + HEADERS.link, IFLA_IFNAME);
      if (name === null) break;
      return { kind: "device", name: new TextDecoder().decode(name).replace(/\0.*$/s, "") };
    }
    case RTM.newAddress:
    case RTM.delAddress: {
      const ip = findAttribute(view, HEADER + HEADERS.address, IFA_LOCAL);
      if (ip?.length !== 4) break;
      return { kind: "address", ip: formatIpv4(new DataView(ip.buffer, ip.byteOffset).getUint32(0)) };
    }
    case RTM.newRoute:
    case RTM.delRoute:
      return { kind: "route", protocol: message[ROUTE_PROTOCOL_OFFSET]! };
  }
  return { kind: "unknown" };
}

/** The value of the first attribute of this type; null when what there is of the message has none. */
function findAttribute(view: DataView, start: number, type: number): Uint8Array | null {
  for (let offset = start; offset + 4 <= view.byteLength;) {
    const length = view.getUint16(offset, true);
    const end = offset + length;
    if (length < 4 || end > view.byteLength) return null;
    if (view.getUint16(offset + 2, true) === type) {
      return new Uint8Array(view.buffer, view.byteOffset + offset + 4, length - 4);
    }
    offset += length + 3 & ~3;
  }
  return null;
}
