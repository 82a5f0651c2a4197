/**
 * What a tunnel costs. Times under emulation mean little by themselves, so each is given as a multiple of the time
 * that one `ip netns exec NS ip link show lo` took in the same run, and each throughput as a ratio.
 */
import { Flow } from "../e2e/flow.ts";
import { INNER, PATIENCE, Scenario } from "../e2e/scenario.ts";
import { median, print, throughput, yardstick } from "./figures.ts";
import { makeWireguard, WIREGUARD } from "./wireguard.ts";

const TOKEN = ["--auth-token", "a token for measuring"];
const ROUNDS = 5;
/** Moves to another public port, and datagrams a second meanwhile. Their distance limits the resolution of gaps. */
const MOVES = 9;
const FLOW_RATE = 200;

async function residentMiB(pid: number): Promise<string> {
  const status = await Deno.readTextFile(`/proc/${pid}/smaps_rollup`);
  const mib = (key: string) =>
    (Number(new RegExp(`^${key}: +(\\d+)`, "m").exec(status)![1]) / 1024).toFixed(0);
  return `RSS ${mib("Rss")}, PSS ${mib("Pss")} MiB`;
}

/** Makes a FOU tunnel by hand, without a gate, beside ours. */
async function makeByHand({ network }: Scenario): Promise<void> {
  const ends = { server: ["192.0.2.1", "203.0.113.2"], direct: ["203.0.113.2", "192.0.2.1"] } as const;
  const inner = { server: ["172.30.0.1", "172.30.0.2"], direct: ["172.30.0.2", "172.30.0.1"] } as const;
  await network.must("server", ["ip", "address", "add", "192.0.2.11/24", "dev", "eth0"]);
  await network.must("direct", ["ip", "address", "add", "203.0.113.12/24", "dev", "eth0"]);
  const second = (address: string) => address.replace(/\.1$/, ".11").replace(/\.2$/, ".12");
  for (const host of ["server", "direct"] as const) {
    const [local, remote] = ends[host].map(second);
    const fou = "encap fou encap-sport 7000 encap-dport 7000";
    const lines = [
      `fou add port 7000 ipproto 4 local ${local}`,
      `link add name byhand type ipip remote ${remote} local ${local} ${fou} dev eth0`,
      `address add ${inner[host][0]} peer ${inner[host][1]} dev byhand`,
      "link set dev byhand up",
    ];
    await network.must(host, ["ip", "-batch", "-"], { stdin: `${lines.join("\n")}\n` });
  }
}

/** Prints the median of some times, in milliseconds and in yardsticks. */
type Tell = (what: string, values: readonly number[]) => void;

async function makeTell(): Promise<Tell> {
  const unit = await yardstick();
  print(`yardstick (ip netns exec NS ip link show lo): ${unit.toFixed(0)} ms`);
  return (what, values) => {
    const middle = median(values);
    print(`${what}: median ${middle.toFixed(0)} ms, ${(middle / unit).toFixed(1)} yardsticks`);
  };
}

/** Measures the gap in a flow when the client's NAT port changes and the client authenticates at once. */
async function measureRoaming(scenario: Scenario, tell: Tell): Promise<void> {
  const server = await scenario.server(...TOKEN);
  const client = await scenario.client("client", ...TOKEN);
  await server.waitForLine(/tunnel up/, PATIENCE);
  const flow = await Flow.start(scenario, FLOW_RATE);
  for (let move = 0; move < MOVES; move++) {
    await scenario.move(client, server);
    await scenario.ping("client");
  }
  const paths = await flow.end(scenario);
  const times = paths.map(({ datagrams }) =>
    datagrams.map(({ deliveredAt }) => deliveredAt).filter((time) => time !== null)
  );
  const moves = paths.slice(1).map(({ authAt }, index) => {
    const first = times[index + 1]![0]!;
    return { gap: first - times[index]!.at(-1)!, authToFirst: first - authAt! };
  });
  tell("roaming, last packet by the old path to first by the new", moves.map(({ gap }) => gap));
  tell(
    "roaming, auth packet at the server to first packet let in",
    moves.map(({ authToFirst }) => authToFirst),
  );
  await Promise.all([client.kill(), server.kill()]);
}

