import type { PacketCounts, TrafficCounts } from "../kernel_ports.ts";

/** What went on in a tunnel since it was looked at before: nothing was sent that a server could answer, for instance. */
export type Traffic = "heard" | "unanswered" | "idle";

/** Packets, and bytes of them. */
export interface Amount {
  readonly packets: number;
  readonly bytes: number;
}

const NONE: Amount = { packets: 0, bytes: 0 };

/**
 * Watches whether data comes out of a tunnel. Its device counts as received whatever the FOU port takes for a packet: the
 * server's replies, too.
 */
export class Hearing {
  /** What the device counted that was no data. */
  #noData = NONE;
  /** Data that has come, as far as was seen: it never goes back. */
  #data = NONE;
  /** Packets that the device had counted; null: it was not looked at yet. */
  #counted: number | null = null;
  /** Data each way when it was judged before; null: nothing of before is to be judged. */
  #before: PacketCounts | null = null;
  #heardAt: number | null = null;

  /** When it was first seen that something had come, in milliseconds of `Clock.now()`; null: never. */
  get heardAt(): number | null {
    return this.#heardAt;
  }

  /** What is sent from now on goes another way: the next call of `note()` judges nothing of before. */
  restart(): void {
    this.#before = null;
  }

  /** The device may stand since another run: what it has counted so far may be that one's replies. */
  takeOver({ received, receivedBytes }: TrafficCounts): void {
    this.#begin();
    this.#counted = received;
    this.#noData = { packets: received, bytes: receivedBytes };
  }

  /** A datagram of the server's came by the tunnel's way that is no data, and was counted. @param length of its payload */
  handleNoData(length: number): void {
    const { packets, bytes } = this.#noData;
    this.#noData = { packets: packets + 1, bytes: bytes + length };
  }

  /**
   * Judges what went on since the call before.
   *
   * @param counts of the tunnel's device; null: there is none
   * @param awaited replies that the device may have counted already
   * @param now milliseconds of `Clock.now()`
   */
  note(counts: PacketCounts | null, awaited: Amount, now: number): Traffic {
    if (counts === null) this.#begin();
    else this.#look(counts, awaited, now);
    const before = this.#before;
    this.#before = counts === null ? null : { received: this.#data.packets, sent: counts.sent };
    if (counts === null || before === null) return "idle";
    if (this.#data.packets > before.received) return "heard";
    return counts.sent > before.sent ? "unanswered" : "idle";
  }

  /** What came and went, without replies; the parameters are those of `note()`. */
  dataIn(counts: TrafficCounts, awaited: Amount, now: number): TrafficCounts {
    this.#look(counts, awaited, now);
    const { packets, bytes } = this.#data;
    const latest = counts.receivedBytes - this.#noData.bytes - awaited.bytes;
    this.#data = { packets, bytes: packets === 0 ? 0 : Math.max(bytes, latest) };
    return { ...counts, received: packets, receivedBytes: this.#data.bytes };
  }

  #look({ received }: PacketCounts, awaited: Amount, now: number): void {
    const isFirst = this.#counted === null;
    // A device that was made anew begins at 0.
    if (received < (this.#counted ?? 0)) this.#begin();
    this.#counted = received;
    const packets = received - this.#noData.packets - awaited.packets;
    if (packets <= this.#data.packets) return;
    this.#data = { ...this.#data, packets };
    // What came before the first look may be of another run.
    if (!isFirst) this.#heardAt = now;
  }

  #begin(): void {
    this.#counted = 0;
    this.#noData = NONE;
    this.#data = NONE;
    this.#before = null;
  }
}
