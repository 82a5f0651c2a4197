import { type Admission, isLive, isSamePlace } from "./admission.ts";
import { Candidates } from "./registrar/candidates.ts";
import { type Credential, Credentials, purposeOf } from "./registrar/credentials.ts";
import { Failures } from "./registrar/failures.ts";
import { KeyHints } from "./registrar/key_hints.ts";
import { earlier, expiryOf, renew } from "./registrar/lifetime.ts";
import { type Admitted, type Left, type Outcome, refused } from "./registrar/outcome.ts";
import type { Replays } from "./registrar/replays.ts";
import { Roll, type Seat } from "./registrar/roll.ts";
import { type AuthPacket, Search, SearchQueue } from "./registrar/search.ts";
import { Sightings } from "./registrar/sightings.ts";
import { isRemoteIpv4 } from "./ipv4.ts";
import type { Datagram, Endpoint } from "./packet.ts";
import { closerRefusal, type Refusal } from "./refusals.ts";
import type { Peer, Settings } from "./settings/settings.ts";

/** Signatures verified for a packet at once, with likely keys; one that needs more becomes a search. */
const VERIFICATIONS_AT_ONCE = 8;
/** Signatures verified in one turn of a search. */
const VERIFICATIONS_PER_TURN = 16;

/** The settings that a registrar depends on. */
type RegistrarSettings = Pick<Settings, "peers" | "local">;

/**
 * The server's state machine. It decides from auth packets which peers are admitted and at which places; the wanted
 * state of the kernel follows from `admissions`. A packet takes constant time, whatever the number of peers, unless its
 * key must be searched for. Each call of `search()` runs one turn of one pending search.
 */
export class Registrar {
  readonly #peers: ReadonlyMap<string, Peer>;
  readonly #ports: readonly number[];
  readonly #credentials: Credentials;
  readonly #candidates: Candidates;
  readonly #sightings: Sightings;
  readonly #roll = new Roll();
  readonly #replays: Replays;
  readonly #failures = new Failures();
  #searches = new SearchQueue();
  readonly #ended: Outcome[] = [];
  #packets = 0;
  #verifications = 0;

