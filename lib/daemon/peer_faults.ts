import { isDeepStrictEqual } from "node:util";
import type { Faults } from "../kernel/kernel.ts";
import { exitCodeOf } from "../errors.ts";
import type { Log } from "../log.ts";
import type { LogEvent } from "../log_events.ts";
import type { Peer, Settings } from "../settings/settings.ts";

/** Why some peers of a server have no tunnel. Tells the log, each time once, and fails a reload that brings it about. */
export class PeerFaults {
  readonly #log: Log;
  #current: Faults = new Map();
  /** Peers that a reload under way changes; if it keeps one out, it failed. */
  #onTrial: ReadonlySet<string> = new Set();

  constructor(log: Log) {
    this.#log = log;
  }

  /** By name. */
  get current(): Faults {
    return this.#current;
  }

  has(name: string): boolean {
    return this.#current.has(name);
  }

  /** A reload begins. It is not to blame for peers that are kept out already. */
  beginTrial(before: Settings, after: Settings): void {
    this.#onTrial = changedPeers(before, after).difference(this.#current);
  }

  endTrial(): void {
    this.#onTrial = new Set();
  }

  /**
   * The kernel has changed.
   *
   * @param admissions who was to have a tunnel, by name
   * @throws {IpipouError} the fault of a peer on trial
   */
  update(faults: Faults, admissions: ReadonlyMap<string, unknown>): void {
    const failed = [...faults].find(([name]) => this.#onTrial.has(name));
    if (failed !== undefined) throw failed[1];
    for (const [name, fault] of faults) {
      if (!isSameTrouble(fault, this.#current.get(name))) {
        const event: LogEvent = { event: "fault", peer: name, code: exitCodeOf(fault) };
        this.#log.error(`${name}: ${fault.message}; kept out, and tried again when something changes`, event);
      }
    }
    for (const name of this.#current.keys()) {
      if (!faults.has(name) && admissions.has(name)) {
        this.#log.notice(`${name}: nothing is in its way any more`, { event: "recovered", peer: name });
      }
    }
    this.#current = faults;
  }
}

/** Whether two faults differ at most in the command that was refused: it has the peer's place. */
function isSameTrouble(a: Error, b: Error | undefined): boolean {
  const reason = ({ message }: Error) => message.replace(/'.*'/, "");
  return b !== undefined && reason(a) === reason(b);
}

/** Names of the peers whose own settings differ. */
function changedPeers({ peers: before }: Settings, { peers: after }: Settings): Set<string> {
  const known = new Map(before.map((peer) => [peer.name, peer]));
  const isChanged = (peer: Peer) => known.has(peer.name) && !isDeepStrictEqual(known.get(peer.name), peer);
  return new Set(after.filter(isChanged).map(({ name }) => name));
}
