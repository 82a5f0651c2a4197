import assert from "node:assert/strict";
import { eventually } from "../e2e/scenario.ts";
import { print } from "../bench/figures.ts";
import { EVENTS } from "./events.ts";
import { Probe } from "./probe.ts";
import { Tunnel } from "./tunnel.ts";

/** Milliseconds in which a tunnel must be whole after an event, on a busy machine. */
const PATIENCE = 120_000;

/** A walk of random events on a real kernel. The same seed gives the same events. */
export interface WalkOptions {
  readonly events: number;
  readonly seed: number;
}

/** Numbers that look random: mulberry32. @returns a whole number from 0 to below its argument */
function randomBy(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let value = Math.imul(state ^ state >>> 15, state | 1);
    value ^= value + Math.imul(value ^ value >>> 7, value | 61);
    return ((value ^ value >>> 14) >>> 0) % below;
  };
}

/** Makes random events happen to a tunnel, and checks after each that it works and that strangers stay out. */
export async function walk({ events, seed }: WalkOptions): Promise<void> {
  print(`walk of ${events} events, seed ${seed}`);
  await using tunnel = await Tunnel.open({});
  const random = randomBy(seed);
  const names = Object.keys(EVENTS);
  const probe = await Probe.start(tunnel.scenario, "client", "client2");
  const standing = await tunnel.state();
  const counts = new Map<string, number>();
  for (let step = 0; step < events; step++) {
    const name = names[random(names.length)]!;
    const start = Date.now();
    tunnel.log.length = 0;
    try {
      await EVENTS[name]!(tunnel, random);
      const end = Date.now();
      await probe.answers(end, PATIENCE);
      await eventually("all is as it was", async () => await tunnel.state() === standing, PATIENCE);
      const whole = Date.now();
      await probe.answers(whole, PATIENCE);
      assert.deepEqual(probe.strangers(whole), [], "strangers got in");
    } catch (error) {
      const log = tunnel.log.map(({ text }) => text).join("\n");
      (error as Error).message += `\nseed ${seed}, event ${step}: ${name}\n${log}`;
      throw error;
    }
    counts.set(name, (counts.get(name) ?? 0) + 1);
    if (step % 5 === 4) print(`${step + 1} events; the last took ${Date.now() - start} ms`);
    probe.forget();
  }
  for (const [name, count] of [...counts].sort()) print(`${count} x ${name}`);
}
