import assert from "node:assert/strict";
import { must } from "../../tools/command.ts";
import { eventually, PATIENCE } from "../e2e/scenario.ts";
import { type Figures, tell } from "./figures.ts";
import { PERIOD, Probe } from "./probe.ts";
import { unpackTools } from "./tools.ts";
import { KEEPALIVE, Tunnel, type TunnelOptions } from "./tunnel.ts";

/** Milliseconds from an event that a kernel tells to its cure. */
const TOLD = 1_000;
/** The same in the time that one `ip netns exec NS ip link show lo` takes, which counts if it is longer. */
const TOLD_YARDSTICKS = 8;
/** Milliseconds from the end of an outage that nobody tells to the first datagram. */
const UNTOLD = 2 * KEEPALIVE * 1_000;
/** A busy machine may take so many times the target. */
const GENEROSITY = 10;

/** What breaks a tunnel, and what is to become of it. */
interface Row extends TunnelOptions {
  /** What happens, in an admin's words. */
  readonly what: string;
  /** The command or program that does it. */
  readonly tool: string;
  /** Whether a kernel tells its program of it; if not, a client finds out by its keepalive. */
  readonly isTold: boolean;
  /** Whether this kernel cannot do it. */
  readonly ignore?: boolean;
  /** What is done once the tunnel is up, before the event. */
  readonly prepare?: (tunnel: Tunnel) => Promise<unknown>;
  readonly event: (tunnel: Tunnel) => Promise<unknown>;
  /** What must hold afterwards, beside a tunnel that answers and a gate that is closed. */
  readonly check?: (tunnel: Tunnel) => Promise<unknown>;
}

/** A test of a row: breaks a tunnel that is in use, waits until it is whole, and tells how long that took. */
export function row(row: Row): void {
  const { what, tool, ignore = false } = row;
  Deno.test({ name: `${what} (${tool})`, ignore }, async () => {
    await unpackTools();
    await using tunnel = await Tunnel.open(row);
    const probe = await Probe.start(tunnel.scenario, "client", "client2");
    await row.prepare?.(tunnel);
    const figures = await measure(tunnel, probe, row);
    tell(figures);
    await row.check?.(tunnel);
    const limit = await limitOf(row);
    const { healed, open } = figures;
    assert.ok(Math.max(healed, open) <= limit, `${JSON.stringify(figures)}, limit ${limit} ms`);
  });
}

async function measure(tunnel: Tunnel, probe: Probe, row: Row): Promise<Figures> {
  const patience = Math.max(PATIENCE, await limitOf(row));
  const before = await tunnel.state();
  const start = Date.now();
  if (row.prepare === undefined) assert.deepEqual(probe.strangers(0), [], "strangers were in before");
  await row.event(tunnel);
  const end = Date.now();
  try {
    await probe.answers(end, patience);
    await eventually("all is as it was", async () => await tunnel.state() === before, patience);
  } catch (error) {
    (error as Error).message += `\n${
      tunnel.log.filter(({ at }) => at >= start).map(({ text }) => text).join("\n")
    }`;
    throw error;
  }
  const whole = Date.now();
  // A datagram of a stranger that came through the open gate may be on its way.
  await probe.answers(whole, patience);
  probe.assertConnected();
  assert.deepEqual(probe.strangers(whole), [], "strangers got in afterwards");
  return figuresOf(tunnel, probe, row, start, end);
}

function figuresOf(tunnel: Tunnel, probe: Probe, row: Row, start: number, end: number): Figures {
  const { what, tool } = row;
  const { outage, endedAt, lost } = probe.gap(start);
  const strangers = probe.strangers(start);
  const open = strangers.length === 0 ? 0 : strangers.at(-1)! - strangers[0]! + PERIOD;
  const since = (at: number | null | undefined) => at === null || at === undefined ? null : at - start;
  const lines = tunnel.log.filter(({ at }) => at >= start);
  const changes = lines.filter(({ text }) => / (nft '|ip (?!-))/.test(text));
  // What is put in order afterwards did not hold up the first datagram.
  const decisive = changes.findLast(({ at }) => at <= (endedAt ?? Infinity)) ?? changes.at(-1);
  return {
    what,
    tool,
    took: end - start,
    opened: since(strangers[0]),
    seen: since(lines.find(({ text }) => / (ip -json|nft -j) /.test(text))?.at),
    repaired: since(decisive?.at),
    first: since(endedAt),
    outage: Math.round(outage),
    healed: endedAt === null ? 0 : Math.max(0, endedAt - end),
    open: Math.round(open),
    lost,
    tcp: probe.connectedAt(endedAt ?? start) - start,
  };
}

let yardstick: number | undefined;

/** Milliseconds that a row may take here. */
async function limitOf({ isTold }: Row): Promise<number> {
  yardstick ??= await measureYardstick();
  return GENEROSITY * (isTold ? Math.max(TOLD, TOLD_YARDSTICKS * yardstick) : UNTOLD);
}

async function measureYardstick(): Promise<number> {
  const start = performance.now();
  await must(["ip", "link", "show", "lo"]);
  return performance.now() - start;
}
