import type { Attempt, Step } from "../client/ladder.ts";
import type { Log } from "../log.ts";
import { type Endpoint, formatEndpoint } from "../packet.ts";
import type { System } from "../ports.ts";
import { isSameWay, type Setup } from "./client_setup.ts";
import { Homing } from "./homing.ts";
import { Probe } from "./probe.ts";
import { type Move, planMove } from "./steps.ts";

/** Milliseconds by which an answer by the tunnel's own way may be later than one by another that was tried with it. */
const GRACE_MILLISECONDS = 200;

/** How the client comes to move. */
export interface Occasion {
  /** Whether the server has answered from there. */
  readonly isAnswered: boolean;
  /** Whether that was tried together with the tunnel's way, so that the server may take the client to be there still. */
  readonly isTrial: boolean;
  /** Whether the log has not been told the like in this silence. */
  readonly isNews: boolean;
}

/** What a search needs of its client. */
interface Searcher {
  readonly setup: () => Setup;
  /** The UDP port in the settings. */
  readonly port: () => number;
  /** Has an auth packet sent by the tunnel's way, so many milliseconds later. */
  readonly request: (delay: number) => void;
  /** Moves the tunnel, unless it is not at `from` any more. */
  readonly move: (from: Setup, move: Move, occasion: Occasion) => Promise<void>;
}

/**
 * Looks for a server that is silent, and for the first one while another stands in. Where replies are expected, another
 * way is tried by an auth packet, and the tunnel stays where it is until there is an answer.
 */
export class ServerSearch implements Disposable {
  readonly #searcher: Searcher;
  readonly #context: { readonly system: System; readonly log: Log };
  #isSearching = false;
  /** Other ways to a server, which are tried, by the step that led to each. */
  readonly #candidates = new Map<Step, Probe>();
  /** Null: the client is at its first server. */
  #homing: Homing | null = null;

  constructor(searcher: Searcher, context: { readonly system: System; readonly log: Log }) {
    this.#searcher = searcher;
    this.#context = context;
  }

  /** When `act()` is due, in milliseconds of `Clock.now()`; null: not until something happens. */
  get nextDeadline(): number | null {
    return this.#homing?.nextDeadline ?? null;
  }

  /** The tunnel leads elsewhere: what was tried of before is void. */
  begin(): void {
    this[Symbol.dispose]();
    const setup = this.#searcher.setup();
    if (setup.server === 0 || !setup.settings.peers[0]!.reply) return;
    const { request } = this.#searcher;
    const onBack = (remote: Endpoint) => {
      const line = `going back to ${formatEndpoint(remote)}, which answers again`;
      this.#move(setup, { to: { ...setup, server: 0, remote }, line }, {
        isAnswered: true,
        isTrial: false,
        isNews: true,
      });
    };
    this.#homing = new Homing(setup, this.#context, { request, onBack });
  }

  /** The server has answered by the tunnel's way: no other is needed. */
  settle(): void {
    this.#forget();
  }

  /** Does what is due. */
  act(): void {
    this.#homing?.act();
  }

  /**
   * Tries the other ways. Call it right before the next auth packet by the tunnel's way: if both arrive at one server it
   * stays with that one.
   */
  tryCandidates(): void {
    for (const probe of this.#candidates.values()) {
      try {
        probe.send();
      } catch (error) {
        this.#context.log.info((error as Error).message);
      }
    }
  }

  /** Looks for another way, unless the attempt before is still under way. */
  async take(attempt: Attempt): Promise<void> {
    if (this.#isSearching) return;
    this.#isSearching = true;
    const from = this.#searcher.setup();
    const isBlind = !from.settings.peers[0]!.reply;
    for (const step of attempt.steps) {
      const move = await this.#plan(step, from, attempt.count);
      if (!isSameWay(from, this.#searcher.setup())) break;
      if (!isBlind) this.#replace(step, from, move);
      else if (move !== null) {
        await this.#move(from, move, { isAnswered: false, isTrial: false, isNews: !attempt.isRepeated });
        break;
      }
    }
    this.#isSearching = false;
    if (this.#candidates.size > 0 && !attempt.isRepeated) this.#searcher.request(0);
  }

  [Symbol.dispose](): void {
    this.#forget();
    this.#homing?.[Symbol.dispose]();
    this.#homing = null;
  }

  #forget(): void {
    for (const probe of this.#candidates.values()) probe[Symbol.dispose]();
    this.#candidates.clear();
  }

  /** @returns null: the step leads nowhere */
  async #plan(step: Step, from: Setup, count: number): Promise<Move | null> {
    try {
      return await planMove(step, from, this.#searcher.port(), count, this.#context.system);
    } catch (error) {
      this.#context.log.info((error as Error).message);
      return null;
    }
  }

  /** Tries another way from now on instead of the one before by the same step. @param move null: there is none */
  #replace(step: Step, from: Setup, move: Move | null): void {
    this.#candidates.get(step)?.[Symbol.dispose]();
    this.#candidates.delete(step);
    if (move === null) return;
    const setup = { ...move.to, outside: this.#searcher.setup().outside };
    try {
      const probe = new Probe(setup, this.#context, () => this.#takeAnswer(step, probe, from, move));
      this.#candidates.set(step, probe);
    } catch (error) {
      this.#context.log.info((error as Error).message);
    }
  }

  /** Moves, unless the tunnel's own way is answered, too. */
  async #takeAnswer(step: Step, probe: Probe, from: Setup, move: Move): Promise<void> {
    const { clock } = this.#context.system;
    await clock.waitUntil(clock.now() + GRACE_MILLISECONDS);
    if (this.#candidates.get(step) !== probe) return;
    await this.#move(from, move, { isAnswered: true, isTrial: true, isNews: true });
  }

  async #move(from: Setup, move: Move, occasion: Occasion): Promise<void> {
    try {
      await this.#searcher.move(from, move, occasion);
    } catch (error) {
      this.#context.log.info((error as Error).message);
    }
  }
}
