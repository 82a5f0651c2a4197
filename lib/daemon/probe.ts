import type { Log } from "../log.ts";
import type { System } from "../ports.ts";
import { AuthSender, type AuthSystem } from "./authentication.ts";
import type { Setup } from "./client_setup.ts";
import { Replies } from "./replies.ts";

/** Tries by an auth packet whether a server answers by another way than the tunnel's. */
export class Probe implements Disposable {
  readonly #resources: DisposableStack;
  readonly #sender: AuthSender;
  readonly #replies: Replies;

  /**
   * @param setup the other way
   * @param onAccepted called when the server has answered
   * @throws {SysError}
   */
  constructor(
    setup: Setup,
    { system, log }: { readonly system: AuthSystem & Pick<System, "openReplySocket">; readonly log: Log },
    onAccepted: () => void,
  ) {
    const { settings, remote } = setup;
    const path = { remote, port: settings.local.ports[0] };
    using resources = new DisposableStack();
    this.#replies = resources.use(
      new Replies(settings.peers[0]!, path, {
        system,
        log,
        onAccepted,
        onNews: () => {},
        onDatagram: () => {},
      }),
    );
    this.#sender = resources.use(new AuthSender(setup, system));
    this.#resources = resources.move();
  }

  /** @throws {SysError} when it cannot be sent */
  send(): void {
    this.#sender.send((payload) => this.#replies.expect(payload));
  }

  [Symbol.dispose](): void {
    this.#resources.dispose();
  }
}
