import { parseIpv4 } from "../lib/ipv4.ts";
import type { Routes, Way } from "../lib/ports.ts";
import { AF_NETLINK, NETLINK_ROUTE, openNetlink } from "./descriptors.ts";
import { Libc } from "./libc.ts";
import { parseRouteAnswer, routeRequest } from "./netlink_messages.ts";

const NAME = "the kernel's routes";

/** Asks the kernel for routes, in the network namespace it was opened in. The kernel answers while it is asked. */
export class NetlinkRoutes implements Routes {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #resources: DisposableStack;
  readonly #buffer = new Uint8Array(16 * 1024);

  /** @throws {SysError} */
  constructor() {
    using resources = new DisposableStack();
    this.#libc = resources.use(new Libc());
    this.#fd = openNetlink(this.#libc, NAME, NETLINK_ROUTE, 0, resources);
    this.#resources = resources.move();
  }

  find(to: string, from: string, device: number | null, mark: number): Way | null {
    const ends = { to: bytesOf(to), from: bytesOf(from), device, mark };
    const answer = this.#ask(routeRequest({ ...ends, isFromTable: false }));
    if (answer === null) return null;
    const { index, isLearned } = answer;
    const mtu = isLearned ? this.#ask(routeRequest({ ...ends, isFromTable: true }))?.mtu ?? null : answer.mtu;
    return { index, mtu };
  }

  [Symbol.dispose](): void {
    this.#resources.dispose();
  }

  #ask(request: Uint8Array<ArrayBuffer>) {
    const action = `ask for ${NAME}`;
    const kernel = new Uint32Array([AF_NETLINK, 0, 0]); // struct sockaddr_nl
    const { sendto } = this.#libc.symbols;
    const length = BigInt(request.length);
    this.#libc.check(action, "sendto", sendto(this.#fd, request, length, 0, kernel, kernel.byteLength));
    const answer = this.#libc.receive(`read ${NAME}`, this.#fd, this.#buffer);
    return answer === null ? null : parseRouteAnswer(this.#buffer.subarray(0, answer));
  }
}

function bytesOf(ip: string): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, parseIpv4(ip)!);
  return bytes;
}
