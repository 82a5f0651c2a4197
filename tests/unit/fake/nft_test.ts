import assert from "node:assert/strict";
import type { TableChange } from "../../../lib/kernel_ports.ts";
import { Admin } from "./admin.ts";
import { VirtualClock } from "./clock.ts";
import type { FakeHost } from "./host.ts";
import { newHost } from "./scene.ts";
import { snapshot } from "./snapshot.ts";

const REMOTES = "{ type ipv4_addr . inet_service . inet_service : verdict; flags timeout; }";
const GATE = [
  "add table ip t",
  "add chain ip t gate { type filter hook prerouting priority -150; policy accept; }",
  "add chain ip t alt",
  `add map ip t remotes ${REMOTES}`,
  "add set ip t addresses { type ipv4_addr; }",
  "add set ip t sources { type ifname . ipv4_addr; flags interval; }",
  "add rule ip t gate udp dport 10000 ip saddr . udp sport . udp dport vmap @remotes",
  "add rule ip t gate ip saddr @addresses goto alt",
];

function gated(options: Parameters<typeof newHost>[0] = {}, clock = new VirtualClock()): FakeHost {
  const host = newHost(options, clock);
  host.kernel.nft(GATE);
  return host;
}

/** What `nft -f -` prints for commands, without the position; "" if they succeed. */
function outputOf({ kernel }: FakeHost, ...lines: string[]): string {
  const before = snapshot(kernel);
  try {
    kernel.nft(lines);
    return "";
  } catch (error) {
    assert.deepEqual(snapshot(kernel), before);
    return (error as Error).message.split("\n")[0]!.replace("Error: Could not process rule: ", "");
  }
}

Deno.test("FakeNft refuses a whole transaction, naming its command and word", () => {
  const host = gated();
  const missing = outputOf(host, "add table ip x", "flush chain ip t gate", "delete chain ip t nope");
  assert.equal(missing, "/dev/stdin:3:19-22: No such file or directory");
  assert.deepEqual([...host.kernel.tables.keys()], ["t"]);
});

Deno.test("FakeNft refuses what does not exist, what is in use, and what exists and differs", () => {
  const host = gated();
  const last = (line: string) => outputOf(host, line).split(": ").at(-1);
  const [missing, busy, exists] = ["No such file or directory", "Device or resource busy", "File exists"];
  const key = "1.2.3.4 . 5 . 6";
  host.kernel.nft([`add element ip t remotes { ${key} : accept, 1.2.3.4 . 5 . 7 : goto alt }`]);
  assert.equal(last("delete table ip nope"), missing);
  assert.equal(last("add element ip nope remotes { 1.1.1.1 }"), missing);
  assert.equal(last("delete element ip t remotes { 1.2.3.4 . 5 . 8 }"), missing);
  assert.equal(last(`add element ip t remotes { ${key} : goto alt }`), exists);
  assert.equal(last(`add element ip t remotes { 9.9.9.9 . 5 . 6 : goto nope }`), missing);
  assert.equal(last(`add element ip t remotes { ${key} : accept }`), "");
  assert.equal(last("delete map ip t remotes"), busy);
  assert.equal(last("delete chain ip t alt"), busy);
  assert.equal(last("add rule ip t gate jump nope"), missing);
  assert.equal(last("add rule ip t gate ip saddr @nope drop"), missing);
  assert.equal(last("delete rule ip t gate handle 99"), missing);
  assert.equal(last("add set ip t addresses { type inet_service; }"), exists);
  const elsewhere = "{ type filter hook prerouting priority -151; policy accept; }";
  assert.equal(last(`add chain ip t gate ${elsewhere}`), "Operation not supported");
  host.kernel.nft(["flush chain ip t gate"]);
  assert.equal(last("delete chain ip t alt"), busy, "an element leads there");
  assert.equal(
    outputOf(host, "delete map ip t remotes", "delete chain ip t alt", "delete chain ip t gate"),
    "",
  );
});

