import { type Credential, Credentials } from "./gate/credentials.ts";
import { KeyHints } from "./gate/key_hints.ts";
import { type Admission, isLive, isSamePlace, Roll } from "./gate/roll.ts";
import { type AuthPacket, type Search, SearchQueue } from "./gate/search.ts";
import { Sightings } from "./gate/sightings.ts";
import type { Datagram, Endpoint } from "./packet.ts";
import { closerRefusal, type Refusal } from "./refusals.ts";
import type { Peer, Settings } from "./settings/settings.ts";

export { type Admission, isLive, isSamePlace };

/** Signatures verified for a packet before it has to wait for its turn. */
const VERIFICATIONS_AT_ONCE = 8;
/** Signatures verified in one turn of a search. */
const VERIFICATIONS_PER_TURN = 16;

/** What an auth packet led to. */
export type Outcome =
  | {
    readonly kind: "admitted";
    readonly datagram: Datagram;
    readonly peer: Peer;
    readonly admission: Admission & { readonly remote: Endpoint };
    /** The peer's admission before; null when it is new. */
    readonly previous: Admission | null;
    /** The peer that was at this place before, and is nowhere now. */
    readonly displaced: string | null;
  }
  | { readonly kind: "refused"; readonly datagram: Datagram; readonly refusal: Refusal }
  /** Who sent it will turn out in `search()`. */
  | { readonly kind: "searching" };

/** What a gate needs to know of the settings. */
type GateSettings = Pick<Settings, "peers" | "local">;

/**
 * The server's state machine: who is admitted, from where. It decides from auth packets alone; what follows in
 * the kernel is derived from `admissions`. What a packet costs does not depend on how many peers there are, but for
 * those whose key has to be searched: they wait, and all together have the turns that `search()` is called.
 */
export class Gate {
  readonly #peers: ReadonlyMap<string, Peer>;
  readonly #ports: readonly number[];
  readonly #credentials: Credentials;
  readonly #hints: KeyHints;
  readonly #sightings: Sightings;
  readonly #roll = new Roll();
  #searches = new SearchQueue();
  /** What came of searches that nobody waits for any more, to be told. */
  #given: Outcome[] = [];
  #packets = 0;
  #verifications = 0;

  /**
   * @param remoteAddresses IPv4 address of each peer with a known remote host, by peer name
   * @param earlier has some of the same peers, whose keys are ready
   */
  constructor(
    settings: GateSettings,
    remoteAddresses: ReadonlyMap<string, string>,
    earlier: Gate | null = null,
  ) {
    this.#peers = new Map(settings.peers.map((peer) => [peer.name, peer]));
    this.#ports = settings.local.ports;
    const known = earlier === null ? null : earlier.#credentials;
    this.#credentials = new Credentials(settings.peers, remoteAddresses, known);
    this.#hints = new KeyHints(this.#credentials.keys);
    this.#sightings = new Sightings(this.#credentials.keys);
  }

  /** Admitted peers by name. */
  get admissions(): ReadonlyMap<string, Admission> {
    return this.#roll.admissions;
  }

  /** Whether a call of `search()` has something to do. */
  get isSearching(): boolean {
    return this.#searches.size + this.#given.length > 0;
  }

  /** Signatures verified so far. */
  get verifications(): number {
    return this.#verifications;
  }

