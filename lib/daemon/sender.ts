import { buildUdpPacket, type Datagram } from "../packet.ts";
import type { RawSocket, RawSocketOptions, System } from "../ports.ts";

/** Sends auth packets or replies by one socket. */
export class Sender implements Disposable {
  readonly #system: Pick<System, "openRawSocket">;
  readonly #options: RawSocketOptions;
  /** Null: it failed, and has to be opened again. */
  #socket: RawSocket | null;

  /** @throws {SysError} when no raw socket can be opened */
  constructor(system: Pick<System, "openRawSocket">, options: RawSocketOptions) {
    this.#system = system;
    this.#options = options;
    this.#socket = system.openRawSocket(options);
  }

  /**
   * After a failure it tries once more with a new socket: the old one stays bound to a device that another one of the same
   * name has replaced.
   *
   * @param ttl of the IPv4 header; null: the system's
   * @param isRouted whether a route there is known, so that none must be looked for
   * @throws {SysError} when it cannot be sent
   */
  send(datagram: Datagram, ttl: number | null, isRouted = false): void {
    if (this.#socket !== null) {
      try {
        return this.#sendBy(this.#socket, datagram, ttl, isRouted);
      } catch {
        this[Symbol.dispose]();
      }
    }
    const socket = this.#system.openRawSocket(this.#options);
    this.#socket = socket;
    try {
      this.#sendBy(socket, datagram, ttl, false);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  #sendBy(socket: RawSocket, datagram: Datagram, ttl: number | null, isRouted: boolean): void {
    socket.send(buildUdpPacket(datagram, ttl ?? socket.defaultTtl), datagram.destination.ip, isRouted);
  }

  [Symbol.dispose](): void {
    this.#socket?.[Symbol.dispose]();
    this.#socket = null;
  }
}

/** What leads an instance's packets by the routes that its tunnels take. */
export function socketOptions(
  { ip, link }: { readonly ip: string; readonly link: string | null },
  { fouMark }: { readonly fouMark: number },
): RawSocketOptions {
  return { source: ip, device: link, mark: fouMark };
}