Deno.test("FakeNft refuses overlapping networks of one device", () => {
  const host = gated();
  const add = (element: string) =>
    outputOf(host, `add element ip t sources { ${element} }`).split(": ").at(-1);
  assert.equal(add('"p0" . 10.0.0.0/8, "p0" . 172.28.0.1'), "");
  assert.equal(add('"p0" . 10.0.0.0/8'), "");
  for (const network of ["10.0.0.0/16", "10.0.0.0/7", "10.9.9.9"]) {
    assert.equal(add(`"p0" . ${network}`), "File exists");
  }
  assert.equal(add('"p1" . 10.0.0.0/16'), "");
});

Deno.test("FakeNft throws at words that no plan has", () => {
  const { kernel } = gated();
  const lines = [
    "add rule ip t gate tcp dport 80 drop",
    "add rule ip t gate meta mark 1 drop",
    "add element ip t remotes { 1.1.1.1 . 5 . 6 timeout 5m : accept }",
    "add set ip t more { type ipv4_addr; gc-interval 5s; }",
    "add chain ip6 t gate",
    "insert rule ip t gate drop",
    "list ruleset",
  ];
  for (const line of lines) assert.throws(() => kernel.nft([line]), TypeError, line);
  assert.deepEqual(kernel.tables.get("t")!.sets.size, 3);
});

Deno.test("FakeNft lets elements expire by the clock, to the millisecond, and lists whole seconds", async () => {
  const clock = new VirtualClock();
  const host = gated({}, clock);
  const remotes = () =>
    host.kernel.listTable("t").flatMap(({ map }) => map?.elem ?? []).map(([key]) =>
      typeof key === "object" && "elem" in key ? [key.elem.timeout, key.elem.expires] : []
    );
  host.kernel.nft([
    "add element ip t remotes { 1.2.3.4 . 5 . 6 timeout 10s500ms : accept, 1.1.1.1 . 5 . 6 : accept }",
  ]);
  assert.deepEqual(remotes(), [[10, 10], []]);
  await clock.advance(600);
  assert.deepEqual(remotes(), [[10, 9], []]);
  await clock.advance(9_899);
  assert.deepEqual(remotes(), [[10, 0], []]);
  await clock.advance(1);
  assert.deepEqual(remotes(), [[]]);
  assert.match(outputOf(host, "delete element ip t remotes { 1.2.3.4 . 5 . 6 }"), /No such file/);
  assert.equal(outputOf(host, "add element ip t remotes { 1.2.3.4 . 5 . 6 : goto alt }"), "");
});

Deno.test("FakeNft gives an element that is added again its new timeout, or keeps the old one", () => {
  const ends = (updatesTimeouts: boolean) => {
    const { kernel } = gated({ updatesTimeouts });
    const add = (timeout: string) => {
      kernel.nft([`add element ip t remotes { 1.2.3.4 . 5 . 6${timeout} : accept }`]);
      return kernel.tables.get("t")!.sets.get("remotes")!.elements.values().next().value!.timeout;
    };
    return [" timeout 10s0ms", " timeout 20s0ms", ""].map(add);
  };
  assert.deepEqual(ends(true), [10_000, 20_000, null]);
  assert.deepEqual(ends(false), [10_000, 10_000, 10_000]);
});

Deno.test("FakeNft reports each transaction once for a table that it changes", () => {
  const host = gated();
  const told: string[][] = [];
  host.kernel.changes.listen((change) => change.kind === "nft" && told.push([...change.tables.keys()]));
  const changesOf = (...lines: string[]) => {
    told.length = 0;
    outputOf(host, ...lines);
    return told;
  };
  assert.deepEqual(changesOf("add element ip t addresses { 1.1.1.1 }", "add rule ip t alt drop"), [["t"]]);
  assert.deepEqual(changesOf("add element ip t addresses { 1.1.1.1 }"), []);
  assert.deepEqual(changesOf("add table ip t"), []);
  assert.deepEqual(changesOf("add table ip u", "flush chain ip t alt"), [["u", "t"]]);
  assert.deepEqual(changesOf("flush chain ip t alt"), []);
  assert.deepEqual(changesOf("add rule ip t alt drop", "delete chain ip t nope"), []);
  assert.deepEqual(changesOf("flush ruleset"), [["t", "u"]]);
  assert.deepEqual(changesOf("flush ruleset"), []);
});

