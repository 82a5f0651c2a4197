/**
 * Uses a tunnel for a long time, with traffic, roams, flushed rules and addresses that change. Prints what the server
 * and the client hold of memory and file descriptors, and the gate of elements, and fails if that grows.
 */
import { parseArgs } from "node:util";
import { INNER } from "../e2e/scenario.ts";
import { exchange, serveTcp } from "../e2e/tcp.ts";
import { EVENTS } from "../healing/events.ts";
import { Probe } from "../healing/probe.ts";
import { Tunnel } from "../healing/tunnel.ts";
import { median, print } from "./figures.ts";

/** Milliseconds in which a tunnel must work again. */
const PATIENCE = 120_000;
const ROUND = [
  "NAT: another port",
  "server: nft flush ruleset",
  "client: another address",
  "server: nft -f -",
  "server: eth0's addresses flushed and given back",
  "NAT: conntrack -F",
];
/** In shorter runs V8's heap still grows to its usual size. */
const LEAST_MINUTES_FOR_MEMORY = 20;
/** What a value may be more in the last third than in the middle one: a share, and so many of its unit. */
const SHARE = 1.05;
const SLACK: Readonly<Record<string, number>> = { "MiB": 2, "files": 2, "elements": 8 };

/** What is held at one time, by a name that ends in its unit. */
type Sample = Readonly<Record<string, number>>;

async function sample({ scenario, server, client }: Tunnel): Promise<Sample> {
  const values: Record<string, number> = {};
  for (const [name, { pid }] of Object.entries({ server, client })) {
    const status = await Deno.readTextFile(`/proc/${pid}/status`);
    values[`${name} MiB`] = Number(/^VmRSS:\s+(\d+)/m.exec(status)![1]) / 1024;
    values[`${name} files`] = [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
  }
  const table = await scenario.network.must("server", "nft -j list table ip ipipou".split(" "));
  for (const { set, map } of JSON.parse(table).nftables) {
    const { name, elem = [] } = set ?? map ?? {};
    if (name !== undefined) values[`${name} elements`] = elem.length;
  }
  return values;
}

/** Prints start, middle and end. @returns what has grown */
function judge(samples: readonly Sample[], minutes: number): string[] {
  const third = Math.floor(samples.length / 3);
  const grown = [];
  for (const name of Object.keys(samples[0]!)) {
    const values = samples.map((sample) => sample[name] ?? 0);
    const thirds = [values.slice(0, third), values.slice(third, -third), values.slice(-third)];
    const [start, middle, end] = thirds.map(median) as [number, number, number];
    print(`${name}: ${[start, middle, end].map((value) => value.toFixed(0)).join(", ")}`);
    const unit = name.split(" ").at(-1)!;
    if (unit === "MiB" && minutes < LEAST_MINUTES_FOR_MEMORY) continue;
    if (end > middle * SHARE + SLACK[unit]!) grown.push(name);
  }
  return grown;
}

const { values: { minutes } } = parseArgs({ options: { minutes: { type: "string", default: "5" } } });
await using tunnel = await Tunnel.open({});
const { scenario } = tunnel;
const probe = await Probe.start(scenario, "client", "client2");
await serveTcp(scenario, "server");
const samples: Sample[] = [];
const end = Date.now() + Number(minutes) * 60_000;
let count = 0;
while (Date.now() < end || samples.length < 9) {
  const name = ROUND[count++ % ROUND.length]!;
  await EVENTS[name]!(tunnel, (below) => count % below);
  await probe.answers(Date.now(), PATIENCE);
  await exchange(scenario, "client", INNER.server);
  if (count % ROUND.length === 0) samples.push(await sample(tunnel));
  probe.forget();
  for (const lines of [tunnel.server.lines, tunnel.client.lines, tunnel.log]) lines.length = 0;
}
print(`${count} events in ${minutes} minutes; each value in the first, middle and last third:`);
const grown = judge(samples, Number(minutes));
if (grown.length > 0) throw new Error(`This grows: ${grown.join(", ")}`);
