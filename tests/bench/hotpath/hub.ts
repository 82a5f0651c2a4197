/** A server of many clients, which come from addresses of their own. */
import type { Process } from "../../lab/process.ts";
import { hubToml, type Member, placeOf } from "../../e2e/crowd.ts";
import type { Arena } from "./contender.ts";
import type { Figure, Note } from "./results.ts";

const RENEWAL_CPU: Figure = { name: "server's CPU for 1,000 renewals of a lifetime", unit: "ms" };
const RENEWAL: Figure = { name: "auth packet to reply, renewal", unit: "ms" };
const WAIT = 600_000;
/** How many peers renew their lifetimes in turns, and how often each does in a round. */
const RENEWING = 20;
const RENEWALS = 10;
/** Beside a foreign set each renewal can take seconds. */
const RENEWING_BESIDE = 5;
/** Milliseconds in which the gate's limit for unknown places recovers from a burst. */
const REST = 6000;

/** How a crowd's line names a member at the place of its `move`. */
export function lineOf(member: Member, move: number): string {
  const { ip, port } = placeOf(member, "addresses", move);
  const who = `${member.isOld ? "OLD/" : ""}${member.number}`;
  return `${who}@${ip}:${port}${member.token === null ? "" : `=${member.token}`}`;
}

/** What all members moving at once is measured by. */
interface Figures {
  readonly time: Figure;
  readonly cpu: Figure;
}

/** A running hub with all its peers in. */
export class Hub {
  readonly #arena: Arena;
  readonly #members: readonly Member[];
  readonly #figures: Figures;
  #move = 0;
  #restsUntil = 0;

  private constructor(arena: Arena, members: readonly Member[], figures: Figures) {
    this.#arena = arena;
    this.#members = members;
    this.#figures = figures;
  }

  static async start(arena: Arena, members: readonly Member[], figures: Figures): Promise<Hub> {
    await startHub(arena, members);
    const hub = new Hub(arena, members, figures);
    await hub.#burst();
    return hub;
  }

  /** Measures auth packets that only renew a lifetime, by some members in turns. */
  async measureRenewals(note: Note): Promise<void> {
    const { contender } = this.#arena;
    const [count, times] = contender.foreign > 0 ? [RENEWING_BESIDE, 1] : [RENEWING, RENEWALS];
    const some = this.#members.slice(0, count);
    const lines = Array.from({ length: times }, () => some.map((member) => lineOf(member, this.#move)))
      .flat();
    const before = await this.#arena.cpuMs();
    for (const time of await this.#arena.probe("turns", lines)) note(RENEWAL, time);
    note(RENEWAL_CPU, (await this.#arena.cpuMs() - before) * 1000 / lines.length);
  }

  /** Measures a move of all members at once, each to another address. */
  async measureMoves(note: Note): Promise<void> {
    this.#move++;
    const before = await this.#arena.cpuMs();
    note(this.#figures.time, await this.#burst());
    note(this.#figures.cpu, await this.#arena.cpuMs() - before);
  }

  /** Has all members authenticate at once. @returns the milliseconds until the last has its reply */
  async #burst(): Promise<number> {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, this.#restsUntil - Date.now())));
    const [time] = await this.#arena.probe(
      "burst",
      this.#members.map((member) => lineOf(member, this.#move)),
    );
    this.#restsUntil = Date.now() + REST;
    return time!;
  }
}

/** Starts a hub of these peers, and waits for its gate. */
export async function startHub(
  arena: Arena,
  members: readonly Member[],
  lifetimeSeconds = 3600,
): Promise<Process> {
  const config = await arena.scenario.write("hub.toml", hubToml(members));
  const hub = arena.hub("--config", config, "--auth-lifetime", String(lifetimeSeconds));
  await hub.waitForLine(/waiting for clients/, WAIT);
  return hub;
}
