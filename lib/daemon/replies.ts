import { ANSWER_LENGTH } from "../auth/answer.ts";
import { makeNewsReader, type News, type NewsReader } from "../auth/news.ts";
import { makeReplyVerifier, type ReplyVerifier } from "../auth/proof.ts";
import { ANNOUNCEMENT_LENGTH, authPayloadLength } from "../auth/scheme.ts";
import { parseIpv4 } from "../ipv4.ts";
import { exitCodeOf } from "../errors.ts";
import type { Log } from "../log.ts";
import {
  type Endpoint,
  formatEndpoint,
  MAX_HEADERS_LENGTH,
  MIN_HEADERS_LENGTH,
  parseUdpPacket,
} from "../packet.ts";
import type { ReplySocket, System } from "../ports.ts";
import { type BpfInstruction, replyFilter } from "../reply_filter.ts";
import type { Peer } from "../settings/settings.ts";

/** Datagrams read for each auth packet, so that forged ones cost no more than this. */
const MOST_DATAGRAMS = 16;
/** Milliseconds in which nothing is read after a sign that data comes: a server that sends data has no news. */
const NAP_MILLISECONDS = 500;
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
  /** Called with the length of each payload that has the form of a reply, of news, or of an answer. */
  readonly onDatagram: (length: number) => void;
  /** Called once for each auth packet whose reply has come. */
  readonly onAccepted: () => void;
  readonly onNews: (news: News) => void;
}

/**
 * Reads the server's replies and news. It listens from before the first auth packet on, since a server tells unasked that
 * it has started. An open socket costs each datagram a tenth of the time that the kernel takes for it, so while no reply
 * is due the filter also takes samples of the data, and after one the socket is closed to everything for a while.
 */
export class Replies implements Disposable {
  readonly #remote: Endpoint;
  /** For while a reply is due, and for other times. */
  readonly #filters: {
    readonly strict: readonly BpfInstruction[];
    readonly sampling: readonly BpfInstruction[];
  };
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
  /** Ends the nap; null: it is awake. */
  #nap: AbortController | null = null;

  constructor({ scheme, maxTimeDiscrepancy }: Peer, path: ReplyPath, context: RepliesContext) {
    const { remote, port } = path;
    // Doctor's questions come from this client's port: their answers are no data either.
    const lengths = [authPayloadLength(scheme), ANNOUNCEMENT_LENGTH, ANSWER_LENGTH];
    const source = { ip: parseIpv4(remote.ip)!, port: remote.port };
    this.#remote = remote;
    const form = { source, port, payloadLengths: lengths };
    this.#filters = { strict: replyFilter(form), sampling: replyFilter({ ...form, samples: true }) };
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
    this.#wake();
    if (this.#socket !== null) {
      this.#socket.resume();
      return this.#socket.use(this.#filters.strict);
    }
    const { system, log } = this.#context;
    const socket = this.#socket = system.openReplySocket({
      filter: this.#filters.strict,
      maxLength: this.#maxLength,
    });
    this.#read(socket)
      .catch((error) => log.warning((error as Error).message, { event: "fault", code: exitCodeOf(error) }))
      .finally(() => this.#close(socket));
  }

  /** The reply has come, or is late: data may go by unhindered. */
  relax(): void {
    const socket = this.#socket;
    try {
      socket?.use(this.#filters.sampling);
    } catch {
      // The next auth packet opens another one.
      this.#close(socket!);
    }
  }

  [Symbol.dispose](): void {
    if (this.#socket !== null) this.#close(this.#socket);
  }

  #close(socket: ReplySocket): void {
    socket[Symbol.dispose]();
    if (this.#socket !== socket) return;
    this.#socket = null;
    this.#wake();
  }

  #wake(): void {
    this.#nap?.abort();
    this.#nap = null;
  }

  async #read(socket: ReplySocket): Promise<void> {
    for await (const packet of socket.packets()) {
      if (packet.length < MIN_HEADERS_LENGTH) {
        this.#rest(socket).catch(() => this.#close(socket));
        continue;
      }
      const datagram = parseUdpPacket(packet);
      if (datagram !== null) this.#handle(datagram.payload);
      if (++this.#count >= MOST_DATAGRAMS) return this.#close(socket);
    }
  }

  async #rest(socket: ReplySocket): Promise<void> {
    if (this.#nap !== null || this.#socket !== socket) return;
    const { clock } = this.#context.system;
    const nap = this.#nap = new AbortController();
    socket.pause();
    await clock.waitUntil(clock.now() + NAP_MILLISECONDS, nap.signal);
    if (this.#nap !== nap) return;
    this.#nap = null;
    socket.resume();
  }

  #handle(payload: Uint8Array): void {
    const { system: { clock }, log, onAccepted, onDatagram } = this.#context;
    onDatagram(payload.length);
    const news = this.#readNews(payload);
    if (news !== null) return this.#handleNews(news, payload);
    const sent = this.#sent;
    if (sent === null) return;
    if (this.#verify(payload, sent, clock.unixTime())) {
      this.#sent = null;
      this.relax();
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
