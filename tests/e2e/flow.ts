import type { Process } from "../lab/process.ts";
import { INNER, PATIENCE, PORT, type Scenario } from "./scenario.ts";

const PROGRAM = ["/usr/bin/python3", "-B", new URL("flow.py", import.meta.url).pathname];
const INNER_PORT = "7000";

/** What arrived at the server from one public port of the NAT. Times are in milliseconds. */
export interface Path {
  readonly port: number;
  /** The flow's datagrams in order of arrival, and when each came out of the tunnel; null: it never did. */
  readonly datagrams: readonly { readonly number: number; readonly deliveredAt: number | null }[];
  /** When the first auth packet arrived; null: none did. */
  readonly authAt: number | null;
}

/** A steady flow of numbered datagrams from the client to the server, through the tunnel. */
export class Flow {
  readonly #sender: Process;
  readonly #watcher: Process;

  private constructor(sender: Process, watcher: Process) {
    this.#sender = sender;
    this.#watcher = watcher;
  }

  /** Starts a flow at this rate, and waits until its first datagram arrives. */
  static async start({ network }: Scenario, perSecond: number): Promise<Flow> {
    const watcher = network.spawn("server", [...PROGRAM, "watch", String(PORT), INNER_PORT]);
    await watcher.waitForLine(/^watching/, PATIENCE);
    const sender = network.spawn("client", [...PROGRAM, "send", INNER.server, INNER_PORT, String(perSecond)]);
    await watcher.waitForLine(/^inner/, PATIENCE);
    return new Flow(sender, watcher);
  }

  /** Ends the flow. @returns what arrived by each path, in the order in which the paths were taken */
  async end(scenario: Scenario): Promise<Path[]> {
    await this.#sender.kill();
    // Datagrams on their way arrive before this ping.
    await scenario.ping("client");
    await this.#watcher.kill();
    return paths(this.#watcher.lines.slice(1));
  }
}

function paths(lines: readonly string[]): Path[] {
  const events = lines.map((line) => {
    const [kind, time, ...values] = line.split(" ");
    return { kind, at: 1000 * Number(time), values: values.map(Number) };
  });
  const of = (wanted: string) => events.filter(({ kind }) => kind === wanted);
  const delivered = new Map(of("inner").map(({ at, values: [number] }) => [number!, at]));
  const ports = [...new Set(of("outer").map(({ values: [port] }) => port!))];
  return ports.map((port) => ({
    port,
    datagrams: of("outer").filter(({ values }) => values[0] === port)
      .map(({ values }) => ({ number: values[1]!, deliveredAt: delivered.get(values[1]!) ?? null })),
    authAt: of("auth").find(({ values }) => values[0] === port)?.at ?? null,
  }));
}
