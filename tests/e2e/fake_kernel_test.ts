import assert from "node:assert/strict";
import type { Admission } from "../../lib/admission.ts";
import { desiredState } from "../../lib/kernel/desired.ts";
import { identityOf } from "../../lib/kernel/identity.ts";
import { sortOut } from "../../lib/kernel/observe.ts";
import { planTransition } from "../../lib/kernel/plan.ts";
import { asLines, type Lines } from "../unit/fake/lines.ts";
import { EMPTY_STATE, type Observed } from "../../lib/kernel/state.ts";
import type { Settings } from "../../lib/settings/settings.ts";
import { VirtualClock } from "../unit/fake/clock.ts";
import { history, NOW, RealHost, type Run } from "./real_host.ts";
import { FakeHost } from "../unit/fake/host.ts";
import type { FakeProcess } from "../unit/fake/process.ts";
import { readListing } from "../read_listing.ts";
import { HUB, OUTSIDE } from "../unit/kernel/plan_scene.ts";

const LISTS = ["address show", "fou show", "route show"];

function runOn(process: FakeProcess): Run {
  return ([program, ...args], lines = []) =>
    process.system.runProgram(
      program as "ip" | "nft",
      args,
      lines.map((line) => `${line}\n`).join(""),
      60_000,
    );
}

async function look(run: Run, settings: Settings): Promise<Observed> {
  const lists = await run(["ip", "-json", "-details", "-batch", "-"], LISTS);
  assert.equal(lists.code, 0, lists.stderr);
  // The numbers of deleted devices depend on what else existed.
  const lines = lists.stdout.replace(/"if\d+"/g, '"gone"').trimEnd().split("\n");
  const [devices, fou, routes] = lines.map((line) => JSON.parse(line));
  const table = await run(["nft", "-j", "list", "table", "ip", "ipipou"]);
  if (table.code !== 0) {
    assert.match(table.stderr, /^Error: No such file or directory\nlist table ip ipipou\n/);
  }
  const nft = table.code === 0 ? JSON.parse(table.stdout).nftables : [];
  return sortOut(readListing({ devices, fou, routes, nft }), identityOf(settings), NOW);
}

/** The part that must be the same on both kernels. Devices of other modules may differ. */
function comparable({ own, foreign, hostAddresses, unusedGroup }: Observed) {
  const { listeners, claims, addresses, routes, pairs, emptyChains } = foreign;
  const sorted = <T>(map: Iterable<T>) => [...map].sort();
  const gate = own.gate && {
    ...own.gate,
    ...Object.fromEntries(
      (["addresses", "alts", "devices", "sources", "clamped", "parts"] as const).map((
        set,
      ) => [set, sorted(own.gate![set])]),
    ),
    remotes: sorted([...own.gate.remotes].map(([key, { alt, expiresAt }]) => [key, alt, expiresAt !== null])),
  };
  return {
    tunnels: sorted([...own.tunnels].map(([name, tunnel]) => [name, JSON.stringify(tunnel)])),
    listeners: [sorted(own.listeners), sorted(listeners)],
    addresses: [sorted(own.altAddresses), sorted(addresses), hostAddresses.get("eth0")],
    gate,
    foreign: { claims, emptyChains, routes: sorted(routes), pairs: sorted(pairs) },
    unusedGroup,
  };
}

/** Plans the transition from what was found to these settings and admissions; null admissions: to nothing. */
function planFrom(
  found: Observed,
  settings: Settings,
  admissions: ReadonlyMap<string, Admission> | null,
): Lines {
  if (admissions === null) {
    return asLines(planTransition(found, { ...EMPTY_STATE, gate: null }, NOW));
  }
  const { state } = desiredState({ settings, outside: OUTSIDE, admissions }, found, NOW);
  return asLines(planTransition(found, state, NOW));
}

/** Sorts the elements of sets in a plan, as the kernel lists them in no particular order. */
function inOrder({ close, open, ...transition }: Lines): Lines {
  const sort = (lines: readonly string[]) =>
    lines.map((line) =>
      /^(add|delete) element/.test(line)
        ? line.replace(/\{ (.*) \}/, (_, list) => list.split(", ").sort().join(", "))
        : line
    );
  return { ...transition, close: sort(close), open: sort(open) };
}

async function carryOut(run: Run, { confirm, withdraw, close, ip, open }: Lines): Promise<void> {
  assert.deepEqual(confirm, [], "there are few FOU ports");
  const steps = [["ip", "-batch", withdraw], ["nft", "-f", close], ["ip", "-batch", ip], [
    "nft",
    "-f",
    open,
  ]] as const;
  for (const [program, option, lines] of steps) {
    if (lines.length === 0) continue;
    const { code, stderr } = await run([program, option, "-"], lines);
    assert.equal(code, 0, `${stderr}\n${lines.join("\n")}`);
  }
}

