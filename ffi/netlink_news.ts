import { constants } from "node:os";
import type { KernelChange, KernelNews, TableChange } from "../lib/kernel_ports.ts";
import { EXIT, IpipouError } from "../lib/errors.ts";
import { DatagramBatch } from "./datagram_batch.ts";
import { NETLINK, openNetlink, setIntOption, SO_RCVBUFFORCE, SOL_SOCKET } from "./descriptors.ts";
import { Libc } from "./libc.ts";
import { parseRouteNews } from "./route_news.ts";
import { SysError } from "./sys_error.ts";
import { parseTableNews, tableName } from "./table_news.ts";
import { Waiter } from "./waiter.ts";

/** Multicast groups as bits of `nl_groups`: of NETLINK_ROUTE for links, IPv4 addresses, routes and routing rules. */
const ROUTE_GROUPS = 0x1 | 0x10 | 0x40 | 0x80;
/** NFNLGRP_NFTABLES of NETLINK_NETFILTER, number 7. */
const NFTABLES_GROUP = 1 << 6;

const NAME = "the kernel's news of devices, addresses and routes";
const NFT_NAME = "the kernel's news of nftables";

/**
 * Bytes of the route socket's receive buffer, for others' news and those of a few commands of ours, and what each command
 * beyond those adds. The kernel counts its overhead in.
 */
const ROOM = 256 * 1024;
const ROOM_FOR_COMMAND = 8 * 1024;
const FEW_COMMANDS = 24;
/** Bytes of the nftables socket's receive buffer. The kernel doubles it; a transaction for 4,096 peers takes 1.5 MB. */
const NFT_ROOM = 8 * 1024 * 1024;
/** Datagrams that are read at once. Those of nftables take up to 8 KiB; of a device mostly 2. */
const MOST_DATAGRAMS = 8;
const LONGEST_DATAGRAM = 16 * 1024;

/**
 * Reads what the kernel multicasts about devices, IPv4 addresses and routes, and about one nftables table, in the
 * network namespace it was opened in.
 */
export class NetlinkNews implements KernelNews {
  readonly #libc: Libc;
  readonly #route: number;
  /** The nftables socket and the table to watch; null: none. */
  readonly #nft: { readonly fd: number; readonly table: Uint8Array } | null;
  readonly #waiter: Waiter;
  #room = ROOM;
  /** What the part read so far of an unfinished nftables transaction touched of the table; null: nothing. */
  #touched: TableChange | null = null;
  readonly #batch = new DatagramBatch(MOST_DATAGRAMS, LONGEST_DATAGRAM);

  /**
   * @param table the nftables table (family ip) to watch; null: none, which needs no privileges
   * @throws {IpipouError} a table was named and CAP_NET_ADMIN is missing
   * @throws {SysError}
   */
  static open(table: string | null): NetlinkNews {
    try {
      return new NetlinkNews(table);
    } catch (cause) {
      if (!(cause instanceof SysError) || cause.errno !== constants.errno.EPERM) throw cause;
      throw new IpipouError(`${cause.message}; run as root, or with CAP_NET_ADMIN`, EXIT.nft, { cause });
    }
  }

  private constructor(table: string | null) {
    using resources = new DisposableStack();
    const libc = this.#libc = resources.use(new Libc());
    this.#route = openNetlink(libc, NAME, NETLINK.route, ROUTE_GROUPS, resources);
    this.#setRoom(this.#route, NAME, this.#room);
    this.#nft = table === null ? null : {
      fd: openNetlink(libc, NFT_NAME, NETLINK.netfilter, NFTABLES_GROUP, resources),
      table: tableName(table),
    };
    if (this.#nft !== null) this.#setRoom(this.#nft.fd, NFT_NAME, NFT_ROOM);
    const fds = [this.#route, ...this.#nft === null ? [] : [this.#nft.fd]];
    this.#waiter = new Waiter(NAME, fds, libc, resources);
  }

  /**
   * Devices, addresses and routes come first, then the table, each group in the kernel's order.
   *
   * @throws {SysError}
   * @throws {TypeError} when closed
   */
  changes(): KernelChange[] {
    this.#refuseIfClosed();
    const changes = this.#drain(NAME, this.#route, "others", parseRouteNews);
    if (this.#nft === null) return changes;
    const { fd, table } = this.#nft;
    const tableChanges = this.#drain(NFT_NAME, fd, "tables", (datagram) => {
      const { changes, touched } = parseTableNews(datagram, table, this.#touched);
      this.#touched = touched;
      return changes;
    });
    return [...changes, ...tableChanges];
  }

  /** Also resolves when closed, and when nftables changed other tables only, which `changes()` does not report. */
  wait(stop: AbortSignal): Promise<void> {
    return this.#waiter.wait(stop);
  }

  /** @throws {TypeError} when closed */
  makeRoom(commands: number): void {
    this.#refuseIfClosed();
    const room = ROOM + Math.max(0, commands - FEW_COMMANDS) * ROOM_FOR_COMMAND;
    if (room === this.#room) return;
    this.#room = room;
    this.#setRoom(this.#route, NAME, room);
  }

  [Symbol.dispose](): void {
    this.#waiter.close();
  }

  #refuseIfClosed(): void {
    if (this.#waiter.isClosed) throw new TypeError(`Cannot read ${NAME} as the sockets are closed`);
  }

  #setRoom(fd: number, name: string, bytes: number): void {
    const set = setIntOption(this.#libc, fd, SOL_SOCKET, SO_RCVBUFFORCE, bytes);
    // Without the privilege the buffer stays smaller. What does not fit is reported as unknown.
    if (set < 0 && this.#libc.errno !== constants.errno.EPERM) {
      throw this.#libc.error(`make room for ${name}`, "setsockopt");
    }
  }

  /**
   * Reads until a socket is empty. Stopping earlier would lose changes: once its buffer was full, the kernel drops
   * datagrams, without another error, until everything was read.
   */
  #drain(
    name: string,
    fd: number,
    of: "tables" | "others",
    parse: (datagram: Uint8Array) => readonly KernelChange[],
  ): KernelChange[] {
    const changes: KernelChange[] = [];
    while (true) {
      const datagrams = this.#receive(name, fd);
      if (datagrams.length === 0) return changes;
      for (const datagram of datagrams) {
        if (datagram === "lost") changes.push({ kind: "unknown", of });
        else changes.push(...parse(datagram));
      }
    }
  }

  /** The next datagrams; none: there is none now; "lost": it did not fit into our buffer, or some into the kernel's. */
  #receive(name: string, fd: number): (Uint8Array | "lost")[] {
    try {
      return this.#batch.receive(this.#libc, `read ${name}`, fd)
        .map((datagram, index) => this.#batch.isTruncated(index) ? "lost" : datagram);
    } catch (error) {
      if (error instanceof SysError && error.errno === constants.errno.ENOBUFS) return ["lost"];
      throw error;
    }
  }
}
