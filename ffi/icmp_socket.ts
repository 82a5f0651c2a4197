import type * as ports from "../lib/doctor_ports.ts";
import { AF_INET, openSocket, SOCK_RAW } from "./descriptors.ts";
import { Libc } from "./libc.ts";
import { ReadLoop } from "./read_loop.ts";

const IPPROTO_ICMP = 1;
const KIND = { family: AF_INET, type: SOCK_RAW, protocol: IPPROTO_ICMP };
const SOL_RAW = 255;
const ICMP_FILTER = 1;
/** Types that are read: echo reply, destination unreachable, time exceeded. The filter has a bit for each it drops. */
const WANTED = [0, 3, 11].reduce((bits, type) => bits | 1 << type, 0);
/** Longer than any IPv4 header with options, and what an ICMP error quotes of a packet. */
const LONGEST = 1024;
const NAME = "the socket for ICMP";

/** Reads copies of ICMP messages, from the IPv4 header on. Needs CAP_NET_RAW. */
export class IcmpSocket implements ports.IcmpSocket {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #buffer = new Uint8Array(LONGEST);
  readonly #loop: ReadLoop;

  /** @throws {SysError} EPERM without CAP_NET_RAW */
  constructor() {
    using resources = new DisposableStack();
    const libc = this.#libc = resources.use(new Libc());
    this.#fd = openSocket(libc, `open ${NAME}`, KIND, resources);
    const dropped = new Uint32Array([~WANTED]);
    const set = libc.symbols.setsockopt(this.#fd, SOL_RAW, ICMP_FILTER, dropped, dropped.byteLength);
    libc.check(`set up ${NAME}`, "setsockopt", set);
    this.#loop = new ReadLoop(NAME, this.#fd, libc, resources);
  }

  packets(): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
    return this.#loop.read(() => {
      const length = this.#libc.receive(`read ${NAME}`, this.#fd, this.#buffer);
      return length === null ? null : [this.#buffer.slice(0, length)];
    });
  }

  [Symbol.dispose](): void {
    this.#loop.close();
  }
}
