import { stepOf } from "../../../lib/kernel/step.ts";
import type { KernelWriter, TransactionRefusal } from "../../../lib/kernel_ports.ts";
import type { ElementsRequest, ObjectRequest } from "../../../lib/requests.ts";
import type { FakeKernel } from "./kernel.ts";
import type { FakePrograms } from "./programs.ts";
import { Refused } from "./refused.ts";

/** Changes a fake kernel without a program. */
export class FakeWriter implements KernelWriter {
  readonly #kernel: FakeKernel;
  readonly #programs: FakePrograms;
  #isAbandoned = false;

  constructor(kernel: FakeKernel, programs: FakePrograms) {
    this.#kernel = kernel;
    this.#programs = programs;
  }

  change(requests: readonly ObjectRequest[]): (string | null)[] {
    return requests.map((request) => this.#change(request));
  }

  #change(request: ObjectRequest): string | null {
    const { line } = stepOf(request);
    if (this.#isAbandoned) return null;
    this.#programs.note(`netlink ip ${line}`);
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
    this.#programs.note(`netlink nft ${lines.join("; ")}`);
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
