import { stepOf } from "../../../lib/kernel/step.ts";
import type { KernelWriter, TransactionRefusal } from "../../../lib/ports.ts";
import type { ElementsRequest, ObjectRequest } from "../../../lib/requests.ts";
import type { FakeKernel } from "./kernel.ts";
import { Refused } from "./refused.ts";

/** What the processes of a host asked its kernel for without a program. */
export class Asked {
  /** As an administrator would type it. */
  readonly lines: string[] = [];
  #fault: Error | null = null;

  /** Has the next request fail, without an answer. */
  failNext(fault: Error): void {
    this.#fault = fault;
  }

  /** @throws the fault */
  note(lines: readonly string[]): void {
    this.lines.push(...lines);
    const fault = this.#fault;
    this.#fault = null;
    if (fault !== null) throw fault;
  }
}

/** Changes a fake kernel without a program. */
export class FakeWriter implements KernelWriter {
  readonly #kernel: FakeKernel;
  readonly #asked: Asked;
  #isAbandoned = false;

  constructor(kernel: FakeKernel, asked: Asked) {
    this.#kernel = kernel;
    this.#asked = asked;
  }

  change(request: ObjectRequest): string | null {
    const { line } = stepOf(request);
    if (this.#isAbandoned) return null;
    this.#asked.note([`ip ${line}`]);
    if (request.kind === "fou" && this.#kernel.modules !== "loaded") return "Error talking to the kernel";
    try {
      this.#kernel.ip(line);
      return null;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return error.message.replace(/^(RTNETLINK answers|Error): /, "");
    }
  }

  transact(requests: readonly ElementsRequest[]): readonly TransactionRefusal[] {
    const lines = requests.map((request) => stepOf(request).line);
    if (this.#isAbandoned) return [];
    this.#asked.note(lines.map((line) => `nft '${line}'`));
    try {
      this.#kernel.nft(lines);
      return [];
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const refusals = error.message.matchAll(/^\S+:(\d+):\d+-\d+: Error: (.+)/gm);
      return Array.from(refusals, ([, line, said]) => ({ index: Number(line) - 1, said: said! }));
    }
  }

  /** Its process is dead: nothing that it does has any effect. */
  abandon(): void {
    this.#isAbandoned = true;
  }

  [Symbol.dispose](): void {}
}
