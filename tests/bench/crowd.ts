/**
 * What data costs a peer by the number of peers of its hub, when all are behind one public address and when each has its
 * own: small UDP packets, round trips and TCP, both ways. All hubs stand at the same time and are measured in turns.
 */
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
import { type Data, type Link, measureData, serveData } from "./data.ts";
import { median, print } from "./figures.ts";

const [rounds = 7, most = 1000] = Deno.args.map(Number);
const COUNTS = [1, 10, 100, 1000].filter((count) => count <= most);
const WAIT = 600_000;

/** A hub, and those of its peers that are measured. */
interface Hub {
  readonly scenario: Scenario;
  readonly spread: Spread;
  readonly cases: readonly { readonly name: string; readonly member: Member; readonly values: Data[] }[];
}

async function startHub(total: number, spread: Spread, all: readonly Member[]): Promise<Hub> {
  const scenario = await Scenario.create({ direct: true });
  const { network } = scenario;
  await openPlaces(network);
  await network.must("direct", ["ip", "route", "add", "local", "10.64.0.0/10", "dev", "lo"]);
  const members = all.slice(0, total);
  const config = await scenario.write("hub.toml", hubToml(members));
  // Hubs of one number would share what they remember of the auth packets that they accepted.
  const environment = { STATE_DIRECTORY: scenario.directory };
  const server = network.spawn("server", [IPIPOU, "--config", config], environment);
  await server.waitForLine(/waiting for clients/, WAIT);
  await sendAll(network, members, spread);
  const count = () => server.lines.filter((line) => line.includes("tunnel up")).length;
  await eventually("all are in", () => count() === total, WAIT);
  await serveData(network);
  const where = spread === "ports" ? "at one address" : "at own addresses";
  // The kernel puts each new device at the head of its list.
  const names = (await network.must("server", ["ip", "-br", "link", "show", "type", "ipip"])).match(
    /^m\d+/gm,
  )!;
  const chosen = total > 1 && spread === "ports"
    ? { oldest: names[0], newest: names.at(-1) }
    : { "": names[0] };
  const cases = Object.entries(chosen).map(([which, name]) => {
    const member = members.find((one) => one.name === name)!;
    return { name: `${total} ${where}${which === "" ? "" : `, the ${which}`}`, member, values: [] };
  });
  return { scenario, spread, cases };
}

/** Makes a member's end of its tunnel by hand. */
async function makeEnd({ scenario: { network }, spread }: Hub, member: Member): Promise<Link> {
  const { ip, port } = placeOf(member, spread);
  const encap = `encap fou encap-sport ${port} encap-dport 10001`;
  const lines = [
    `fou add port ${port} ipproto 4 local ${ip}`,
    `link add name hand type ipip remote 192.0.2.1 local ${ip} ${encap}`,
    `address add ${member.ip} peer 172.28.63.1 dev hand`,
    "link set dev hand up",
  ];
  await network.run("direct", ["ip", "link", "delete", "dev", "hand"]);
  await network.run("direct", ["ip", "fou", "delete", "port", `${port}`, "local", ip]);
  await network.must("direct", ["ip", "-batch", "-"], { stdin: `${lines.join("\n")}\n` });
  return {
    network,
    server: { device: member.name, ip: "172.28.63.1" },
    direct: { device: "hand", ip: member.ip },
  };
}

/** A cell: the ratio of the medians, and least and most of the values in the unit of the first case's median. */
function ratio(values: readonly number[], base: number): string {
  const format = (value: number) => (value / base).toFixed(2);
  return `${format(median(values))} (${format(Math.min(...values))}..${format(Math.max(...values))})`;
}

await using resources = new AsyncDisposableStack();
const members = await makeMembers(Math.max(...COUNTS));
const hubs: Hub[] = [];
for (const spread of ["ports", "addresses"] as const) {
  for (const count of COUNTS.filter((count) => count > 1 || spread === "ports")) {
    const hub = await startHub(count, spread, members);
    resources.use(hub.scenario);
    hubs.push(hub);
  }
}
for (let round = 1; round <= rounds; round++) {
  for (const hub of round % 2 === 0 ? hubs.toReversed() : hubs) {
    for (const { member, values } of hub.cases) values.push(await measureData(await makeEnd(hub, member)));
  }
  print(`round ${round} of ${rounds}`);
}
const cases = hubs.flatMap((hub) => hub.cases);
const figures = Object.keys(cases[0]!.values[0]!) as (keyof Data)[];
const base = (figure: keyof Data) => median(cases[0]!.values.map((data) => data[figure]));
print(`\n| peers | ${figures.join(" | ")} |\n|${" --- |".repeat(figures.length + 1)}`);
print(`| 1 (packets/s, µs, bit/s) | ${figures.map((figure) => base(figure).toPrecision(3)).join(" | ")} |`);
for (const { name, values } of cases) {
  const cells = figures.map((figure) => ratio(values.map((data) => data[figure]), base(figure)));
  print(`| ${name} | ${cells.join(" | ")} |`);
}
