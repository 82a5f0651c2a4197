import { isDeepStrictEqual } from "node:util";
import { type Admission, isLive } from "../admission.ts";
import { makeAnswerPayload } from "../auth/answer.ts";
import { makeNewsPayload, type News, newsGroup } from "../auth/news.ts";
import { makeReplyPayload } from "../auth/scheme.ts";
import { type Datagram, type Endpoint, formatEndpoint } from "../packet.ts";
import type { Asked } from "../registrar/outcome.ts";
import type { Peer } from "../settings/settings.ts";
import type { DaemonContext } from "./context.ts";
import type { PeerLog } from "./peer_log.ts";
import { type Place, Places } from "./places.ts";
import { describeSendFault } from "./send_fault.ts";
import type { ServerSetup } from "./server_setup.ts";

/** Clients told at once, and milliseconds until the next ones are: the gate's queue must hold their auth packets. */
const PORTION = 64;
const PAUSE_MILLISECONDS = 20;

/**
 * Milliseconds before each time that clients are told of a start: what is sent may be lost, and a client that had data a
 * moment ago does not listen yet; see `NAP_MILLISECONDS`.
 */
const GREETING_PAUSES = [0, 500, 2_500];
/** After a kill, auth packets of the second in which the server starts may count as used. */
const PAUSE_AFTER_KILL = 1_000;

/** As IPsec does through NATs, see RFC 3948. */
const KEEPALIVE = Uint8Array.of(0xff);

type AnnouncerContext = Pick<DaemonContext, "system" | "kernel" | "log" | "stop">;

/** A client that takes news, and where it is or was last. */
interface Listener {
  readonly peer: Peer;
  readonly place: Place;
}

/**
 * Sends a server's clients what it has for them: replies, the news that it stops, or has started and lost them, and
 * keepalives; each to those for whom the settings say so.
 */
export class Announcer {
  readonly #setup: () => ServerSetup;
  readonly #context: AnnouncerContext;
  readonly #places: Places;
  readonly #peerLog: Pick<PeerLog, "replied" | "notReplied">;

  /** @param setup the server's at any time @param peerLog is told what became of replies */
  constructor(
    setup: () => ServerSetup,
    peerLog: Pick<PeerLog, "replied" | "notReplied">,
    context: AnnouncerContext,
  ) {
    const { system } = context;
    this.#setup = setup;
    this.#peerLog = peerLog;
    this.#context = context;
    this.#places = new Places(system.openState(`${setup().settings.name}.places.json`), context);
  }

  /** A peer is at its place. */
  note({ name, reply }: Peer, { remote, port }: Admission): void {
    if (reply && remote !== null) this.#places.note(name, { remote, port });
  }

