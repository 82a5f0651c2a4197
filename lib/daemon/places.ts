import { isRemoteIpv4 } from "../ipv4.ts";
import { type Endpoint, isPort, placeKey } from "../packet.ts";
import type { StateFile } from "../ports.ts";
import type { DaemonContext } from "./context.ts";
import { type Content, SteadyFile } from "./steady_file.ts";

/** A far end, and our port that it uses. */
export interface Place {
  readonly remote: Endpoint;
  readonly port: number;
}

const LOSS = "a later start may not tell clients that they must authenticate again";

/** Keeps where peers were last, for the next run to tell them that it has started. */
export class Places implements Content {
  readonly urgency = 0;
  readonly #places: Map<string, Place>;
  readonly #file: SteadyFile;
  #changes = 0;

  constructor(file: StateFile, { system: { clock }, log }: Pick<DaemonContext, "system" | "log">) {
    this.#places = readPlaces(file.read());
    this.#file = new SteadyFile(file, this, LOSS, clock, log);
  }

  get changes(): number {
    return this.#changes;
  }

  format(): string {
    const entries = this.#places.entries().map((
      [peer, { remote: { ip, port }, port: own }],
    ) => [peer, ip, port, own]);
    return `${JSON.stringify([...entries])}\n`;
  }

  /** Where a peer was last. */
  of(peer: string): Place | undefined {
    return this.#places.get(peer);
  }

  note(peer: string, { remote, port }: Place): void {
    const known = this.#places.get(peer);
    if (known !== undefined && placeKey(known.remote, known.port) === placeKey(remote, port)) return;
    this.#places.set(peer, { remote, port });
    this.#change();
  }

  /** A peer is not where it was. */
  forget(peer: string): void {
    if (this.#places.delete(peer)) this.#change();
  }

  /** Forgets all others, so that there are never more than peers. */
  keepOnly(peers: ReadonlySet<string>): void {
    for (const peer of [...this.#places.keys()]) if (!peers.has(peer)) this.forget(peer);
  }

  /** Writes changes until told to stop. */
  keep(stop: AbortSignal): Promise<void> {
    return this.#file.keep(stop);
  }

  async close(): Promise<void> {
    if (this.#file.isChanged) await this.#file.write(true);
  }

  #change(): void {
    this.#changes++;
    this.#file.update();
  }
}

/** Reads what `Places.format()` wrote; nothing that cannot be a place. */
export function readPlaces(text: string | null): Map<string, Place> {
  const places = new Map<string, Place>();
  for (const entry of parseList(text)) {
    if (!Array.isArray(entry)) continue;
    const [peer, ip, port, own] = entry;
    if (typeof peer !== "string" || typeof ip !== "string" || !isRemoteIpv4(ip)) continue;
    if (isPort(port) && isPort(own)) places.set(peer, { remote: { ip, port }, port: own });
  }
  return places;
}

function parseList(text: string | null): unknown[] {
  try {
    const list: unknown = JSON.parse(text ?? "[]");
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}