Deno.test("FakeNft reports which chains of a table a transaction changes, as the kernel does", () => {
  const host = gated();
  let told: TableChange | undefined;
  host.kernel.changes.listen((change) => {
    if (change.kind === "nft") told = change.tables.get("t");
  });
  const newsOf = (...lines: string[]) => {
    outputOf(host, ...lines);
    return told!;
  };
  const chainsOf = (...lines: string[]) => newsOf(...lines).chains;
  assert.deepEqual(chainsOf("add element ip t addresses { 1.1.1.1 }"), []);
  assert.deepEqual(chainsOf("add rule ip t alt drop"), ["alt"]);
  assert.deepEqual(chainsOf("flush chain ip t alt"), ["alt"]);
  assert.deepEqual(chainsOf("add chain ip t x", "add rule ip t alt drop"), ["x", "alt"]);
  assert.deepEqual(chainsOf("delete chain ip t x"), ["x"]);
  assert.equal(newsOf("flush chain ip t alt", "add rule ip t alt drop").onlyRemoves, false);
  assert.equal(newsOf("flush chain ip t alt", "delete element ip t addresses { 1.1.1.1 }").onlyRemoves, true);
  const { chains, onlyRemoves } = newsOf("delete table ip t");
  assert.deepEqual([["", "alt"].every((name) => chains.includes(name)), onlyRemoves], [true, true]);
});

Deno.test("FakeNft lists rules as nft -j does", () => {
  const host = gated();
  const form = 'iifname "eth0" udp dport { 1, 2 } ip protocol 4 counter queue num 7 comment "a b"';
  host.kernel.nft([`add rule ip t alt ${form}`]);
  const rule = host.kernel.listTable("t").flatMap(({ rule }) => rule ?? []).find(({ chain }) =>
    chain === "alt"
  )!;
  assert.equal(rule.comment, "a b");
  const match = (left: unknown, right: unknown) => ({ match: { op: "==", left, right } });
  assert.deepEqual(rule.expr, [
    match({ meta: { key: "iifname" } }, "eth0"),
    match({ payload: { protocol: "udp", field: "dport" } }, { set: [1, 2] }),
    match({ payload: { protocol: "ip", field: "protocol" } }, "ipencap"),
    { counter: { packets: 0, bytes: 0 } },
    { queue: { num: 7 } },
  ]);
});

Deno.test("Admin deletes one object of a table, if nothing refers to it", () => {
  const host = gated();
  const admin = new Admin(host.kernel);
  const table = () => host.kernel.tables.get("t")!;
  assert.equal(admin.deleteChain("t", 1), false);
  assert.equal(admin.deleteSet("t", 0), false);
  assert.equal(admin.deleteElement("t", 0), false);
  host.kernel.nft(["add element ip t addresses { 1.1.1.1, 2.2.2.2 }"]);
  assert.equal(admin.deleteElement("t", 3), true);
  assert.deepEqual([...table().sets.get("addresses")!.elements.keys()], ["1.1.1.1"]);
  assert.equal(admin.deleteRule("t", 2), true);
  assert.equal(table().chains.get("gate")!.rules.length, 1);
  assert.equal(admin.deleteSet("t", 0), true);
  assert.equal(admin.deleteChain("t", 1), false, "the rule that is left leads there");
  assert.equal(admin.deleteChain("t", 0), true);
  assert.equal(admin.deleteChain("t", 0), true);
  assert.equal(table().chains.size, 0);
  assert.equal(admin.deleteTable("t"), true);
});
