import { makeReplyVerifier, type ReplyVerifier } from "../auth/proof.ts";
import { authPayloadLength } from "../auth/scheme.ts";
import { parseIpv4 } from "../ipv4.ts";
import type { Log } from "../log.ts";
import { type Endpoint, formatEndpoint, MAX_HEADERS_LENGTH, parseUdpPacket } from "../packet.ts";
import type { ReplySocket, System } from "../ports.ts";
import { type BpfInstruction, replyFilter } from "../reply_filter.ts";
import type { Peer } from "../settings/settings.ts";

/** Replies read for each auth packet, so that forged ones cost no more than this. */
const MOST_REPLIES = 16;

interface ReplyPath {
  readonly remote: Endpoint;
  /** Own UDP port. */
  readonly port: number;
}

interface RepliesContext {
  readonly system: Pick<System, "clock" | "openReplySocket">;
  readonly log: Log;
  /** Called once for each auth packet whose reply has come. */
  readonly onAccepted: () => void;
}

/**
 * Reads the server's replies. It listens from before an auth packet is sent until its reply comes, so that at other
 * times the tunnel's data passes no filter of ours.
 */
export class Replies implements Disposable {
  readonly #remote: Endpoint;
  readonly #filter: readonly BpfInstruction[];
  readonly #maxLength: number;
  readonly #verify: ReplyVerifier;
  readonly #context: RepliesContext;
  #socket: ReplySocket | null = null;

  constructor({ scheme, maxTimeDiscrepancy }: Peer, path: ReplyPath, context: RepliesContext) {
    const { remote, port } = path;
    const payloadLength = authPayloadLength(scheme);
    const source = { ip: parseIpv4(remote.ip)!, port: remote.port };
    this.#remote = remote;
    this.#filter = replyFilter({ source, port, payloadLength });
    this.#maxLength = MAX_HEADERS_LENGTH + payloadLength;
    this.#verify = makeReplyVerifier(scheme, maxTimeDiscrepancy);
    this.#context = context;
  }

  /** Listens for the reply to an auth packet with the payload `sent`, and no longer for that to an earlier one. */
  expect(sent: Uint8Array): void {
    this.#socket?.[Symbol.dispose]();
    const { system, log } = this.#context;
    const socket = this.#socket = system.openReplySocket({
      filter: this.#filter,
      maxLength: this.#maxLength,
    });
    this.#read(socket, sent).catch((error) => log.warning((error as Error).message))
      .finally(() => socket[Symbol.dispose]());
  }

  [Symbol.dispose](): void {
    this.#socket?.[Symbol.dispose]();
  }

  async #read(socket: ReplySocket, sent: Uint8Array): Promise<void> {
    const { system: { clock }, log, onAccepted } = this.#context;
    let count = 0;
    for await (const packet of socket.packets()) {
      const reply = parseUdpPacket(packet);
      if (reply !== null && this.#verify(reply.payload, sent, clock.unixTime())) return onAccepted();
      log.info(`ignored a reply from ${formatEndpoint(this.#remote)}: it does not prove who sent it`);
      if (++count === MOST_REPLIES) return;
    }
  }
}
