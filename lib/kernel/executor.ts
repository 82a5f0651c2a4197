import { EXIT, type ExitCode, IpipouError } from "../errors.ts";
import type { Log } from "../log.ts";
import type { KernelWriter } from "../kernel_ports.ts";
import type { ElementsRequest, ObjectRequest } from "../requests.ts";
import { RefusedError, type Runner, shorten } from "./runner.ts";
import type { Step } from "./step.ts";

/** A transaction is one message, which without privileges in the first user namespace is limited. */
const TOO_LONG_CURE = "; in a container, have the host allow more: sysctl -w net.core.wmem_max=16777216";

/** A step that the kernel refused. */
interface Refused {
  /** Its index in those that were given. */
  readonly at: number;
  /** Names it. */
  readonly error: IpipouError;
}

/** The kernel refused some of the steps that it was asked for together. It is worded as the first of them. */
export class RefusedSteps extends RefusedError {
  readonly refused: readonly Refused[];
  /** How many of the steps that were given were tried. */
  readonly tried: number;

  constructor(refused: readonly Refused[], tried: number) {
    const [{ error }] = refused as readonly [Refused];
    super(error.message, error.exitCode, refused.map(({ at }) => at), { cause: error });
    this.refused = refused;
    this.tried = tried;
  }
}

/**
 * Carries out steps. Where the kernel understands all of them without a program, it is asked itself: that takes
 * microseconds, whatever else is in its tables. What is laid down once is left to `ip` and `nft`.
 */
export class Executor {
  readonly #runner: Runner;
  readonly #writer: KernelWriter;
  readonly #log: Log;

  constructor(runner: Runner, writer: KernelWriter, log: Log) {
    this.#runner = runner;
    this.#writer = writer;
    this.#log = log;
  }

  /**
   * Changes devices, addresses, routes and FOU ports, up to the first step that fails. Changes of several devices in a row
   * are made together: of those, all are tried.
   *
   * @throws {RefusedSteps} if the kernel was asked itself
   * @throws {IpipouError} naming the step that failed
   */
  async ip(steps: readonly Step[]): Promise<void> {
    const requests = requestsOf(steps, isOfObject);
    if (requests === null) return void await this.#runner.ip(steps.map(({ line }) => line));
    for (let first = 0, end = 0; first < steps.length; first = end) {
      end = endOfGroup(requests, first);
      const refused: Refused[] = [];
      for (
        const [index, said] of this.#change(steps.slice(first, end), requests.slice(first, end)).entries()
      ) {
        const at = first + index;
        if (said !== null) refused.push({ at, error: await this.#refusal(steps[at]!, said, [at]) });
      }
      if (refused.length > 0) throw new RefusedSteps(refused, end);
    }
  }

  /**
   * Takes all steps even if some fail.
   *
   * @param done the kernel's answer to a step that changes nothing; not a failure
   * @throws {RefusedError} with all that failed for another reason
   * @throws {IpipouError} when it is unknown which did
   */
  async ipEach(steps: readonly Step[], done: string): Promise<void> {
    const requests = requestsOf(steps, isOfObject);
    if (requests === null) return await this.#runner.ipEach(steps.map(({ line }) => line), done);
    const failed = this.#change(steps, requests)
      .flatMap((said, index) => said === null || said.includes(done) ? [] : [{ index, said }]);
    const [first] = failed;
    if (first === undefined) return;
    throw await this.#refusal(steps[first.index]!, first.said, failed.map(({ index }) => index));
  }

  /** Takes steps of nftables as one transaction: all take effect or none. @throws {IpipouError} naming what failed */
  async nft(steps: readonly Step[]): Promise<void> {
    const requests = requestsOf(steps, isOfElements);
    if (requests === null) return await this.#runner.nft(steps.map(({ line }) => line));
    for (const step of steps) this.#log.command(() => `nft '${step.line}'`);
    const refusals = this.#orUnknown("nft", EXIT.nft, steps[0]!, () => this.#writer.transact(requests));
    const [first] = refusals;
    if (first === undefined) return;
    const indexes = refusals.flatMap(({ index }) => index ?? []);
    const command = steps[first.index ?? 0]!.line;
    throw this.#runner.nftRefusal({ command, said: first.said }, [...new Set(indexes)]);
  }

  /** @returns why the kernel refused each; null: it is done */
  #change(steps: readonly Step[], requests: readonly ObjectRequest[]): readonly (string | null)[] {
    for (const step of steps) this.#log.command(() => `ip ${step.line}`);
    return this.#orUnknown("ip", EXIT.ipLink, steps[0]!, () => this.#writer.change(requests));
  }

  #refusal({ line }: Step, said: string, lines: readonly number[]): Promise<IpipouError> {
    return this.#runner.ipRefusal({ command: line, said }, said, lines);
  }

  #orUnknown<T>(program: string, code: ExitCode, step: Step, ask: () => T): T {
    try {
      return ask();
    } catch (cause) {
      const { message } = cause as Error;
      const cure = message.includes("EMSGSIZE") ? TOO_LONG_CURE : "";
      throw new IpipouError(`Cannot run '${program} ${shorten(step.line)}': ${message}${cure}`, code, {
        cause,
      });
    }
  }
}

/** Index of the first request that is not made together with that at `first`: a device's next one awaits its last one. */
function endOfGroup(requests: readonly ObjectRequest[], first: number): number {
  const devices = new Set<string>();
  let end = first;
  for (; end < requests.length; end++) {
    const request = requests[end]!;
    if (request.kind !== "link" || devices.has(request.device)) break;
    devices.add(request.device);
  }
  return Math.max(end, first + 1);
}

/** What the steps ask of the kernel; null: some take a program, so all do, as they go together. */
function requestsOf<R extends Step["request"]>(
  steps: readonly Step[],
  isOfKind: (request: Step["request"]) => request is R,
): readonly R[] | null {
  const requests = steps.map(({ request }) => request);
  return requests.every(isOfKind) ? requests : null;
}

function isOfElements(request: Step["request"]): request is ElementsRequest {
  return request?.kind === "elements";
}

function isOfObject(request: Step["request"]): request is ObjectRequest {
  return request !== null && request.kind !== "elements";
}