async function measureTimes(scenario: Scenario, tell: Tell): Promise<void> {
  const { network } = scenario;
  const starts: number[] = [];
  const ups: number[] = [];
  const pings: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    const server = await scenario.server(...TOKEN, "--encap-csum");
    starts.push(performance.now() - start);
    const clientStart = performance.now();
    const client = scenario.start(
      "client",
      "-n1",
      "-b@eth0",
      "-r192.0.2.1:10001",
      "--tunl-ip",
      INNER.client,
      ...TOKEN,
    );
    const sent = client.waitForLine(/sent auth packet/, PATIENCE).then(() => performance.now());
    const ping = ["ping", "-c1", "-i0.05", "-W1", "-w60", INNER.server];
    await client.waitForLine(/set up/, PATIENCE);
    await network.must("client", ping);
    pings.push(performance.now() - clientStart);
    await server.waitForLine(/tunnel up/, PATIENCE);
    ups.push(performance.now() - await sent);
    if (round === 0) {
      for (const [name, { pid }] of Object.entries({ server, client })) {
        print(`${name}: ${await residentMiB(pid)}`);
      }
    }
    await Promise.all([client.kill(), server.kill()]);
  }
  tell("server start to gate ready", starts);
  tell("client start to first ping", pings);
  tell("auth packet sent to tunnel up, at most", ups);
}

async function measureThroughput(scenario: Scenario): Promise<void> {
  const { network } = scenario;
  const server = await scenario.server(...TOKEN);
  await scenario.client("direct", ...TOKEN);
  await server.waitForLine(/tunnel up/, PATIENCE);
  await makeByHand(scenario);
  const wireguard = await makeWireguard(network);
  const iperf = network.spawn("server", ["iperf3", "-s", "--forceflush"]);
  await iperf.waitForLine(/Server listening/, PATIENCE);
  const paths = { outside: "192.0.2.1", "by hand": "172.30.0.1", ours: INNER.server };
  await compare(scenario, "TCP", { ...paths, wireguard });
  // What a tunnel gets is no longer many packets in one, which it passes on as one where it need not encrypt them.
  for (const host of ["server", "direct"] as const) {
    for (const device of ["ipipou1", "byhand", WIREGUARD]) {
      await network.must(host, ["ip", "link", "set", "dev", device, "gso_max_segs", "1"]);
    }
  }
  await compare(scenario, "TCP, each packet by itself", {
    "by hand": paths["by hand"],
    ours: paths.ours,
    wireguard,
  });
}

/** Measures these paths to the server in turns, both ways, and ours against each other one. */
async function compare(
  scenario: Scenario,
  what: string,
  paths: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [direction, args] of Object.entries({ "to": [], "from": ["-R"] })) {
    const best = new Map<string, number>();
    for (let round = 0; round < ROUNDS; round++) {
      for (const [path, address] of Object.entries(paths)) {
        best.set(path, Math.max(best.get(path) ?? 0, await throughput(scenario, address, ...args)));
      }
    }
    const rate = ([path, most]: [string, number]) => `${(most / 1e6).toFixed(0)} Mbit/s ${path}`;
    const ratio = ([path, most]: [string, number]) => `${(best.get("ours")! / most).toFixed(2)} of ${path}`;
    print(`${what} ${direction} the server, best of ${ROUNDS}: ${[...best].map(rate).join(", ")}`);
    print(`  ours is ${[...best].filter(([path]) => path !== "ours").map(ratio).join(", ")}`);
  }
}

await using scenario = await Scenario.create({ direct: true });
const tell = await makeTell();
await measureTimes(scenario, tell);
await measureRoaming(scenario, tell);
await measureThroughput(scenario);