Deno.test("the fake kernel applies plans as this real kernel does", async () => {
  await using real = await RealHost.create();
  const fake = new FakeHost(new VirtualClock(), { address: `${OUTSIDE.ip}/24`, gateway: "192.0.2.254" });
  const runs = [real.run, runOn(fake.start())];
  for (const [index, [settings, admissions]] of history().entries()) {
    const [here, there] = await Promise.all(runs.map((run) => look(run, settings)));
    const plans = [here!, there!].map((found) => planFrom(found, settings, admissions));
    assert.deepEqual(...plans.map(inOrder) as [Lines, Lines], `plan ${index}`);
    for (const run of runs) await carryOut(run, plans[0]!);
    const [after, afterThere] = await Promise.all(runs.map((run) => look(run, settings)));
    assert.deepEqual(comparable(afterThere!), comparable(after!), `after plan ${index}`);
  }
  fake.assertNoMistakes();
});

const OUTER = "local 192.0.2.1 encap fou encap-sport 10000 encap-dport 40000";
const TABLE = "add table ip ipipou";
const MAP = "{ type ipv4_addr . inet_service . inet_service : verdict; flags timeout; }";

/** Batches for `ip`, some of which are refused. */
const IP_BATCHES: string[][] = [
  [`link add name p0 type ipip remote 198.51.100.2 ${OUTER} mode ipip dev eth0`],
  [`link add name p0 type ipip remote 198.51.100.3 ${OUTER} mode ipip dev eth0`],
  [`link add name p1 type ipip remote 198.51.100.2 ${OUTER} mode ipip dev eth0`],
  [`link add name p1 type ipip remote 198.51.100.3 ${OUTER} mode ipip dev eth0`],
  [`link set dev p1 mtu 1300 type ipip remote 198.51.100.3 ttl 64 tos 0x20 pmtudisc ${OUTER}`],
  [`link set dev p1 type ipip remote 198.51.100.3 nopmtudisc ${OUTER}`],
  [`link set dev p1 type ipip remote 198.51.100.3 ttl inherit tos inherit nopmtudisc ${OUTER}`],
  ["link set dev eth0 mtu 1400", `link add name p9 type ipip remote 198.51.100.9 ${OUTER} mode ipip`],
  ["link delete dev p9", "link set dev eth0 mtu 1500"],
  [`link set dev p1 alias x type ipip remote 198.51.100.2 ${OUTER}`],
  [`link add name p2 type ipip remote 198.51.100.2 ${OUTER} mode ipip`],
  [`link set dev eth0 type ipip remote 198.51.100.9 ${OUTER}`],
  [`link add name p3 type ipip remote 198.51.100.4 ${OUTER} mode ipip dev nope`],
  ["link set dev p2 group 77", "link set dev nope up", "link set dev p2 up"],
  ["link delete group 77", "link delete group 77"],
  ["route add 10.1.0.0/16 dev p0 proto 201"],
  ["address add 172.28.0.0 peer 172.28.0.1 dev p0", "address add 172.28.0.0 peer 172.28.0.1 dev p0"],
  ["address delete 172.28.0.0 peer 172.28.0.9 dev p0"],
  ["address delete 172.29.0.9/32 dev eth0"],
  [
    "address add 172.29.0.8/32 dev lo scope host",
    "route replace local 172.29.0.8 dev lo proto kernel table local",
    "fou add port 10009 ipproto 4 local 172.29.0.8",
    "route delete local 172.29.0.8 dev lo proto kernel table local",
    "fou add port 10010 ipproto 4 local 172.29.0.8",
  ],
  ["route delete local 172.29.0.8 dev lo proto kernel table local"],
  [
    "route replace local 172.29.0.8 dev lo proto kernel table local",
    "fou add port 10010 ipproto 4 local 172.29.0.8",
    "fou del port 10010 ipproto 4 local 172.29.0.8",
    "fou del port 10009 ipproto 4 local 172.29.0.8",
    "address delete 172.29.0.8/32 dev lo",
  ],
  ["address add 172.29.0.9/32 dev eth0 scope global", "address add 172.29.0.9/32 dev nope scope global"],
  ["link set dev p0 up", "route add 10.1.0.0/16 dev p0 proto 201", "route add 10.1.0.0/16 dev p0 proto 201"],
  ["route add 10.1.0.0/16 dev eth0", "route replace 10.1.0.0/16 dev eth0 proto 201"],
  ["route replace 10.1.0.0/16 dev p0 proto 201"],
  ["route delete 10.1.0.0/16 dev p0 proto 202"],
  ["route add 10.1.0.0/16 dev eth0 metric 7"],
  [
    "fou add port 10000 ipproto 4 local 192.0.2.1 dev eth0",
    "fou add port 10000 ipproto 4 local 192.0.2.1 dev eth0",
  ],
  ["fou add port 10000 ipproto 4"],
  ["fou add port 10001 ipproto 4 local 192.0.2.200"],
  ["fou add port 10001 ipproto 4", "fou add port 10001 ipproto 4 local 192.0.2.1 dev eth0"],
  ["fou del port 10000 ipproto 4 local 192.0.2.1"],
  ["fou del port 10000 ipproto 4 local 192.0.2.1 dev nope"],
  ["link set dev p0 down"],
  [
    "link set dev p0 up",
    "address add 172.28.9.9 peer 172.28.9.8 dev p0",
    "route add 10.2.0.1 dev p0 proto 201",
  ],
  ["address delete 172.28.0.0 peer 172.28.0.1 dev p0"],
  ["address delete 172.28.9.9 peer 172.28.9.8 dev p0"],
  ["address add 192.0.2.77/24 dev eth0", "address delete 192.0.2.1/24 dev eth0"],
  ["address add 192.0.2.1/24 dev eth0", "link set dev eth0 down"],
  ["link set dev eth0 up"],
  ["link delete dev eth0"],
  ["fou del port 10000 ipproto 4 local 192.0.2.1 dev eth0"],
];