  /**
   * Replies to an auth packet that was accepted.
   *
   * @param now milliseconds of `Clock.now()`
   * @param unixTime seconds of `Clock.unixTime()`
   */
  reply({ name, scheme, reply }: Peer, datagram: Datagram, now: number, unixTime: number): void {
    if (!reply) return;
    const { random } = this.#context.system;
    const randomBytes = (length: number) => random.bytes(length);
    const payload = makeReplyPayload(scheme, datagram.payload, unixTime, randomBytes);
    if (this.#respond(name, datagram, payload)) this.#peerLog.replied(name, datagram.source, now);
  }

  /** Tells a peer that asked where it is seen. */
  answer({ peer: { name, scheme, reply }, datagram }: Asked): void {
    const { source, payload } = datagram;
    const { system: { clock, random }, log } = this.#context;
    log.info(`${name}: asks from ${formatEndpoint(source)} where it is seen${reply ? "" : ": no reply"}`);
    if (!reply) return;
    const randomBytes = (length: number) => random.bytes(length);
    this.#respond(name, datagram, makeAnswerPayload(scheme, payload, source, clock.unixTime(), randomBytes));
  }

  /** @returns whether it was sent */
  #respond(peer: string, { source, destination }: Datagram, payload: Uint8Array): boolean {
    try {
      this.#send({ source: destination, destination: source, payload });
      return true;
    } catch (error) {
      const fault = describeSendFault(error as Error, this.#setup().outside, source.ip);
      this.#peerLog.notReplied(peer, source, fault);
      return false;
    }
  }

  /** Sends what keeps a NAT's mapping. The far FOU port drops a byte that is no packet. */
  keepAlive(remote: Endpoint, port: number): void {
    try {
      const source = { ip: this.#setup().outside.ip, port };
      this.#send({ source, destination: remote, payload: KEEPALIVE });
    } catch (error) {
      this.#context.log.info(`${(error as Error).message}: no keepalive to ${formatEndpoint(remote)}`);
    }
  }

  /** A peer will not be found where it was. */
  forget(peer: string): void {
    this.#places.forget(peer);
  }

  /** Settings have changed. A client that was let in, and is unknown now, learns that it has no server here any more. */
  update(previous: ServerSetup = this.#setup()): void {
    const { peers } = this.#setup().settings;
    const schemes = new Map(peers.map(({ name, scheme }) => [name, scheme]));
    const isUnknown = ({ peer }: Listener) => !isDeepStrictEqual(schemes.get(peer.name), peer.scheme);
    this.#tell("stops", this.#listeners(true, previous).filter(isUnknown));
    this.#places.keepOnly(new Set(peers.filter(({ reply }) => reply).map(({ name }) => name)));
  }

  /** Greets the clients that an earlier run had and this one has not, and keeps the record, until told to stop. */
  async keep(): Promise<void> {
    const { stop } = this.#context;
    await Promise.all([this.#places.keep(stop), this.#greet()]);
    await this.#places.close();
  }

  /** Tells the clients that are let in that the server stops. */
  sayGoodbye(): void {
    this.#tell("stops", this.#listeners(true));
  }

  async #greet(): Promise<void> {
    const { system: { clock }, stop } = this.#context;
    const pass = (milliseconds: number) => clock.waitUntil(clock.now() + milliseconds, stop);
    if (this.#listeners(false).length > 0 && this.#setup().replays.past === "cut short") {
      await pass(PAUSE_AFTER_KILL);
    }
    for (const pause of GREETING_PAUSES) {
      if (this.#listeners(false).length === 0) return;
      await pass(pause);
      const lost = this.#listeners(false);
      for (let first = 0; first < lost.length && !stop.aborted; first += PORTION) {
        if (first > 0) await pass(PAUSE_MILLISECONDS);
        this.#tell("starts", lost.slice(first, first + PORTION));
      }
    }
  }

  #listeners(isLetIn: boolean, setup = this.#setup()): Listener[] {
    const { settings: { peers, local: { ports } }, registrar: { admissions } } = setup;
    const now = this.#context.system.clock.now();
    return peers.flatMap((peer) => {
      const [place, admission] = [this.#places.of(peer.name), admissions.get(peer.name)];
      if (!peer.reply || place === undefined || !ports.includes(place.port)) return [];
      return (admission !== undefined && isLive(admission, now)) === isLetIn ? [{ peer, place }] : [];
    });
  }

  #tell(news: News, listeners: readonly Listener[]): void {
    if (listeners.length === 0) return;
    const { system: { clock, random }, log } = this.#context;
    const { outside } = this.#setup();
    // A signature takes long, and is the same for all that know the server by one key.
    const payloads = new Map<string, Uint8Array>();
    let fault: Error | null = null;
    for (const { peer: { scheme }, place: { remote, port } } of listeners) {
      const group = newsGroup(scheme) ?? "";
      const payload = payloads.get(group) ??
        makeNewsPayload(scheme, news, clock.unixTime(), (length) => random.bytes(length));
      if (group !== "") payloads.set(group, payload);
      try {
        this.#send({ source: { ip: outside.ip, port }, destination: remote, payload });
      } catch (error) {
        fault = error as Error;
      }
    }
    log.info(
      `told ${listeners.length} ${listeners.length === 1 ? "client" : "clients"} that the server ${news}`,
    );
    if (fault !== null) log.info(`${fault.message}: some clients were not told that the server ${news}`);
  }

  /** @throws {SysError} when it cannot be sent */
  #send(datagram: Datagram): void {
    const { settings: { authPacketTtl }, sender } = this.#setup();
    sender.send(datagram, authPacketTtl, this.#context.kernel.isRouted(datagram.destination.ip));
  }
}
