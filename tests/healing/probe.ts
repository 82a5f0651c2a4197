import assert from "node:assert/strict";
import { eventually, INNER, PATIENCE, type Scenario } from "../e2e/scenario.ts";
import type { Host } from "../lab/network.ts";
import type { Process } from "../lab/process.ts";

const PROGRAM = ["/usr/bin/python3", "-B", new URL("probe.py", import.meta.url).pathname];

/** Datagrams a second of each sender: their distance limits the resolution of all times. */
const PER_SECOND = 25;
export const PERIOD = 1000 / PER_SECOND;

/** A datagram, or a number in a connection, that came back. Times are in milliseconds of Unix time. */
interface Answer {
  readonly number: number;
  readonly sentAt: number;
  readonly at: number;
}

/** What happened to a flow of datagrams. Times and lengths are in milliseconds. */
export interface Gap {
  /** The longest time without an answer; 0: none was missed. */
  readonly outage: number;
  /** When the first answer after it came; null: none was missed. */
  readonly endedAt: number | null;
  readonly lost: number;
}

/**
 * Uses a tunnel all the time: a flow of datagrams and a TCP connection from the client to the server, and a stranger
 * behind the client's NAT who sends into a tunnel made by hand.
 */
export class Probe {
  readonly #server: Process;
  readonly #flow: Process;
  readonly #tcp: Process;

  private constructor(server: Process, flow: Process, tcp: Process) {
    this.#server = server;
    this.#flow = flow;
    this.#tcp = tcp;
  }

  /** Starts all of it, and waits until the tunnel answers. */
  static async start(scenario: Scenario, client: Host, stranger: Host): Promise<Probe> {
    const { network } = scenario;
    const server = network.spawn("server", [...PROGRAM, "serve"]);
    await server.waitForLine(/^serving/, PATIENCE);
    const spawn = (host: Host, what: string) =>
      network.spawn(host, [...PROGRAM, what, INNER.server, `${PER_SECOND}`]);
    await scenario.addProbe(stranger, { fou: true });
    spawn(stranger, "stranger");
    const probe = new Probe(server, spawn(client, "flow"), spawn(client, "tcp"));
    await Promise.all([probe.#flow, probe.#tcp].map((process) => process.waitForLine(/^back/, PATIENCE)));
    return probe;
  }

  /** Waits until a datagram, and a number in the connection, that were sent after a time are answered. */
  async answers(after: number, patience: number): Promise<void> {
    await eventually("the tunnel answers", () => since(this.#flow, after).length > 0, patience);
    await eventually("its TCP connection answers", () => {
      this.assertConnected();
      return timesOf(this.#tcp).some(({ at }) => at > after);
    }, patience);
  }

  /** Forgets what it saw so far, but that the connection stands. */
  forget(): void {
    this.assertConnected();
    for (const { lines } of [this.#flow, this.#tcp]) lines.length = 0;
  }

  /** Throws if the TCP connection is broken. */
  assertConnected(): void {
    const broken = this.#tcp.lines.find((line) => !line.startsWith("back "));
    assert.equal(broken, undefined, "the TCP connection did not survive");
  }

  /** What the flow missed of what was sent from a time on. */
  gap(from: number): Gap {
    const answers = timesOf(this.#flow).sort((a, b) => a.number - b.number);
    const first = Math.max(1, answers.findIndex(({ sentAt }) => sentAt >= from));
    const gap = { outage: 0, endedAt: null as number | null, lost: 0 };
    for (let index = first; index < answers.length; index++) {
      const [before, after] = [answers[index - 1]!, answers[index]!];
      const missing = after.number - before.number - 1;
      if (missing === 0) continue;
      gap.lost += missing;
      const outage = after.at - before.at;
      if (outage > gap.outage) Object.assign(gap, { outage, endedAt: after.at });
    }
    return gap;
  }

  /** When the connection's first answer after a time came. */
  connectedAt(after: number): number {
    return timesOf(this.#tcp).find(({ at }) => at > after)!.at;
  }

  /** When strangers' datagrams came in, from a time on. */
  strangers(from: number): number[] {
    return this.#server.lines.flatMap((line) => {
      const at = Number(/^stranger (\d+)/.exec(line)?.[1]);
      return at >= from ? [at] : [];
    });
  }
}

function since(process: Process, after: number): Answer[] {
  return timesOf(process).filter(({ sentAt }) => sentAt > after);
}

function timesOf({ lines }: Process): Answer[] {
  return lines.flatMap((line) => {
    const [, number, sentAt, at] = /^back (\d+) (\d+) (\d+)$/.exec(line)?.map(Number) ?? [];
    return number === undefined ? [] : [{ number, sentAt: sentAt!, at: at! }];
  });
}