/** Transactions for `nft`, some of which are refused. */
const NFT_BATCHES: string[][] = [
  ["add element ip ipipou remotes-p0 { 1.2.3.4 . 5 . 6 : accept }"],
  [TABLE, "add chain ip ipipou alt-p0", "add chain ip ipipou fou-p0", `add map ip ipipou remotes-p0 ${MAP}`],
  ["add set ip ipipou addresses-p0 { type ipv4_addr; }", "delete chain ip ipipou nope"],
  ["add element ip ipipou remotes-p0 { 1.2.3.4 . 5 . 6 : accept, 1.2.3.4 . 5 . 7 : goto alt-p0 }"],
  ["add element ip ipipou remotes-p0 { 1.2.3.4 . 5 . 6 : goto alt-p0 }"],
  ["add element ip ipipou remotes-p0 { 1.2.3.4 . 5 . 6 : accept }"],
  ["delete element ip ipipou remotes-p0 { 1.2.3.4 . 5 . 6, 1.2.3.4 . 5 . 8 }"],
  ["delete chain ip ipipou alt-p0"],
  ["add rule ip ipipou fou-p0 ip saddr . udp sport . udp dport vmap @remotes-p0"],
  ["add rule ip ipipou fou-p0 ip protocol 4 jump nope"],
  ["delete map ip ipipou remotes-p0"],
  ["delete rule ip ipipou fou-p0 handle 99"],
  ["flush chain ip ipipou fou-p0", "delete map ip ipipou remotes-p0", "delete chain ip ipipou alt-p0"],
  ["add set ip ipipou sources-p0 { type ifname . ipv4_addr; flags interval; }"],
  ['add element ip ipipou sources-p0 { "p0" . 10.0.0.0/8, "p1" . 172.28.0.1 }'],
  ['delete element ip ipipou sources-p0 { "p0" . 10.0.0.0/8 }'],
  ["delete set ip ipipou sources-p0", "delete chain ip ipipou fou-p0"],
  ["delete table ip ipipou"],
  ["delete table ip ipipou"],
];

/** What a program printed, without differences between versions of kernels and programs. */
function reasonIn(stderr: string): string {
  return stderr
    .replace("Error: ipv4: Address already assigned.", "RTNETLINK answers: File exists")
    .replace("Error: ipv4: Address not found.", "RTNETLINK answers: Cannot assign requested address")
    .replace(/(No such file or directory); did you mean .*/, "$1");
}

/** The first error of `nft` without its column, which depends on what `nft` looks up by itself. */
function nftReasonIn(stderr: string): string {
  return reasonIn(stderr).split("\n")[0]!.replace(
    /^\/dev\/stdin:(\d+):\d+-\d+: Error: (Could not process rule: )?/,
    "$1: ",
  );
}

Deno.test("the fake kernel refuses what this real kernel refuses, in the same words", async () => {
  await using real = await RealHost.create();
  const fake = new FakeHost(new VirtualClock(), { address: `${OUTSIDE.ip}/24`, gateway: "192.0.2.254" });
  const runs = [real.run, runOn(fake.start())];
  const batches = [
    ...IP_BATCHES.map((lines) => ({ argv: ["ip", "-batch", "-"], lines, reasonIn })),
    ...NFT_BATCHES.map((lines) => ({ argv: ["nft", "-f", "-"], lines, reasonIn: nftReasonIn })),
  ];
  for (const { argv, lines, reasonIn } of batches) {
    const [here, there] = await Promise.all(runs.map((run) => run(argv, lines)));
    const said = ({ code, stderr }: typeof here & object) => [code, reasonIn(stderr)];
    assert.deepEqual(said(there!), said(here!), lines.join("\n"));
    const [found, foundThere] = await Promise.all(runs.map((run) => look(run, HUB)));
    assert.deepEqual(comparable(foundThere!), comparable(found!), lines.join("\n"));
  }
  fake.assertNoMistakes();
});
