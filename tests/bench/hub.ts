/**
 * What a hub costs by the number of its peers. Every figure is a ratio or a multiple of the yardstick, the time that
 * one `ip netns exec NS ip link show lo` takes in the same run. Each is printed as a curve.
 */
import { must } from "../../tools/command.ts";
import {
  hubToml,
  makeMembers,
  type Member,
  openPlaces,
  placeOf,
  sendAll,
  type Spread,
} from "../e2e/crowd.ts";
import { eventually, IPIPOU, Scenario } from "../e2e/scenario.ts";
import type { Process } from "../lab/process.ts";
import { cpuMs, median, print, repeat, throughput, timed, yardstick } from "./figures.ts";

const COUNTS = [1, 10, 100, 1000];
const ROUNDS = 5;
const DATA_ROUNDS = 2;
const WAIT = 600_000;

/** Names of figures, and their values in the order of COUNTS. */
const rows = new Map<string, number[]>();

function note(name: string, value: number): void {
  rows.set(name, [...rows.get(name) ?? [], value]);
  print(`${name}: ${format(value)}`);
}

async function residentMiB(pid: number): Promise<number> {
  return Number(/^VmRSS:\s+(\d+)/m.exec(await Deno.readTextFile(`/proc/${pid}/status`))![1]) / 1024;
}

function count(server: Process, text: string): number {
  return server.lines.filter((line) => line.includes(text)).length;
}

async function startHub(scenario: Scenario, members: readonly Member[], env: Record<string, string>) {
  const config = await scenario.write("hub.toml", hubToml(members));
  const server = scenario.network.spawn("server", [IPIPOU, "--config", config], env);
  await server.waitForLine(/waiting for clients/, WAIT);
  return server;
}

/** Times one member's auth packet, from starting its sender until the server has logged the result. */
function timedMove(scenario: Scenario, server: Process, member: Member, move: number): Promise<number> {
  return timed(async () => {
    const told = server.waitForLine(new RegExp(` ${member.name}: (tunnel up|moved)`), WAIT);
    await sendAll(scenario.network, [member], "addresses", move);
    await told;
  });
}

async function measure(total: number, members: readonly Member[], unit: number): Promise<void> {
  await using scenario = await Scenario.create({ direct: true });
  const { network } = scenario;
  await openPlaces(network);
  const { env, take } = await scenario.programCounter();
  const peers = members.slice(0, total);
  const startTime = performance.now();
  const server = await startHub(scenario, peers, env);
  note("start to gate ready, yardsticks", (performance.now() - startTime) / unit);
  await take();
  const cpuBefore = await cpuMs(server.pid);
  const burst = await timed(async () => {
    await sendAll(network, peers, "addresses");
    await eventually("all are in", () => count(server, "tunnel up") === total, WAIT);
  });
  note("burst of all until all are in, yardsticks for each", burst / unit / total);
  note("server's CPU for it, yardsticks for each", (await cpuMs(server.pid) - cpuBefore) / unit / total);
  note("programs for it, in all", (await take()).length);
  note("RSS, MiB", await residentMiB(server.pid));
  const mover = peers[Math.floor(total / 2)]!;
  let move = 0;
  const moves = await repeat(ROUNDS, () => timedMove(scenario, server, mover, ++move));
  note("auth packet to moved, yardsticks", median(moves) / unit);
  const renewals = Array.from({ length: 20 }, () => mover);
  const renewing = await cpuMs(server.pid);
  await sendAll(network, renewals, "addresses", move);
  await sendAll(network, renewals, "addresses", move);
  note("server's CPU for 40 renewals of one, yardsticks", (await cpuMs(server.pid) - renewing) / unit);
  await take();
  const reloading = await cpuMs(server.pid);
  const reload = await timed(async () => {
    await scenario.write("hub.toml", hubToml(peers).replace(`"${mover.ip}"`, '"172.28.63.77"'));
    server.signal("SIGHUP");
    await server.waitForLine(/reload: .* changed/, WAIT);
  });
  note("reload that changes one, yardsticks", reload / unit);
  note("server's CPU for it, yardsticks", (await cpuMs(server.pid) - reloading) / unit);
  note("programs for the reload", (await take()).length);
  note("server's CPU while all of them expire, yardsticks", await expire(scenario, server, peers) / unit);
  note("clean stop, yardsticks", await timed(() => server.kill()) / unit);
}