  /**
   * @param remoteAddresses IPv4 address of each peer that is identified by its address, by peer name
   * @param replays which packets were used; changed here
   * @param known a registrar whose prepared keys are reused
   */
  constructor(
    settings: RegistrarSettings,
    remoteAddresses: ReadonlyMap<string, string>,
    replays: Replays,
    known: Registrar | null = null,
  ) {
    this.#peers = new Map(settings.peers.map((peer) => [peer.name, peer]));
    this.#replays = replays;
    this.#ports = settings.local.ports;
    this.#credentials = new Credentials(settings.peers, remoteAddresses, known && known.#credentials);
    this.#sightings = new Sightings(this.#credentials.keys);
    const hints = new KeyHints(this.#credentials.keys);
    this.#candidates = new Candidates(this.#sightings, hints, (key, now) => this.#isInUse(key, now));
  }

  /** Admitted peers by name. */
  get admissions(): ReadonlyMap<string, Admission> {
    return this.#roll.admissions;
  }

  get isSearching(): boolean {
    return this.#searches.size + this.#ended.length > 0;
  }

  get verifications(): number {
    return this.#verifications;
  }

  /**
   * Takes over an admission of an earlier run, for at most the peer's lifetime from now. A peer whose lifetime is over,
   * or at a place that the settings do not allow, is parked until it authenticates.
   */
  adopt(peer: string, admission: Admission, now: number): void {
    const { remote } = admission;
    const { lifetime } = this.#peers.get(peer)!;
    const expiresAt = earlier(admission.expiresAt, expiryOf(this.#peers.get(peer)!, now));
    this.#roll.set(peer, { ...admission, expiresAt }, this.#roll.arrivalOf(peer), now);
    this.#noteSighting(peer, remote);
    // One without a lifetime was on its way in when the earlier run died.
    const isOver = lifetime > 0 && !isLive({ ...admission, expiresAt }, now);
    if (remote !== null && (isOver || !this.#mayBe(peer, admission.port, remote))) this.#roll.park(peer, now);
  }

  /**
   * Makes the registrar that continues from here under new settings. A peer stays admitted if it proved what they ask of
   * it at its place; otherwise it is parked until it does. Changed lifetimes and pending searches start again.
   *
   * @param now milliseconds of `Clock.now()`
   */
  withSettings(
    settings: RegistrarSettings,
    remoteAddresses: ReadonlyMap<string, string>,
    now: number,
  ): Registrar {
    const next = new Registrar(settings, remoteAddresses, this.#replays, this);
    const translate = ({ proof }: Credential) => next.#credentials.get(proof.id);
    next.#sightings.takeOver(this.#sightings, translate);
    for (const [name, admission] of this.admissions) {
      const [old, peer] = [this.#peers.get(name)!, next.#peers.get(name)];
      if (peer === undefined) continue;
      next.#roll.set(name, renew(admission, old, peer, now), this.#roll.arrivalOf(name), now);
      if (!next.#takes(name, admission, this)) next.#roll.park(name, now);
    }
    next.#continueFrom(this, now);
    return next;
  }

  /** Continues after `successor` was discarded. What peers proved to it holds if it would have held here. */
  resume(successor: Registrar, now: number): void {
    const news = [...successor.admissions].flatMap(([name, admission]) => {
      const arrival = successor.#roll.arrivalOf(name);
      // Some of its packets are older than ours: they waited here and were searched for there.
      return arrival.order > this.#roll.arrivalOf(name).order ? [{ name, admission, arrival }] : [];
    });
    for (const { name, admission, arrival } of news.sort((a, b) => a.arrival.order - b.arrival.order)) {
      if (admission.remote === null && this.admissions.has(name)) this.#roll.park(name, now);
      if (!this.#takes(name, admission, successor)) continue;
      const [old, peer] = [successor.#peers.get(name)!, this.#peers.get(name)!];
      this.#roll.set(name, renew(admission, old, peer, now), arrival, now);
      this.#noteSighting(name, admission.remote);
    }
    this.#continueFrom(successor, now);
  }

  /**
   * Handles one datagram: decides about it, or starts a search for its key.
   *
   * @param now milliseconds of `Clock.now()`
   * @param timestamp Unix seconds
   */
  handle(datagram: Datagram, now: number, timestamp: number): Outcome {
    const packet = { datagram, timestamp, order: ++this.#packets };
    if (!this.#isOurs(datagram)) return refused(packet, "to a port no longer used");
    if (!isFarEnd(datagram)) return refused(packet, "not from an address of another host");
    const bare = this.#credentials.bare(datagram.payload);
    const sender = typeof bare === "string" ? bare : bare.peerAt(datagram.source);
    if (typeof sender !== "string") return this.#admit(sender, packet, now);
    if (!this.#credentials.maySign(datagram.payload)) return refused(packet, sender);
    if (purposeOf(datagram.payload) === null) return refused(packet, "not an extension of a known form");
    return this.#beginSearch(packet, closerRefusal(sender, "wrong signature"), now);
  }

  /** @returns the outcomes of earlier packets that later ones brought about, each once */
  ended(): Outcome[] {
    return this.#ended.splice(0);
  }

  /** Runs one turn of one search. @returns the outcomes of searches that ended */
  search(now: number): Outcome[] {
    const ended = this.ended();
    const search = this.#searches.take();
    if (search === null) return ended;
    const outcome = this.#tryKeys(search, VERIFICATIONS_PER_TURN, now);
    if (outcome !== null) return [...ended, outcome];
    this.#searches.putBack(search);
    return ended;
  }

  /** When `settle()` has something to do, milliseconds of `Clock.now()`; null: never, as things are. */
  get due(): number | null {
    return this.#roll.due;
  }

  /** Admits the peers that waited long enough for their places, and parks those whose lifetime is over. */
  settle(now: number): (Admitted | Left)[] {
    const { seats, ended } = this.#roll.settle(now, (name) => this.#peers.get(name)!.lifetime > 0);
    if (ended.length > 0) this.#candidates.update();
    return [
      ...seats.map((seat) => this.#admitted(seat)),
      ...ended.map((name): Left => ({
        kind: "left",
        peer: this.#peers.get(name)!,
        why: "end of its lifetime",
      })),
    ];
  }

  #beginSearch(packet: AuthPacket, refusal: Refusal, now: number): Outcome {
    const { datagram } = packet;
    const search = this.#newSearch(packet, refusal, now);
    const isPending = this.#searches.has(datagram);
    // What pretends to come from where a client is, by the thousand, must cost next to nothing.
    const isWorn = isPending || this.#failures.areMany(datagram, now);
    // In a flood, what comes next must not have to wait until likely keys were tried for junk.
    const areFew = this.#credentials.keys.length <= VERIFICATIONS_AT_ONCE;
    const isShort = isWorn || !areFew && this.#failures.isFlood(now);
    const outcome = this.#tryKeys(search, VERIFICATIONS_AT_ONCE, now, isShort ? 1 : 2);
    if (outcome === null || outcome.kind === "refused") this.#failures.note(datagram, now);
    if (outcome !== null) return outcome;
    if (isPending) return { kind: "searching" };
    if (isWorn) return refused(packet, refusal);
    const dropped = this.#searches.add(search);
    if (dropped === search) return refused(packet, "too many unknown senders");
    if (dropped !== null) this.#ended.push(refused(dropped.packet, "too many unknown senders"));
    return { kind: "searching" };
  }

  #newSearch(packet: AuthPacket, refusal: Refusal, now: number): Search {
    return new Search(packet, refusal, this.#candidates.of(packet, now), this.#credentials.keys.length);
  }

  /** Lets a search verify up to `most` signatures. @returns null when more keys are left */
  #tryKeys(search: Search, most: number, now: number, groups = Infinity): Outcome | null {
    const { packet, untried } = search;
    const sender = search.tryKeys(most, groups);
    this.#verifications += untried - search.untried;
    if (sender === null) return null;
    return typeof sender === "string" ? refused(packet, sender) : this.#admit(sender, packet, now);
  }

  #isInUse(credential: Credential, now: number): boolean {
    const sighting = this.#sightings.get(credential);
    const admission = sighting === null ? undefined : this.admissions.get(sighting.peer);
    return admission !== undefined && isLive(admission, now);
  }

  /** Handles a packet that proved who sent it. */
  #admit(peer: Peer, packet: AuthPacket, now: number): Outcome {
    const { datagram: { source, destination, payload }, order } = packet;
    const { key } = this.#credentials.of(peer.name)!;
    const purpose = purposeOf(payload);
    const refusal = key && this.#replays.judge(key.id, payload, peer, packet.timestamp);
    if (refusal !== null) return { ...refused(packet, refusal), peer: peer.name };
    if (key !== null && purpose === "good-bye") return this.#dismiss(peer, key, packet, now);
    if (key !== null && purpose === "question") return this.#hearQuestion(peer, key, packet);
    const admission = { remote: source, port: destination.port, expiresAt: expiryOf(peer, now) };
    if (this.#roll.latestOf(peer.name) > order) return refused(packet, "overtaken by a later one");
    if (!this.#mayMove(peer, admission, now)) return refused(packet, "moved too recently");
    this.#overtakeSearch(packet);
    if (key !== null) this.#replays.note(key.id, payload, peer, packet.timestamp);
    const { holder, seats } = this.#roll.bid({ peer, packet, admission }, now);
    const outcomes = seats.map((seat) => this.#admitted(seat));
    this.#ended.push(...outcomes.filter((outcome) => outcome.peer !== peer));
    return outcomes.find((outcome) => outcome.peer === peer) ??
      { ...refused(packet, "another peer is there"), peer: peer.name, holder: holder! };
  }

  /** Handles a good-bye: it ends the admission at the place it comes from, and nothing else. */
  #dismiss(peer: Peer, key: NonNullable<Credential["key"]>, packet: AuthPacket, now: number): Outcome {
    const { datagram: { source, destination, payload }, order, timestamp } = packet;
    if (peer.replay === "off") return refused(packet, "a good-bye, which could be a repeated one");
    if (this.#roll.latestOf(peer.name) > order) return refused(packet, "overtaken by a later one");
    this.#replays.note(key.id, payload, peer, timestamp);
    const admission = this.admissions.get(peer.name);
    const here = { remote: source, port: destination.port, expiresAt: null };
    if (admission === undefined || !isLive(admission, now) || !isSamePlace(admission, here)) {
      return refused(packet, "a good-bye from where its peer is not");
    }
    this.#overtakeSearch(packet);
    this.#roll.dismiss(peer.name, order, now);
    this.#candidates.update();
    return { kind: "left", peer, why: "good-bye" };
  }

  /** Handles a question. Who asks is not let in by that, and may ask from elsewhere than where it is let in. */
  #hearQuestion(peer: Peer, key: NonNullable<Credential["key"]>, packet: AuthPacket): Outcome {
    const { datagram, timestamp } = packet;
    if (peer.replay === "off") return refused(packet, "a question, which could be a repeated one");
    this.#replays.note(key.id, datagram.payload, peer, timestamp);
    return { kind: "asked", datagram, peer };
  }

  /** A pending search for the place of a packet that is proved is about an older one. */
  #overtakeSearch({ datagram }: AuthPacket): void {
    const overtaken = this.#searches.remove(datagram);
    if (overtaken !== null) this.#ended.push(refused(overtaken.packet, "overtaken by a later one"));
  }

  #mayMove(peer: Peer, admission: Admission, now: number): boolean {
    const previous = this.admissions.get(peer.name);
    return previous === undefined || isSamePlace(previous, admission) || !isLive(previous, now) ||
      now - this.#roll.arrivalOf(peer.name).since >= peer.moveInterval * 1000;
  }

  #admitted({ peer, packet, admission, previous, displaced }: Seat): Admitted {
    const { datagram } = packet;
    if (displaced !== null) this.#candidates.update();
    this.#noteSighting(peer.name, admission.remote, packet);
    return { kind: "admitted", datagram, peer, admission, previous, displaced };
  }

  #noteSighting(peer: string, source: Endpoint | null, packet: AuthPacket | null = null): void {
    const credential = this.#credentials.of(peer)!;
    if (credential.key === null || source === null) return;
    const isHinted = packet !== null && this.#candidates.hintsAt(credential, packet);
    this.#sightings.note(credential, { source, peer, isHinted });
  }

  /** Whether another registrar's admission holds here. */
  #takes(name: string, { remote, port }: Admission, other: Registrar): boolean {
    const [mine, others] = [this.#credentials.of(name), other.#credentials.of(name)];
    if (mine === undefined || mine.proof.id !== others?.proof.id) return false;
    return remote !== null && this.#mayBe(name, port, remote);
  }

  /** Whether a peer that proved its identity may be at this place. */
  #mayBe(name: string, port: number, place: Endpoint): boolean {
    const sender = this.#credentials.of(name)!.peerAt(place);
    return this.#ports.includes(port) && isRemoteIpv4(place.ip) && typeof sender !== "string" &&
      sender.name === name;
  }

  /** Whether a datagram is for one of our ports. It may have waited in the queue while settings changed. */
  #isOurs({ destination }: Datagram): boolean {
    return this.#ports.includes(destination.port);
  }

  #continueFrom(other: Registrar, now: number): void {
    this.#packets = other.#packets;
    this.#verifications = other.#verifications;
    this.#ended.push(...other.ended());
    this.#roll.takeOver(
      other.#roll.bids.flatMap((bid) => {
        const { peer: { name }, admission } = bid;
        if (!this.#takes(name, admission, other)) return [];
        const peer = this.#peers.get(name)!;
        return { ...bid, peer, admission: renew(admission, bid.peer, peer, now) };
      }),
    );
    this.#searches = new SearchQueue();
    for (const packet of other.#searches.packets) {
      const { datagram } = packet;
      if (!this.#isOurs(datagram) || !this.#credentials.maySign(datagram.payload)) continue;
      this.#searches.add(this.#newSearch(packet, "wrong signature", now));
    }
  }
}

/** Whether a datagram may come from another host. A signature does not cover the source, so anyone can forge that. */
function isFarEnd({ source, destination }: Datagram): boolean {
  return isRemoteIpv4(source.ip) && source.ip !== destination.ip;
}
