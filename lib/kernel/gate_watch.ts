import type { TableChange } from "../kernel_ports.ts";

/** In news of chains: the table that they are in. */
export const TABLE_ITSELF = "";

/** Milliseconds that FOU ports may be open without their gate. */
const GRACE_MILLISECONDS = 1_000;

/**
 * Says whether an instance's gate may be away, and when its FOU ports have to be closed for that. Without I/O, like the
 * picture that it is part of.
 */
export class GateWatch {
  /** How often others may have changed the gate's rules, and how often before the latest look. */
  #alarms = 0;
  #seen = 0;
  /** How many had come when the gate was last known to be as it should. */
  #cleared = 0;
  #awaySince: number | null = null;
  #isTableSuspect = false;
  /** Whether others did nothing to the gate but remove it since the latest look began. */
  #isOnlyRemoved = true;
  /** Whether that look found nothing of the gate, and nothing was made since. */
  #isBare = false;
  #isClosed = false;
  /** Before then closing is not tried again. */
  #notBefore = -Infinity;

  /** Whether the gate is away, or may be. */
  get isAway(): boolean {
    return this.#awaySince !== null;
  }

  /** Whether the FOU ports were closed for that, and are to come back with the gate. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Whether others may have changed rules since these were last known to be right: a look does not show what each says. */
  get isSuspect(): boolean {
    return this.#seen > this.#cleared;
  }

  /**
   * When to close the FOU ports; null: they may be open, or are closed.
   *
   * @param repairDue when the gate can be restored; null: that is under way
   */
  closeDue(repairDue: number | null): number | null {
    const since = this.#awaySince;
    if (since === null || this.#isClosed) return null;
    // In a fight with another program, most of the time would be spent without a gate.
    const due = repairDue !== null && repairDue > since ? since : since + GRACE_MILLISECONDS;
    return Math.max(due, this.#notBefore);
  }

  /** Whether others changed the table itself, and not just what is in it: it may be dormant. */
  get isTableSuspect(): boolean {
    return this.#isTableSuspect;
  }

  /** Others changed the gate's rules. */
  handleNews({ chains, onlyRemoves }: TableChange, now: number): void {
    this.#isTableSuspect ||= chains.includes(TABLE_ITSELF);
    this.#isOnlyRemoved &&= onlyRemoves;
    this.#isBare = false;
    this.#alarms++;
    this.#awaySince ??= now;
  }

  /** News were lost: others may have changed the gate's rules. That it is gone would show at a look. */
  handleLoss(): void {
    this.#alarms++;
  }

  /** Whether this news does not matter, as there was nothing left to remove. */
  isVoid({ onlyRemoves }: TableChange): boolean {
    return this.#isBare && onlyRemoves;
  }

  /** There was news of a change of ours. */
  handleOurs(): void {
    this.#isBare = false;
  }

  beginLook(): void {
    this.#seen = this.#alarms;
    this.#isOnlyRemoved = true;
    this.#isBare = false;
  }

  /**
   * @param found "nothing" of the gate, though there should be one, "part" of its rules, or what there should be
   */
  handleLook(found: "nothing" | "part" | "all", now: number): void {
    if (found !== "all") this.#awaySince ??= now;
    this.#isBare = found === "nothing" && this.#isOnlyRemoved;
    // What others removed while it looked is not among what it found.
    if (this.#isBare) this.#seen = this.#alarms;
  }

  /** What is wanted was established after the latest look. @param areClosed whether without the FOU ports */
  handleChange(areClosed = false): void {
    this.#isClosed = areClosed;
    if (this.#seen !== this.#alarms) return;
    this.#cleared = this.#seen;
    this.#isTableSuspect = false;
    this.#awaySince = null;
  }

  /** The FOU ports are being closed. */
  handleClosing(): void {
    this.#isClosed = true;
  }

  /** They could not be closed. */
  handleClosingFailure(now: number): void {
    this.#isClosed = false;
    this.#notBefore = now + GRACE_MILLISECONDS;
  }
}
