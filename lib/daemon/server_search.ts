import type { DueStep } from "../client.ts";
import type { Log } from "../log.ts";
import { type Endpoint, formatEndpoint } from "../packet.ts";
import type { System } from "../ports.ts";
import { isSameWay, type Setup } from "./client_setup.ts";
import { Homing } from "./homing.ts";
import { Probe } from "./probe.ts";
import { type Move, planMove } from "./steps.ts";

/** How the client comes to move. */
export interface Occasion {
  /** Whether the server has answered from there. */
  readonly isAnswered: boolean;
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
  #isStepping = false;
  /** Another way to the server, which is tried. */
  #candidate: Probe | null = null;
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
      this.#moveAnswered(setup, { to: { ...setup, server: 0, remote }, line });
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
   * Tries the way that the last step led to. Call it right before the next auth packet by the tunnel's way: if both arrive
   * the server stays with that one.
   */
  tryCandidate(): void {
    try {
      this.#candidate?.send();
    } catch (error) {
      this.#context.log.info((error as Error).message);
    }
  }

  /** Takes a step, unless one is being taken. */
  async take({ step, isRepeated }: DueStep): Promise<void> {
    if (this.#isStepping) return;
    this.#isStepping = true;
    const { system, log } = this.#context;
    const from = this.#searcher.setup();
    try {
      const move = await planMove(step, from, this.#searcher.port(), system);
      this.#forget();
      if (move === null || !isSameWay(from, this.#searcher.setup())) return;
      const occasion = { isAnswered: false, isNews: !isRepeated };
      if (!from.settings.peers[0]!.reply) return await this.#searcher.move(from, move, occasion);
      const setup = { ...move.to, outside: this.#searcher.setup().outside };
      this.#candidate = new Probe(setup, this.#context, () => this.#moveAnswered(from, move));
    } catch (error) {
      log.info((error as Error).message);
    } finally {
      this.#isStepping = false;
    }
  }

  [Symbol.dispose](): void {
    this.#forget();
    this.#homing?.[Symbol.dispose]();
    this.#homing = null;
  }

  #forget(): void {
    this.#candidate?.[Symbol.dispose]();
    this.#candidate = null;
  }

  #moveAnswered(from: Setup, move: Move): void {
    this.#searcher.move(from, move, { isAnswered: true, isNews: true })
      .catch((error) => this.#context.log.info((error as Error).message));
  }
}
