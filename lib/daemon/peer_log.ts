import { type Admission, isLive, isSamePlace } from "../admission.ts";
import type { Log } from "../log.ts";
import type { LogEvent } from "../log_events.ts";
import { type Endpoint, formatEndpoint } from "../packet.ts";
import type { Clock } from "../ports.ts";
import { describeRefusal, type Refusal, RefusalReport, RefusalTally } from "../refusals.ts";
import type { Admitted, Left, Refused } from "../registrar/outcome.ts";
import { BID_MILLISECONDS } from "../registrar/roll.ts";
import { PeerHistory } from "./peer_history.ts";
import { Flapping } from "./flapping.ts";

type Admissions = ReadonlyMap<string, Admission>;

/** Logs what happens to a server's peers, each change of place once, and one refusal a minute; and remembers it. */
export class PeerLog {
  readonly history: PeerHistory;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #refusals = new RefusalTally();
  /** Of packets that were used before, by the peer that their key belongs to. */
  readonly #repeated = new Map<string, RefusalReport>();
  /** Of packets from places of others, by the peer that sent them. */
  readonly #waiting = new Map<string, RefusalReport>();
  readonly #flapping = new Flapping();
  /** The places that the log named last, by peer name. */
  readonly #told = new Map<string, Admission>();

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
    this.history = new PeerHistory(clock);
  }

  /** The server took over the tunnels of an earlier run. */
  tookOver(admissions: Admissions): void {
    for (const [name, admission] of admissions) {
      const { remote } = admission;
      if (remote !== null) this.#told.set(name, admission);
      const place = remote === null ? undefined : formatEndpoint(remote);
      const where = place === undefined ? ", parked until it authenticates" : ` to ${place}`;
      this.#log.notice(`${name}: taking over the tunnel${where}`, {
        event: "adopted",
        peer: name,
        remote: place,
      });
    }
  }

  /** The kernel has followed an admission. @param now milliseconds of `Clock.now()` */
  admitted({ peer: { name, tunnel: { device, ip, peerIp } }, admission }: Admitted, now: number): void {
    const remote = formatEndpoint(admission.remote);
    const told = this.#told.get(name);
    this.#told.set(name, admission);
    const isHere = told !== undefined && isSamePlace(told, admission);
    this.history.authenticated(name, told === undefined ? "arrived" : isHere ? "again" : "moved", now);
    if (told === undefined) {
      const event: LogEvent = { event: "up", peer: name, remote, port: admission.port, dev: device };
      this.#log.notice(`${name}: tunnel up to ${remote}: ${ip} peer ${peerIp} dev ${device}`, event);
    } else if (isHere) {
      const event: LogEvent = { event: "authenticated", peer: name, remote };
      this.#log.info(`${name}: authenticated again from ${remote}`, event);
    } else {
      this.#moved(name, told, admission, now);
    }
  }

  #moved(name: string, before: Admission, admission: Admission, now: number): void {
    const [from, to] = [before, admission].map(({ remote }) => formatEndpoint(remote!)) as [string, string];
    const event: LogEvent = { event: "moved", peer: name, from, remote: to, port: admission.port };
    const port = before.port === admission.port ? "" : `, to UDP port ${admission.port} here`;
    const move = `${name}: moved from ${from} to ${to}${port}`;
    const telling = this.#flapping.note(name, before, admission, now);
    this.history.moved(name, telling === "move" ? null : [from, to].sort().join(" and "), now);
    if (telling === "move") return this.#log.notice(move, event);
    this.#log.info(move, event);
    if (telling === "nothing") return;
    this.#log.warning(
      `${name}: moves back and forth between ${from} and ${to}, ${telling.moves} times since the last such line: ` +
        "two machines use its key or token, and cut each other off (give each its own), or its uplink changes all the time",
      { event: "flapping", peer: name, from, remote: to, count: telling.moves },
    );
  }

  /** A reply to a peer was sent. @param now milliseconds of `Clock.now()` */
  replied(peer: string, place: Endpoint, now: number): void {
    const fault = this.history.of(peer)?.replyFault ?? null;
    this.history.replied(peer, now);
    if (fault === null) return;
    const event: LogEvent = { event: "send-restored", peer, remote: formatEndpoint(place) };
    this.#log.notice(`${peer}: replies can be sent again`, event);
  }

  /** A reply to a peer could not be sent. @param fault why, and what to do about it */
  notReplied(peer: string, place: Endpoint, fault: string): void {
    const remote = formatEndpoint(place);
    const line = `${peer}: no reply to ${remote}: ${fault}`;
    const event: LogEvent = { event: "send-failed", peer, remote, packet: "reply" };
    // A client that gets no reply soon tries again.
    if (this.history.of(peer)?.replyFault === fault) this.#log.info(line, event);
    else this.#log.warning(line, event);
    this.history.notReplied(peer, fault);
  }

  /** A peer lost its place to one that was admitted there. */
  displaced(name: string, { peer, admission }: Admitted): void {
    this.#told.delete(name);
    const place = formatEndpoint(admission.remote);
    this.history.parked(name, `${peer.name} is at ${place} now`);
    const event: LogEvent = { event: "shut-out", peer: name, why: "displaced", by: peer.name, remote: place };
    this.#log.notice(
      `${name}: shut out until it authenticates again, as ${peer.name} is at ${place} now`,
      event,
    );
  }

  /** A peer said good-bye, or its lifetime is over. */
  left(name: string, why: Left["why"]): void {
    this.#told.delete(name);
    this.#flapping.forget(name);
    const what = why === "good-bye" ? "says good-bye" : "its authentication has expired";
    this.history.parked(name, why === "good-bye" ? "it said good-bye" : what);
    this.#log.notice(
      `${name}: ${what}: shut out until it authenticates again; its device stays up, and what is sent there is dropped`,
      { event: "shut-out", peer: name, why: why === "good-bye" ? why : "expired" },
    );
  }

  /** New settings changed the admissions. */
  reloaded(before: Admissions, after: Admissions): void {
    const now = this.#clock.now();
    this.history.keep(new Set(after.keys()));
    for (const name of this.#told.keys()) {
      const admission = after.get(name);
      if (admission !== undefined && admission.remote !== null) continue;
      this.#told.delete(name);
      this.#flapping.forget(name);
    }
    for (const [name, admission] of after) {
      const earlier = before.get(name);
      if (isLive(admission, now) || earlier === undefined || !isLive(earlier, now)) continue;
      this.history.parked(name, "the settings ask for another proof");
      const event: LogEvent = { event: "shut-out", peer: name, why: "settings" };
      this.#log.notice(`${name}: shut out until it authenticates again`, event);
    }
  }

  /** When `sumUp()` has something to tell, milliseconds of `Clock.now()`; null: nothing. */
  get due(): number | null {
    return this.#refusals.due;
  }

  /** Tells of the refusals that were kept back, once that is due. */
  sumUp(): void {
    const now = this.#clock.now();
    if (this.due === null || this.due > now) return;
    const { line, ...sum } = this.#refusals.sum(now);
    this.#log.notice(line, { event: "refused", ...sum });
  }

  /** @param explain the refusal, in words that follow it; null: it says all. Called only for a line of the log */
  refused({ datagram: { source }, refusal, peer, holder }: Refused, explain: () => string | null): void {
    this.history.refused(peer ?? null, { refusal, source: formatEndpoint(source) });
    if (peer !== undefined && holder !== undefined) {
      const why =
        `${holder} keeps the place if it authenticates there within ${
          BID_MILLISECONDS / 1000
        } s, else ${peer} gets it; ` +
        "if both go on, one of them forges its address";
      return this.#noteOf(this.#waiting, peer, source, refusal, why);
    }
    if (peer !== undefined) {
      const why = "somebody repeats it, the clock there went back, or this server was killed a moment ago; " +
        "one with a later time is accepted";
      return this.#noteOf(this.#repeated, peer, source, refusal, why);
    }
    const line = this.#refusals.note(source, refusal, this.#clock.now());
    if (line === null) return this.#log.debug(describeRefusal(source, refusal));
    const why = explain();
    const event: LogEvent = { event: "refused", remote: formatEndpoint(source), count: 1, why: refusal };
    this.#log.notice(why === null ? line : `${line} (${why})`, event);
  }

  /** Logs a refusal of a packet that a peer's proof was in, each peer's once a minute. */
  #noteOf(
    reports: Map<string, RefusalReport>,
    peer: string,
    source: Endpoint,
    refusal: Refusal,
    why: string,
  ): void {
    const report = reports.get(peer) ?? new RefusalReport();
    reports.set(peer, report);
    const told = report.note(source, refusal, this.#clock.now());
    if (told === null) return this.#log.debug(`${peer}: ${describeRefusal(source, refusal)}`);
    const { line, count } = told;
    const event: LogEvent = { event: "refused", peer, remote: formatEndpoint(source), count, why: refusal };
    this.#log.warning(`${peer}: ${line} (${why})`, event);
  }
}
