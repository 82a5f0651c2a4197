import type { TraceEvent } from "../doctor_ports.ts";
import type { Endpoint } from "../packet.ts";

/** What a packet is to the instance. */
export type PacketKind = "udp in" | "udp out" | "out of tunnel" | "into tunnel";

/** A packet of the instance's. */
interface Packet {
  readonly kind: PacketKind;
  /** The tunnel device, or the own UDP port. */
  readonly subject: string;
}

/** Where packets were dropped. */
export interface Drop extends Packet {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  /** Of the rule; null: the chain's policy. */
  readonly handle: number | null;
  readonly count: number;
}

/** By which packets are known. */
export interface TraceSubjects {
  readonly ends: readonly Endpoint[];
  /** Tunnel devices by the kernel's number. */
  readonly devices: ReadonlyMap<number, string>;
  /** Far outer addresses: packets of others are nobody's. */
  readonly remotes: ReadonlySet<string>;
  /** The table that has packets traced, which each of them meets first. */
  readonly trace: string;
  /** The nftables table (family ip) of our gates, which drop what they are to. */
  readonly gate: string;
}

/** Most packets and drops that are remembered. */
const MOST = 4_096;
const [ICMP, UDP] = [1, 17];
const ECHO_REPLY = 0;
const [HEADER_LENGTH, PORTS_LENGTH] = [20, 4];

/** Sums up what became of traced packets. */
export class TraceSummary {
  readonly #subjects: TraceSubjects;
  readonly #packets = new Map<number, Packet>();
  readonly #drops = new Map<string, Drop>();
  readonly #traced = new Map<PacketKind, number>();
  readonly #ended = new Map<PacketKind, number>();

  constructor(subjects: TraceSubjects) {
    this.#subjects = subjects;
  }

  /** How many packets of each kind were traced. */
  get traced(): ReadonlyMap<PacketKind, number> {
    return this.#traced;
  }

  /** How many of them came to their end in our own gate: auth packets, and what it keeps out. */
  get ended(): ReadonlyMap<PacketKind, number> {
    return this.#ended;
  }

  get drops(): readonly Drop[] {
    return [...this.#drops.values()];
  }

  add(event: TraceEvent): void {
    const { id, family, table, chain, handle, isDropped, isQueued } = event;
    const packet = event.header.length === 0 ? this.#packets.get(id) : this.#identify(event);
    if (packet === undefined || !isDropped && !isQueued) return;
    if (family === "ip" && table === this.#subjects.gate) return count(this.#ended, packet.kind);
    if (!isDropped) return;
    const place = [family, table, chain, handle, packet.kind, packet.subject];
    const key = place.join("\n");
    const known = this.#drops.get(key);
    if (known === undefined && this.#drops.size >= MOST) return;
    this.#drops.set(key, { ...packet, family, table, chain, handle, count: (known?.count ?? 0) + 1 });
  }

  #identify(event: TraceEvent): Packet | undefined {
    const packet = this.#kindOf(event);
    if (this.#packets.size >= MOST) this.#packets.clear();
    if (packet === null) {
      this.#packets.delete(event.id);
      return undefined;
    }
    this.#packets.set(event.id, packet);
    if (this.#isCounted(event, packet)) count(this.#traced, packet.kind);
    return packet;
  }

  #isCounted({ table, chain, header, body }: TraceEvent, { kind }: Packet): boolean {
    // Firewalls let in what answers our own pings, and perhaps nothing else.
    if (header[9] === ICMP && body[0] === ECHO_REPLY) return false;
    // What is forwarded into a tunnel may be traced already, as what came out of another one.
    return table === this.#subjects.trace && (chain !== "forward" || kind === "into tunnel");
  }

  #kindOf({ from, to, header, body }: TraceEvent): Packet | null {
    const { ends, devices, remotes } = this.#subjects;
    const [source, target] = [devices.get(from), devices.get(to)];
    if (source !== undefined) return { kind: "out of tunnel", subject: source };
    if (target !== undefined) return { kind: "into tunnel", subject: target };
    if (header.length < HEADER_LENGTH || header[9] !== UDP || body.length < PORTS_LENGTH) return null;
    const [sourceIp, targetIp] = [header.subarray(12, 16).join("."), header.subarray(16, 20).join(".")];
    const [sourcePort, targetPort] = [body[0]! << 8 | body[1]!, body[2]! << 8 | body[3]!];
    const isOwn = (ip: string, port: number) => ends.some((end) => end.ip === ip && end.port === port);
    if (isOwn(targetIp, targetPort) && remotes.has(sourceIp)) {
      return { kind: "udp in", subject: String(targetPort) };
    }
    if (isOwn(sourceIp, sourcePort) && remotes.has(targetIp)) {
      return { kind: "udp out", subject: String(sourcePort) };
    }
    return null;
  }
}

function count(counts: Map<PacketKind, number>, kind: PacketKind): void {
  counts.set(kind, (counts.get(kind) ?? 0) + 1);
}
