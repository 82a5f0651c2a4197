import type { RawSocket, RawSocketOptions } from "../../../lib/ports.ts";
import type { DataPath } from "./data_path.ts";
import type { FakeKernel } from "./kernel.ts";
import { type ErrorCode, FakeSysError } from "./sys_error.ts";

/** What a raw socket needs from its host. */
export interface RawSocketHost {
  readonly kernel: FakeKernel;
  readonly path: DataPath;
  /** Called with each packet that leaves. */
  readonly onSent: (packet: Uint8Array) => void;
  /** The error with which every send fails; null: sends succeed. */
  sendError: ErrorCode | null;
  /** How many of the next ones cannot be opened. */
  failRawSockets: number;
}

/** A raw socket that sends packets through a fake kernel. */
export class FakeRawSocket implements RawSocket {
  readonly defaultTtl = 64;
  readonly #host: RawSocketHost;
  /** Number of the device by which packets leave. It does not change when the device is recreated. */
  readonly #device: number | null;
  readonly #way: RawSocketOptions;
  #isClosed = false;
  #isAbandoned = false;

  /** @throws {FakeSysError} when there is no such device or source */
  constructor(host: RawSocketHost, way: RawSocketOptions) {
    const { source, device } = way;
    if (host.failRawSockets > 0) {
      host.failRawSockets--;
      throw new FakeSysError("open the raw socket", "socket", "ENOBUFS");
    }
    const found = device === null ? null : host.kernel.devices.get(device);
    if (found === undefined) {
      throw new FakeSysError(`bind the raw socket to device ${device}`, "setsockopt", "ENODEV");
    }
    if (!host.kernel.isLocal(source)) {
      throw new FakeSysError(`bind the raw socket to ${source}`, "bind", "EADDRNOTAVAIL");
    }
    this.#host = host;
    this.#way = way;
    this.#device = found?.index ?? null;
  }

  send(packet: Uint8Array, destination: string, isRouted = false): void {
    if (this.#isAbandoned) return;
    if (this.#isClosed) throw new TypeError(`Cannot send to ${destination} as the raw socket is closed`);
    const { kernel, path, onSent, sendError } = this.#host;
    const isGone = this.#device !== null && kernel.links.byIndex(this.#device) === undefined;
    const code = sendError ?? (isGone ? "ENODEV" : null);
    if (code !== null) throw new FakeSysError(`send to ${destination}`, "sendto", code);
    const { source } = this.#way;
    // Without a route by the device the kernel takes any destination for a neighbour.
    const isLost = !isRouted && this.#device !== null &&
      kernel.fib.lookup(destination, this.#device) === null;
    if (isLost) {
      const why = `no route from ${source} by ${kernel.links.nameOf(this.#device!)}`;
      throw new FakeSysError(`send to ${destination}`, "sendto", "ENETUNREACH", why);
    }
    if (path.outputFor(destination, this.#device) === null) {
      throw new FakeSysError(`send to ${destination}`, "sendto", "ENETUNREACH");
    }
    const output = this.#device === null ? undefined : kernel.links.byIndex(this.#device);
    const sending = output?.outer
      ? path.send(output.name, packet)
      : path.transmit(packet, destination, this.#device);
    // Sending fails if a firewall drops the packet on its way out.
    if (sending.kind === "dropped") throw new FakeSysError(`send to ${destination}`, "sendto", "EPERM");
    onSent(sending.packet);
  }

  [Symbol.dispose](): void {
    this.#isClosed = true;
  }

  /** Called when its process is killed. */
  abandon(): void {
    this.#isAbandoned = true;
  }
}