/** Gives all peers a short lifetime, and waits until the last has expired. @returns CPU milliseconds meanwhile */
async function expire(scenario: Scenario, server: Process, peers: readonly Member[]): Promise<number> {
  await scenario.write("hub.toml", hubToml(peers).replace("[auth]\n", "[auth]\nlifetime = 5\n"));
  server.signal("SIGHUP");
  await server.waitForLine(/reload: .*auth\.lifetime/, WAIT);
  const before = await cpuMs(server.pid);
  await eventually("all are shut out", async () => {
    const list = ["nft", "list", "map", "ip", "ipipou", "remotes-ipipou1"];
    return !(await scenario.network.must("server", list)).includes("elements");
  }, WAIT);
  return await cpuMs(server.pid) - before;
}

/** Measures TCP through the tunnel of one peer, whose far end is made by hand on `direct`. */
async function measureData(total: number, members: readonly Member[], spread: Spread): Promise<void> {
  await using scenario = await Scenario.create({ direct: true });
  const { network } = scenario;
  await openPlaces(network);
  const peers = members.slice(0, total);
  const server = await startHub(scenario, peers, {});
  await sendAll(network, peers, spread);
  await eventually("all are in", () => count(server, "tunnel up") === total, WAIT);
  // The last member is either first or last in the kernel's list of devices with one address.
  const member = peers.at(-1)!;
  const { ip, port } = placeOf(member, spread);
  const address = spread === "addresses" ? [`address add ${ip}/32 dev lo`] : [];
  const lines = [
    ...address,
    `fou add port ${port} ipproto 4 local ${ip}`,
    `link add name hand type ipip remote 192.0.2.1 local ${ip} encap fou encap-sport ${port} encap-dport 10001`,
    `address add ${member.ip} peer 172.28.63.1 dev hand`,
    "link set dev hand up",
  ];
  await network.must("direct", ["ip", "-batch", "-"], { stdin: `${lines.join("\n")}\n` });
  const iperf = network.spawn("server", ["iperf3", "-s", "--forceflush"]);
  await iperf.waitForLine(/Server listening/, WAIT);
  const best = { tunnel: 0, outside: 0 };
  for (let round = 0; round < DATA_ROUNDS; round++) {
    best.tunnel = Math.max(best.tunnel, await throughput(scenario, "172.28.63.1"));
    best.outside = Math.max(best.outside, await throughput(scenario, "192.0.2.1"));
  }
  note(
    `TCP against outside the tunnel, peers at ${spread === "ports" ? "one address" : "their own addresses"}`,
    best.tunnel / best.outside,
  );
  await server.kill();
}

function plot(values: readonly number[]): string {
  const most = Math.max(...values);
  return values.map((value) => "▁▂▃▄▅▆▇█"[most === 0 ? 0 : Math.round(value / most * 7)]).join("");
}

function format(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

await must(["modprobe", "-a", "fou", "ipip"]);
const members = await makeMembers(Math.max(...COUNTS));
const unit = await yardstick();
print(`yardstick: ${unit.toFixed(0)} ms`);
for (const total of COUNTS) {
  print(`\npeers: ${total}`);
  await measure(total, members, unit);
  await measureData(total, members, "addresses");
  await measureData(total, members, "ports");
}
print(`\n| peers | ${COUNTS.join(" | ")} | |\n|${" --- |".repeat(COUNTS.length + 2)}`);
for (const [name, values] of rows) {
  print(`| ${name} | ${values.map(format).join(" | ")} | ${plot(values)} |`);
}
