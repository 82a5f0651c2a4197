import type { PacketCounts, TrafficCounts } from "../kernel_ports.ts";

/** What went on in a tunnel since it was looked at before: nothing was sent that a server could answer, for instance. */
export type Traffic = "heard" | "unanswered" | "idle";

/** Packets, or bytes of them. */
interface Amount {
  packets: number;
  bytes: number;
}

/**
 * Watches whether data comes out of a tunnel. Its device counts as received whatever the FOU port takes for a packet: the
 * server's replies, too.
 */
export class Hearing {
  /** Bytes of a reply; 0: the device counts none. */
  readonly #replyLength: number;
  /** What the device counted that was no data. */
  #noData: Amount = { packets: 0, bytes: 0 };
  /** Data that has come, as far as was seen: it never goes back. */
  #data: Amount = { packets: 0, bytes: 0 };
  /** Packets that the device had counted; null: it was not looked at yet. */
  #counted: number | null = null;
  /** Data each way when it was judged before; null: nothing of before is to be judged. */
  #before: PacketCounts | null = null;
  #heardAt: number | null = null;

  constructor(replyLength: number) {
    this.#replyLength = replyLength;
  }

  /** When it was first seen that something had come, in milliseconds of `Clock.now()`; null: never. */
  get heardAt(): number | null {
    return this.#heardAt;
  }

  /** What is sent from now on goes another way: the next call of `note()` judges nothing of before. */
  restart(): void {
    this.#before = null;
  }

  /** A datagram of the server's came by the tunnel's way that is no data. @param length of its payload */
  handleNoData(length: number): void {
    if (this.#replyLength === 0) return;
    this.#noData.packets++;
    this.#noData.bytes += length;
  }

  /**
   * Judges what went on since the call before.
   *
   * @param counts of the tunnel's device; null: there is none
   * @param awaited replies that the device may have counted already
   * @param now milliseconds of `Clock.now()`
   */
  note(counts: PacketCounts | null, awaited: number, now: number): Traffic {
    if (counts === null) this.#begin();
    else this.#look(counts, awaited, now);
    const before = this.#before;
    this.#before = counts === null ? null : { received: this.#data.packets, sent: counts.sent };
    if (counts === null || before === null) return "idle";
    if (this.#data.packets > before.received) return "heard";
    return counts.sent > before.sent ? "unanswered" : "idle";
  }

  /** What came and went, without replies; the parameters are those of `note()`. */
  dataIn(counts: TrafficCounts, awaited: number, now: number): TrafficCounts {
    this.#look(counts, awaited, now);
    const bytes = counts.receivedBytes - this.#noData.bytes - awaited * this.#replyLength;
    this.#data.bytes = this.#data.packets === 0 ? 0 : Math.max(this.#data.bytes, bytes);
    return { ...counts, received: this.#data.packets, receivedBytes: this.#data.bytes };
  }

  #look({ received }: PacketCounts, awaited: number, now: number): void {
    const isFirst = this.#counted === null;
    // A device that was made anew begins at 0.
    if (received < (this.#counted ?? 0)) this.#begin();
    this.#counted = received;
    const packets = received - this.#noData.packets - (this.#replyLength === 0 ? 0 : awaited);
    if (packets <= this.#data.packets) return;
    this.#data.packets = packets;
    // What came before the first look may be of another run.
    if (!isFirst) this.#heardAt = now;
  }

  #begin(): void {
    this.#counted = 0;
    this.#noData = { packets: 0, bytes: 0 };
    this.#data = { packets: 0, bytes: 0 };
    this.#before = null;
  }
}
