import type { Log } from "../log.ts";
import type { Endpoint } from "../packet.ts";
import type { System } from "../ports.ts";
import { AuthSender } from "./authentication.ts";
import { serversOf, type Setup } from "./client_setup.ts";
import { resolveHost } from "./hosts.ts";
import { Replies } from "./replies.ts";

/** Milliseconds between two questions; half of it more at random. */
const PAUSE_MILLISECONDS = 40_000;
/** Answers in a row by which the first server has come back. */
const ANSWERS = 2;

/** Asks the first server by auth packets, while another one stands in for it, whether it is back. */
export class Homing implements Disposable {
  readonly #setup: Setup;
  readonly #system: System;
  readonly #log: Log;
  readonly #onBack: (remote: Endpoint) => void;
  #due: number;
  #answers = 0;
  #isAnswered = false;
  #question = new DisposableStack();

  /** @param onBack called with the first server's place when it is back, perhaps again */
  constructor(
    setup: Setup,
    { system, log }: { readonly system: System; readonly log: Log },
    onBack: (remote: Endpoint) => void,
  ) {
    this.#setup = setup;
    this.#system = system;
    this.#log = log;
    this.#onBack = onBack;
    this.#due = this.#nextDue();
  }

  /** When `act()` is due, in milliseconds of `Clock.now()`. */
  get nextDeadline(): number {
    return this.#due;
  }

  /** Does what is due. */
  act(): void {
    if (this.#due > this.#system.clock.now()) return;
    this.#due = this.#nextDue();
    if (!this.#isAnswered) this.#answers = 0;
    this.#isAnswered = false;
    this.#ask().catch((error) => this.#log.info(`${(error as Error).message}; asking again later`));
  }

  [Symbol.dispose](): void {
    this.#due = Infinity;
    this.#question.dispose();
  }

  #nextDue(): number {
    const { clock, random } = this.#system;
    return clock.now() + Math.round(PAUSE_MILLISECONDS * (1 + random.fraction() / 2));
  }

  async #ask(): Promise<void> {
    const { settings } = this.#setup;
    const { host, port } = serversOf(settings)[0]!;
    const remote = { ip: await resolveHost(host, this.#system), port };
    if (this.#due === Infinity) return;
    this.#question.dispose();
    const question = this.#question = new DisposableStack();
    const path = { remote, port: settings.local.ports[0] };
    const onAccepted = () => this.#handleAnswer(remote);
    const context = { system: this.#system, log: this.#log, onAccepted };
    const replies = question.use(new Replies(settings.peers[0]!, path, context));
    const sender = question.use(new AuthSender({ ...this.#setup, remote }, this.#system));
    sender.send((payload) => replies.expect(payload));
  }

  #handleAnswer(remote: Endpoint): void {
    this.#isAnswered = true;
    this.#answers++;
    if (this.#answers >= ANSWERS) this.#onBack(remote);
  }
}
