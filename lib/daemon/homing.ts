import type { Log } from "../log.ts";
import type { Endpoint } from "../packet.ts";
import type { System } from "../ports.ts";
import { serversOf, type Setup } from "./client_setup.ts";
import { resolveHost } from "./hosts.ts";
import { Probe } from "./probe.ts";

/** Milliseconds between two questions; half of it more at random. */
const PAUSE_MILLISECONDS = 40_000;
/** Milliseconds to wait for an answer. */
const ANSWER_MILLISECONDS = 1_000;
/** Answers in a row by which the first server has come back. */
const ANSWERS = 2;

interface Listener {
  /** Has an auth packet sent by the tunnel's way, so many milliseconds later. */
  readonly request: (delay: number) => void;
  /** Called with the first server's place when it is back, perhaps again. */
  readonly onBack: (remote: Endpoint) => void;
}

/** Asks the first server by auth packets, while another one stands in for it, whether it is back. */
export class Homing implements Disposable {
  readonly #setup: Setup;
  readonly #context: { readonly system: System; readonly log: Log };
  readonly #listener: Listener;
  #due: number;
  #answers = 0;
  #isAnswered = false;
  #probe: Probe | null = null;

  constructor(
    setup: Setup,
    context: { readonly system: System; readonly log: Log },
    listener: Listener,
  ) {
    this.#setup = setup;
    this.#context = context;
    this.#listener = listener;
    this.#due = this.#nextDue();
  }

  /** When `act()` is due, in milliseconds of `Clock.now()`. */
  get nextDeadline(): number {
    return this.#due;
  }

  /** Does what is due. */
  act(): void {
    if (this.#due > this.#context.system.clock.now()) return;
    this.#due = this.#nextDue();
    if (!this.#isAnswered) this.#answers = 0;
    this.#isAnswered = false;
    this.#ask().catch((error) => this.#context.log.info(`${(error as Error).message}; asking again later`));
  }

  [Symbol.dispose](): void {
    this.#due = Infinity;
    this.#probe?.[Symbol.dispose]();
  }

  #nextDue(): number {
    const { clock, random } = this.#context.system;
    return clock.now() + Math.round(PAUSE_MILLISECONDS * (1 + random.fraction() / 2));
  }

  async #ask(): Promise<void> {
    const { host, port } = serversOf(this.#setup.settings)[0]!;
    const remote = { ip: await resolveHost(host, this.#context.system), port };
    if (this.#due === Infinity) return;
    this.#probe?.[Symbol.dispose]();
    this.#probe = new Probe({ ...this.#setup, remote }, this.#context, () => this.#handleAnswer(remote));
    this.#probe.send();
    // If both servers are one it has taken this for a move, whether or not its answer arrives.
    this.#listener.request(ANSWER_MILLISECONDS);
  }

  #handleAnswer(remote: Endpoint): void {
    this.#isAnswered = true;
    this.#answers++;
    if (this.#answers >= ANSWERS) this.#listener.onBack(remote);
    else this.#listener.request(0);
  }
}
