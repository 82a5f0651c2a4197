import { type Datagram, placeKey } from "../packet.ts";

/** Failures a second at one place that are few. */
const FEW = 20;
/** Failures a second at all places that are no flood. */
const NO_FLOOD = 64;
/** Milliseconds in which failures are counted. */
const MILLISECONDS = 1_000;
/** Most places that are remembered. */
const MOST = 1_024;

/** Counts the packets of each place that are not soon found good. Where there are many, others are not looked at closely. */
export class Failures {
  /** By `placeKey`, the earliest first. Moments are milliseconds of `Clock.now()`. */
  readonly #places = new Map<string, { readonly since: number; count: number }>();

  #all = { since: -Infinity, count: 0 };

  note(datagram: Datagram, now: number): void {
    if (now - this.#all.since >= MILLISECONDS) this.#all = { since: now, count: 0 };
    this.#all.count++;
    const recent = this.#recent(datagram, now);
    if (recent !== null) recent.count++;
    else this.#begin(placeOf(datagram), now);
  }

  areMany(datagram: Datagram, now: number): boolean {
    return (this.#recent(datagram, now)?.count ?? 0) >= FEW;
  }

  isFlood(now: number): boolean {
    return now - this.#all.since < MILLISECONDS && this.#all.count >= NO_FLOOD;
  }

  #recent(datagram: Datagram, now: number) {
    const found = this.#places.get(placeOf(datagram));
    return found !== undefined && now - found.since < MILLISECONDS ? found : null;
  }

  #begin(place: string, now: number): void {
    this.#places.delete(place);
    this.#places.set(place, { since: now, count: 1 });
    if (this.#places.size > MOST) this.#places.delete(this.#places.keys().next().value!);
  }
}

function placeOf({ source, destination }: Datagram): string {
  return placeKey(source, destination.port);
}
