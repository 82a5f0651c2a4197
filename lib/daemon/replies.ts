import { makeNewsReader, type News, type NewsReader } from "../auth/news.ts";
import { makeReplyVerifier, type ReplyVerifier } from "../auth/proof.ts";
import { ANNOUNCEMENT_LENGTH, authPayloadLength } from "../auth/scheme.ts";
import { parseIpv4 } from "../ipv4.ts";
import type { Log } from "../log.ts";
import { type Endpoint, formatEndpoint, MAX_HEADERS_LENGTH, parseUdpPacket } from "../packet.ts";
import type { ReplySocket, System } from "../ports.ts";
import { type BpfInstruction, replyFilter } from "../reply_filter.ts";
import type { Peer } from "../settings/settings.ts";

/** Datagrams read for each auth packet, so that forged ones cost no more than this. */
const MOST_DATAGRAMS = 16;
/** News that are remembered: each is taken once. */
const MOST_NEWS = 256;

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
  readonly onNews: (news: News) => void;
}

/**
 * Reads the server's replies and news. It listens from before the first auth packet on, since a server tells unasked that
 * it has started.
 */
export class Replies implements Disposable {
  readonly #remote: Endpoint;
  readonly #filter: readonly BpfInstruction[];
  readonly #maxLength: number;
  readonly #verify: ReplyVerifier;
  readonly #readNews: NewsReader;
  readonly #context: RepliesContext;
  readonly #taken = new Set<string>();
  #socket: ReplySocket | null = null;
  /** The payload of the auth packet whose reply is awaited; null: none is. */
  #sent: Uint8Array | null = null;
  /** Datagrams read since that was sent. */
  #count = 0;

  constructor({ scheme, maxTimeDiscrepancy }: Peer, path: ReplyPath, context: RepliesContext) {
    const { remote, port } = path;
    const lengths = [authPayloadLength(scheme), ANNOUNCEMENT_LENGTH];
    const source = { ip: parseIpv4(remote.ip)!, port: remote.port };
    this.#remote = remote;
    this.#filter = replyFilter({ source, port, payloadLengths: lengths });
    this.#maxLength = MAX_HEADERS_LENGTH + Math.max(...lengths);
    this.#verify = makeReplyVerifier(scheme, maxTimeDiscrepancy);
    this.#readNews = makeNewsReader(scheme);
    this.#context = context;
  }

  /**
   * Waits for the reply to an auth packet with the payload `sent`, and no longer for that to an earlier one.
   *
   * @throws {SysError} when no socket can be opened
   */
  expect(sent: Uint8Array): void {
    this.#sent = sent;
    this.#count = 0;
    if (this.#socket !== null) return;
    const { system, log } = this.#context;
    const socket = this.#socket = system.openReplySocket({
      filter: this.#filter,
      maxLength: this.#maxLength,
    });
    this.#read(socket).catch((error) => log.warning((error as Error).message))
      .finally(() => this.#close(socket));
  }

  [Symbol.dispose](): void {
    this.#socket?.[Symbol.dispose]();
  }

  #close(socket: ReplySocket): void {
    socket[Symbol.dispose]();
    if (this.#socket === socket) this.#socket = null;
  }

  async #read(socket: ReplySocket): Promise<void> {
    for await (const packet of socket.packets()) {
      const datagram = parseUdpPacket(packet);
      if (datagram !== null) this.#handle(datagram.payload);
      if (++this.#count >= MOST_DATAGRAMS) return this.#close(socket);
    }
  }

  #handle(payload: Uint8Array): void {
    const { system: { clock }, log, onAccepted } = this.#context;
    const news = this.#readNews(payload);
    if (news !== null) return this.#handleNews(news, payload);
    const sent = this.#sent;
    if (sent === null) return;
    if (this.#verify(payload, sent, clock.unixTime())) {
      this.#sent = null;
      return onAccepted();
    }
    log.info(`ignored a reply from ${formatEndpoint(this.#remote)}: it does not prove who sent it`);
  }

  /** Takes each news once: anyone can repeat them. The server's clock may go back, so their time tells nothing. */
  #handleNews(news: News, payload: Uint8Array): void {
    const id = payload.toHex();
    if (this.#taken.has(id)) return;
    this.#taken.add(id);
    if (this.#taken.size > MOST_NEWS) this.#taken.delete(this.#taken.values().next().value!);
    this.#context.onNews(news);
  }
}
