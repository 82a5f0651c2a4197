import type { PacketCounts } from "../kernel_ports.ts";

/** What went on in a tunnel since it was looked at before: nothing was sent that a server could answer, for instance. */
export type Traffic = "heard" | "unanswered" | "idle";

/** Watches whether anything comes out of a tunnel. */
export class Hearing {
  #counts: PacketCounts | null = null;
  #replies = 0;
  #allReplies = 0;
  #heardAt: number | null = null;

  /** When it was first seen that something had come, in milliseconds of `Clock.now()`; null: never. */
  get heardAt(): number | null {
    return this.#heardAt;
  }

  /** Replies so far that the device counted. */
  get allReplies(): number {
    return this.#allReplies;
  }

  /** What is sent from now on goes another way: the next call of `note()` judges nothing of before. */
  restart(): void {
    this.#counts = null;
    this.#replies = 0;
  }

  /** A reply came that the tunnel's device counts as received, as it does whatever the FOU port takes for a packet. */
  handleReply(): void {
    this.#replies++;
    this.#allReplies++;
  }

  /** @param counts of the tunnel's device; null: there is none @param now milliseconds of `Clock.now()` */
  note(counts: PacketCounts | null, now: number): Traffic {
    const before = this.#counts;
    const replies = this.#replies;
    this.#counts = counts;
    this.#replies = 0;
    // A device that was made anew begins at 0.
    if (counts === null || before === null || counts.received < before.received) return "idle";
    if (counts.received > before.received + replies) {
      this.#heardAt = now;
      return "heard";
    }
    return counts.sent > before.sent ? "unanswered" : "idle";
  }
}
