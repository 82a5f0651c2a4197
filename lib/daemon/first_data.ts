import { type Admission, isLive } from "../admission.ts";
import type { Log } from "../log.ts";
import type { PacketCounts } from "../kernel_ports.ts";
import { formatEndpoint } from "../packet.ts";
import type { Clock } from "../ports.ts";
import type { Peer } from "../settings/settings.ts";

/** How long a peer may be let in without data in both directions before that is said, in milliseconds. */
const PATIENCE = 120_000;
/** Peers that one line names. */
const MOST_NAMES = 3;

/** What a tunnel lacks; null: data came out of it and was sent into it, or it has no device. */
type Lack = "received" | "sent" | null;

interface FirstDataContext {
  readonly wanted: () => {
    readonly settings: { readonly peers: readonly Peer[] };
    readonly admissions: ReadonlyMap<string, Admission>;
  };
  /** Packets through a device; null: unknown. */
  readonly countsOf: (device: string) => PacketCounts | null;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Says which of a server's peers are let in while no data gets through, which looks like success and is most often this
 * host's firewall: auth packets are read before it. It looks once at each peer, and again at the auth packets of those
 * that it told of.
 */
export class FirstData {
  readonly #context: FirstDataContext;
  /** Peers that were not looked at yet, and when to, in milliseconds of `Clock.now()`; the earliest first. */
  readonly #due = new Map<string, number>();
  /** Peers that were looked at, and what they lacked. */
  readonly #lacks = new Map<string, Lack>();
  /** All, by the settings. */
  #peers: readonly Peer[] = [];

  constructor(context: FirstDataContext) {
    this.#context = context;
  }

  /** When `look()` is due, milliseconds of `Clock.now()`; null: never, as things are. */
  get due(): number | null {
    return this.#due.values().next().value ?? null;
  }

  /** Settings or admissions may have changed. */
  update(): void {
    const now = this.#context.clock.now();
    const { settings: { peers }, admissions } = this.#context.wanted();
    if (peers !== this.#peers) this.#forgetOthers(peers);
    for (const { name } of peers) {
      const isKnown = this.#due.has(name) || this.#lacks.has(name);
      if (isKnown === isLetIn(admissions.get(name), now)) continue;
      if (isKnown) this.#forget(name);
      else this.#due.set(name, now + PATIENCE);
    }
  }

  /** Looks at the peers whose time has come. */
  look(): void {
    const now = this.#context.clock.now();
    this.update();
    const peers = this.#peers.filter(({ name }) => (this.#due.get(name) ?? Infinity) <= now);
    for (const { name, tunnel } of peers) {
      this.#due.delete(name);
      this.#lacks.set(name, lackOf(this.#context.countsOf(tunnel.device)));
    }
    const lacking = (lack: Lack) => peers.filter(({ name }) => this.#lacks.get(name) === lack);
    this.#tell("received", lacking("received"));
    this.#tell("sent", lacking("sent"));
  }

  /** An auth packet came from a peer. */
  note({ name, tunnel }: Peer): void {
    const before = this.#lacks.get(name) ?? null;
    if (before === null) return;
    const lack = lackOf(this.#context.countsOf(tunnel.device));
    if (lack === before) return;
    this.#lacks.set(name, lack);
    if (lack === null) {
      this.#context.log.notice(`${name}: data comes out of its tunnel, and is sent into it`, {
        event: "data",
        peer: name,
      });
    }
  }

  /** Forgets all but these peers. */
  #forgetOthers(peers: readonly Peer[]): void {
    this.#peers = peers;
    const names = new Set(peers.map(({ name }) => name));
    for (const name of [...this.#due.keys(), ...this.#lacks.keys()]) if (!names.has(name)) this.#forget(name);
  }

  #forget(name: string): void {
    this.#due.delete(name);
    this.#lacks.delete(name);
  }

  #tell(lack: "received" | "sent", [first, ...more]: readonly Peer[]): void {
    if (first === undefined) return;
    const { admissions } = this.#context.wanted();
    const { port, remote } = admissions.get(first.name)!;
    const names = [first, ...more].slice(0, MOST_NAMES).map(({ name }) => name).join(", ");
    const rest = more.length < MOST_NAMES ? "" : ` and ${more.length + 1 - MOST_NAMES} more`;
    const what = lack === "received" ? explainDeafness(port) : explainMuteness(first);
    this.#context.log.notice(
      `${names}${rest}: authenticated for ${PATIENCE / 60_000} minutes, but ${what}`,
      {
        event: "no-data",
        peer: first.name,
        remote: formatEndpoint(remote!),
        count: more.length + 1,
        why: `nothing ${lack}`,
      },
    );
  }
}

function isLetIn(admission: Admission | undefined, now: number): boolean {
  return admission !== undefined && admission.remote !== null && isLive(admission, now);
}

function lackOf(counts: PacketCounts | null): Lack {
  if (counts === null) return null;
  if (counts.received === 0) return "received";
  return counts.sent === 0 ? "sent" : null;
}

/** Data is dropped before the tunnel. @param port ours */
function explainDeafness(port: number): string {
  return "nothing has come out of its tunnel; if something was sent, this host's firewall must accept UDP to port " +
    `${port} in its input chain: udp dport ${port} ct state new,untracked accept`;
}

/** Data is dropped behind the tunnel. */
function explainMuteness({ tunnel: { device, peerIp }, allowedIps }: Peer): string {
  const firewall =
    "something has come out of its tunnel, and nothing was sent back; if it should be, this host's " +
    `firewall must accept what comes in by the device: iifname "${device}" accept, in input and forward chains`;
  return allowedIps === null
    ? firewall
    : `${firewall}; and what its client sends must come from ${peerIp}, its address here, or from its allowed-ips: ` +
      "another client may have that address, too";
}
