import type { IcmpSocket } from "../doctor_ports.ts";
import { buildPing } from "../packet.ts";
import type { RawSocketOptions, System } from "../ports.ts";
import { type IcmpMessage, parseIcmp } from "./icmp.ts";

/** What became of a ping. @property mtu who says that it was too long says so, too; 0: not told */
export type PingAnswer =
  | { readonly kind: "answered"; readonly after: number }
  | { readonly kind: "too long"; readonly mtu: number }
  | { readonly kind: "lost" };

/** Most errors that are kept. */
const MOST_ERRORS = 64;

type PingerSystem = Pick<System, "clock" | "random" | "openRawSocket">;

/** Sends pings, and listens to what ICMP tells of these and of all else that this host sends. */
export class Pinger implements Disposable {
  readonly #system: PingerSystem;
  readonly #socket: IcmpSocket;
  readonly #waiting = new Map<string, (answer: PingAnswer) => void>();
  readonly #errors: (IcmpMessage & { kind: "error" })[] = [];

  constructor(system: PingerSystem, socket: IcmpSocket) {
    this.#system = system;
    this.#socket = socket;
    // Without answers all are lost, which is then said.
    this.#listen().catch(() => {});
  }

  /** What was told of packets that did not arrive, the earliest first. */
  get errors(): readonly (IcmpMessage & { kind: "error" })[] {
    return this.#errors;
  }

  /**
   * Pings a host.
   *
   * @param length bytes of the packet, which must not be fragmented
   * @param patience milliseconds
   * @throws {SysError} when it cannot be sent
   */
  async ping(
    way: RawSocketOptions,
    destination: string,
    length: number,
    patience: number,
  ): Promise<PingAnswer> {
    const { clock, random, openRawSocket } = this.#system;
    const id = random.bytes(4);
    const { promise, resolve } = Promise.withResolvers<PingAnswer>();
    const end = new AbortController();
    const began = clock.now();
    this.#waiting.set(id.toHex(), resolve);
    try {
      using socket = openRawSocket(way);
      const packet = buildPing(way.source, destination, id, socket.defaultTtl, length);
      socket.send(packet, destination);
      const late = clock.waitUntil(began + patience, end.signal).then((): PingAnswer => ({ kind: "lost" }));
      const answer = await Promise.race([promise, late]);
      return answer.kind === "answered" ? { kind: "answered", after: clock.now() - began } : answer;
    } catch (error) {
      if ((error as { code?: string }).code !== "EMSGSIZE") throw error;
      return { kind: "too long", mtu: 0 };
    } finally {
      end.abort();
      this.#waiting.delete(id.toHex());
    }
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  async #listen(): Promise<void> {
    for await (const packet of this.#socket.packets()) {
      const message = parseIcmp(packet);
      if (message?.kind === "error" && this.#errors.length < MOST_ERRORS) this.#errors.push(message);
      const settle = this.#waiting.get(message?.id ?? "");
      if (message?.kind === "reply") settle?.({ kind: "answered", after: 0 });
      else if (message !== null && message.mtu !== null) settle?.({ kind: "too long", mtu: message.mtu });
    }
  }
}