  /**
   * Takes over what an earlier run admitted, for its lifetime from now on at most. A peer that is where it may not be is
   * nowhere until it authenticates.
   */
  adopt(peer: string, admission: Admission, now: number): void {
    const { remote } = admission;
    const expiresAt = earlier(admission.expiresAt, expiryOf(this.#peers.get(peer)!, now));
    this.#roll.set(peer, { ...admission, expiresAt }, { since: -Infinity, order: 0 }, now);
    this.#noteSighting(peer, remote);
    if (remote !== null && !this.#mayBe(peer, admission.port, remote)) this.#roll.park(peer, now);
  }

  /**
   * Makes the gate that goes on from here under other settings. A peer stays admitted if what it proved is what is
   * asked now, there; one of which something else is asked is nowhere until it proves that, and its tunnel stands. A
   * lifetime that changed begins anew. Searches begin anew.
   *
   * @param now milliseconds of a clock that never jumps
   */
  succeed(settings: GateSettings, remoteAddresses: ReadonlyMap<string, string>, now: number): Gate {
    const next = new Gate(settings, remoteAddresses, this);
    const translate = ({ proof }: Credential) => next.#credentials.get(proof.id);
    next.#sightings.takeOver(this.#sightings, translate);
    for (const [name, admission] of this.admissions) {
      const [old, peer] = [this.#peers.get(name)!, next.#peers.get(name)];
      if (peer === undefined) continue;
      next.#roll.set(name, renew(admission, old, peer, now), this.#roll.arrivalOf(name)!, now);
      if (!next.#takes(name, admission, this)) next.#roll.park(name, now);
    }
    next.#goOnFrom(this, now);
    return next;
  }

  /** Goes on again after all, from the gate that succeeded this one: what was proved to it holds, if it would here. */
  resume(successor: Gate, now: number): void {
    const news = [...successor.admissions].flatMap(([name, admission]) => {
      const arrival = successor.#roll.arrivalOf(name)!;
      // Not all are of later packets than ours: some waited here, and were searched for there.
      return arrival.order > (this.#roll.arrivalOf(name)?.order ?? 0) ? [{ name, admission, arrival }] : [];
    });
    for (const { name, admission, arrival } of news.sort((a, b) => a.arrival.order - b.arrival.order)) {
      if (admission.remote === null && this.admissions.has(name)) this.#roll.park(name, now);
      if (!this.#takes(name, admission, successor)) continue;
      const [old, peer] = [successor.#peers.get(name)!, this.#peers.get(name)!];
      this.#roll.set(name, renew(admission, old, peer, now), arrival, now);
      this.#noteSighting(name, admission.remote);
    }
    this.#goOnFrom(successor, now);
  }

  /**
   * Decides about one datagram, or puts it off.
   *
   * @param now milliseconds of a clock that never jumps
   * @param timestamp Unix seconds
   */
  handle(datagram: Datagram, now: number, timestamp: number): Outcome {
    const packet = { datagram, timestamp, order: ++this.#packets };
    if (!this.#isOurs(datagram)) return refuse(packet, "port given up");
    const bare = this.#credentials.bare(datagram.payload);
    const sender = typeof bare === "string"
      ? bare
      : bare.senderOf(datagram.payload, datagram.source, timestamp);
    if (typeof sender !== "string") return this.#admit(sender, packet, now);
    if (!this.#credentials.maySign(datagram.payload)) return refuse(packet, sender);
    return this.#beginSearch(packet, closerRefusal(sender, "wrong signature"), now);
  }

  /** Goes on with one search, for one turn. @returns what has come of that and others; what still waits is not told */
  search(now: number): Outcome[] {
    const given = this.#given;
    this.#given = [];
    const search = this.#searches.take();
    if (search === null) return given;
    const outcome = this.#tryKeys(search, VERIFICATIONS_PER_TURN, now);
    if (outcome !== null) return [...given, outcome];
    this.#searches.putBack(search);
    return given;
  }

  #beginSearch(packet: AuthPacket, refusal: Refusal, now: number): Outcome {
    const search = this.#newSearch(packet, refusal, now);
    const outcome = this.#tryKeys(search, VERIFICATIONS_AT_ONCE, now);
    if (outcome !== null) return outcome;
    if (this.#searches.has(packet.datagram)) return { kind: "searching" };
    const given = this.#searches.add(search);
    if (given === search) return refuse(packet, "too many unknown senders");
    if (given !== null) this.#given.push(refuse(given.packet, "too many unknown senders"));
    return { kind: "searching" };
  }

  #newSearch(packet: AuthPacket, refusal: Refusal, now: number): Search {
    const { keys } = this.#credentials;
    return { packet, refusal, candidates: this.#candidates(packet, now), untried: keys.length };
  }

  /** Null: there are more to try. */
  #tryKeys(search: Search, most: number, now: number): Outcome | null {
    const { packet, candidates, refusal } = search;
    const { datagram, timestamp } = packet;
    for (let count = 0; count < most && search.untried > 0; count++) {
      const credential = candidates.next().value!;
      search.untried--;
      this.#verifications++;
      if (!credential.proof.verify(datagram.payload)) continue;
      const sender = credential.senderOf(datagram.payload, datagram.source, timestamp);
      if (typeof sender !== "string") return this.#admit(sender, packet, now);
      return refuse(packet, closerRefusal(sender, refusal));
    }
    return search.untried > 0 ? null : refuse(packet, refusal);
  }

  /** All keys, each once: the one seen just there, those hinted at, seen at the address and not admitted, the rest. */
  *#candidates(
    { datagram: { source, payload }, timestamp }: AuthPacket,
    now: number,
  ): Generator<Credential, void> {
    const isTried = new Uint8Array(this.#credentials.keys.length);
    const sightings = this.#sightings;
    const all = sightings.latestFirst;
    const groups = [
      [sightings.at(source) ?? [], this.#hints.find(payload, timestamp)].flat().values(),
      alternate(
        all.values().filter((key) => sightings.get(key)?.source.ip === source.ip),
        all.values().filter((key) => !this.#isInUse(key, now)),
      ),
      all.values(),
    ];
    for (const group of groups) {
      for (const key of group) {
        if (isTried[key.index] === 1) continue;
        isTried[key.index] = 1;
        yield key;
      }
    }
  }

  #isInUse(credential: Credential, now: number): boolean {
    const sighting = this.#sightings.get(credential);
    const admission = sighting === null ? undefined : this.admissions.get(sighting.peer);
    return admission !== undefined && isLive(admission, now);
  }

  #admit(peer: Peer, packet: AuthPacket, now: number): Outcome {
    const { datagram, order } = packet;
    const { source, destination: { port } } = datagram;
    const admission = { remote: source, port, expiresAt: expiryOf(peer, now) };
    const previous = this.admissions.get(peer.name) ?? null;
    const arrival = this.#roll.arrivalOf(peer.name) ?? { since: -Infinity, order: 0 };
    if (arrival.order > order) return refuse(packet, "overtaken by a later one");
    const isHere = previous !== null && isSamePlace(previous, admission);
    const mayMove = previous === null || !isLive(previous, now) ||
      now - arrival.since >= peer.moveInterval * 1000;
    if (!isHere && !mayMove) return refuse(packet, "moved too recently");
    // A search takes its time: who is at this place now is known better than who was when that packet came.
    const overtaken = this.#searches.remove(datagram);
    if (overtaken !== null) this.#given.push(refuse(overtaken.packet, "overtaken by a later one"));
    const displaced = this.#roll.set(
      peer.name,
      admission,
      { since: isHere ? arrival.since : now, order },
      now,
    );
    this.#noteSighting(peer.name, source);
    return { kind: "admitted", datagram, peer, admission, previous, displaced };
  }

  #noteSighting(peer: string, source: Endpoint | null): void {
    const credential = this.#credentials.of(peer)!;
    if (credential.key !== null && source !== null) this.#sightings.note(credential, { source, peer });
  }

  /** Tells whether an admission by another gate would be one by this. */
  #takes(name: string, { remote, port }: Admission, other: Gate): boolean {
    const [mine, others] = [this.#credentials.of(name), other.#credentials.of(name)];
    if (mine === undefined || mine.proof.id !== others?.proof.id) return false;
    return remote !== null && this.#mayBe(name, port, remote);
  }

  /** Tells whether a peer that has proved who it is may have come to this port from there. */
  #mayBe(name: string, port: number, place: Endpoint): boolean {
    const sender = this.#credentials.of(name)!.peerAt(place);
    return this.#ports.includes(port) && typeof sender !== "string" && sender.name === name;
  }

  /** Tells whether a datagram, which may have waited while settings changed, is to a port that we still have. */
  #isOurs({ destination }: Datagram): boolean {
    return this.#ports.includes(destination.port);
  }

  #goOnFrom(other: Gate, now: number): void {
    this.#packets = other.#packets;
    this.#verifications = other.#verifications;
    this.#given = other.#given;
    this.#searches = new SearchQueue();
    for (const packet of other.#searches.packets) {
      const { datagram } = packet;
      if (!this.#isOurs(datagram) || !this.#credentials.maySign(datagram.payload)) continue;
      this.#searches.add(this.#newSearch(packet, "wrong signature", now));
    }
  }
}

/** Takes from two by turns, as either may be long while what is looked for is in the other. */
function* alternate<T>(...both: readonly [Iterator<T>, Iterator<T>]): Generator<T, void> {
  for (let left = [...both]; left.length > 0;) {
    const taken = left.map((one) => ({ one, next: one.next() })).filter(({ next }) => !next.done);
    for (const { next } of taken) yield next.value as T;
    left = taken.map(({ one }) => one);
  }
}

function refuse({ datagram }: AuthPacket, refusal: Refusal): Outcome {
  return { kind: "refused", datagram, refusal };
}

function expiryOf({ lifetime }: Peer, now: number): number | null {
  return lifetime === 0 ? null : now + lifetime * 1000;
}

/** The earlier of two moments; null: never. */
function earlier(a: number | null, b: number | null): number | null {
  return a === null || b === null ? a ?? b : Math.min(a, b);
}

function renew(admission: Admission, old: Peer, peer: Peer, now: number): Admission {
  if (old.lifetime === peer.lifetime || !isLive(admission, now)) return admission;
  return { ...admission, expiresAt: expiryOf(peer, now) };
}
