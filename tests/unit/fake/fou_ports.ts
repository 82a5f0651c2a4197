import { ANY_ADDRESS } from "../../../lib/kernel/state.ts";
import { Refused } from "./refused.ts";

/** A FOU port. */
export interface FakeListener {
  readonly ip: string;
  readonly port: number;
  /** Number of the device that it is bound to, which may no longer exist; null: of none. */
  readonly device: number | null;
}

/** The FOU ports of a fake kernel. */
export class FouPorts {
  /** Latest first, as the kernel lists them. */
  readonly all: FakeListener[] = [];

  /** @param isLocal whether an address is one of this host's @throws {Refused} */
  add(listener: FakeListener, isLocal: (ip: string) => boolean): void {
    if (listener.ip !== ANY_ADDRESS && !isLocal(listener.ip)) {
      throw Refused.answer("Cannot assign requested address");
    }
    if (this.all.some((other) => conflict(other, listener))) throw Refused.answer("Address already in use");
    this.all.unshift(listener);
  }

  /** @throws {Refused} */
  delete({ ip, port, device }: FakeListener): void {
    const index = this.all.findIndex((other) =>
      other.ip === ip && other.port === port && other.device === device
    );
    if (index < 0) throw Refused.answer("Invalid argument");
    this.all.splice(index, 1);
  }

  /** The FOU port that receives a datagram for this address and port on this device. */
  taker(ip: string, port: number, device: number): FakeListener | undefined {
    return this.all.find((listener) =>
      listener.port === port && (listener.ip === ip || listener.ip === ANY_ADDRESS) &&
      (listener.device === null || listener.device === device)
    );
  }

  /**
   * The FOU ports that the kernel lists.
   *
   * @param perMessage how many fit in one netlink message; the kernel skips one between two messages; null: all fit
   */
  listed(perMessage: number | null): FakeListener[] {
    if (perMessage === null) return this.all;
    return this.all.filter((_, index) => (index + 1) % (perMessage + 1) !== 0);
  }
}

function conflict(a: FakeListener, b: FakeListener): boolean {
  return a.port === b.port && (a.ip === b.ip || a.ip === ANY_ADDRESS || b.ip === ANY_ADDRESS) &&
    (a.device === b.device || a.device === null || b.device === null);
}
