import assert from "node:assert/strict";
import fc from "fast-check";
import { findAdmissions } from "../../../lib/daemon/adoption.ts";
import { findOutside } from "../../../lib/daemon/outside.ts";
import { IpipouError } from "../../../lib/errors.ts";
import { desiredState } from "../../../lib/kernel/desired.ts";
import { Elsewhere } from "../../../lib/kernel/elsewhere.ts";
import { parseGateComment } from "../../../lib/kernel/gate_rules.ts";
import { type Identity, identityOf } from "../../../lib/kernel/identity.ts";
import { Instance } from "../../../lib/kernel/instance.ts";
import { describeLeftovers } from "../../../lib/kernel/leftovers.ts";
import { formatMark, parseMark } from "../../../lib/kernel/mark.ts";
import { describeInnerClashes, NetworksInUse } from "../../../lib/kernel/networks_in_use.ts";
import { planTransition } from "../../../lib/kernel/plan.ts";
import { Runner } from "../../../lib/kernel/runner.ts";
import { EMPTY_STATE, type Observed } from "../../../lib/kernel/state.ts";
import { Log } from "../../../lib/log.ts";
import type { ProgramEnd } from "../../../lib/ports.ts";
import { asLines } from "../../unit/fake/lines.ts";
import { newExecutor, USUAL_SURROUNDINGS } from "../../unit/kernel/fake_programs.ts";
import { samplePeer, sampleRoutes, sampleSettings } from "../../unit/samples.ts";
import { ADMIN_TABLE } from "../../unit/kernel/fixtures/admin_table.ts";
import { jsonLike, textLike } from "../mutate.ts";
import { assertLine, outcomeOf, outcomeOfAsync, type Target, target } from "../target.ts";

const NOW = 1_700_000_000_000;
const MAIN = "192.0.2.1";
const FIXTURES = new URL("../../unit/kernel/fixtures/", import.meta.url);

/** The hub of the fixtures. */
const SETTINGS = sampleSettings({
  name: "p0",
  local: { ip: null, device: "eth0", ports: [10_000] },
  peers: [0, 1, 2, 3].map((index) =>
    samplePeer({
      name: `p${index}`,
      tunnel: { device: `p${index}`, ip: `172.28.0.${index * 2}`, peerIp: `172.28.0.${index * 2 + 1}` },
      lifetime: 300 * (index % 2),
      altIp: null,
      routes: index === 1 ? ["10.1.0.0/16"] : [],
      allowedIps: index === 2 ? ["172.28.0.5/32", "10.3.0.0/16"] : null,
    })
  ),
});
const IDENTITY = identityOf(SETTINGS);

/** How the programs end, by name. */
type Ends = Readonly<Record<string, Partial<ProgramEnd>>>;

function runnerFor(ends: Ends): Runner {
  const end = { code: 0, stdout: "", stderr: "", isLate: false };
  const write = (line: string) => assertLine(line);
  const log = new Log({ verbosity: 3, time: false, pid: null, write, now: () => new Date(0) });
  const runProgram = (program: string) => Promise.resolve({ ...end, ...ends[program] });
  return new Runner({ runProgram, surroundings: USUAL_SURROUNDINGS }, log);
}

function look(ends: Ends, identity: Identity = IDENTITY): Promise<Observed> {
  const lock = () => Promise.resolve(new DisposableStack());
  const options = { nft: "needed", routes: true, needsFou: true } as const;
  const runner = runnerFor(ends);
  const context = { runner, executor: newExecutor(runner), lock, clock: { now: () => NOW } };
  return new Instance(identity, options, context).look();
}

/** Words that are no command's, but those of values that were not there or not what they should be. */
const NO_WORDS = /undefined|NaN|null|\[object|Infinity|\.\.\.| {2}/;

const SYSTEM = { openRoutes: () => sampleRoutes() };

/** Whatever was found, the way from there is made of commands that `ip` and `nft` can read. */
function assertSound(observed: Observed): void {
  const outside = outcomeOf(() => findOutside(SYSTEM, SETTINGS, observed));
  const place = "value" in outside
    ? outside.value
    : { ip: MAIN, device: "eth0", link: "eth0", isRuled: false };
  for (const line of describeLeftovers(observed, place, SETTINGS)) assertLine(line);
  const admissions = findAdmissions(SETTINGS.peers, observed.own, place.ip);
  const { state, faults } = desiredState({ settings: SETTINGS, outside: place, admissions }, observed, NOW);
  for (const { message } of faults.values()) assertLine(message);
  for (const desired of [state, EMPTY_STATE]) {
    const lines = Object.values(asLines(planTransition(observed, desired, NOW))).flat();
    for (const line of lines) {
      assertLine(line);
      assert.doesNotMatch(line, NO_WORDS);
    }
  }
}

const [DEVICES, FOU] = Deno.readTextFileSync(new URL("hub_ip.txt", FIXTURES)).trimEnd().split("\n")
  .map((line) => JSON.parse(line));
const ROUTES = [
  { dst: "default", gateway: "192.0.2.254", dev: "eth0", flags: [] },
  { dst: "10.1.0.0/16", dev: "p1", protocol: "201", scope: "link", flags: [] },
  { dst: "10.2.0.0/16", metric: 100, flags: [], nexthops: [{ dev: "eth1", weight: 1, flags: [] }] },
];
const TABLE = JSON.parse(Deno.readTextFileSync(new URL("hub_nft.txt", FIXTURES)));
const line = (value: unknown) => `${JSON.stringify(value)}\n`;

const ipKeys = [
  "ifname",
  "ifalias",
  "link",
  "master",
  "group",
  "remote",
  "local",
  "encap",
  "dev",
  "dst",
  "family",
];
const ipLists = target(
  "ip -json",
  [
    "lib/kernel/read_listing.ts readDevices",
    "lib/kernel/read_listing.ts readFou",
    "lib/kernel/read_listing.ts readRoutes",
    "lib/kernel/observe.ts sortOut",
    "lib/daemon/adoption.ts findAdmissions",
    "lib/daemon/outside.ts findOutside",
  ],
  fc.tuple(
    fc.oneof({ weight: 4, arbitrary: jsonLike([DEVICES], ipKeys) }, {
      weight: 1,
      arbitrary: fc.constant(DEVICES),
    }),
    jsonLike([FOU, [], FOU.slice(0, 1)], ipKeys),
    jsonLike([ROUTES, []], ipKeys),
    jsonLike([ROUTES.slice(1, 2), []], ipKeys),
  ),
  async (lists) => {
    const outcome = await outcomeOfAsync(() =>
      look({ ip: { stdout: lists.map(line).join("") }, nft: { stdout: line(TABLE) } })
    );
    if ("value" in outcome) assertSound(outcome.value);
  },
);

const nftKeys = ["chain", "rule", "set", "map", "elem", "val", "concat", "prefix", "range", "expr", "match"];
const nftList = target(
  "nft -j",
  [
    "lib/kernel/read_listing.ts readTable",
    "lib/kernel/observe_gate.ts findGate",
    "lib/kernel/obsolete_rules.ts findObsoleteRules",
    "lib/kernel/obsolete_rules.ts findEmptyChains",
  ],
  jsonLike([TABLE, TABLE, ADMIN_TABLE], nftKeys),
  async (table) => {
    const lists = [DEVICES, FOU, ROUTES, []].map(line).join("");
    const outcome = await outcomeOfAsync(() => look({ ip: { stdout: lists }, nft: { stdout: line(table) } }));
    if ("value" in outcome) assertSound(outcome.value);
  },
);

const printed = textLike(
  ["[]\n[]\n[]\n[]\n", line(ROUTES), line({ nftables: [] }), "null\n", "{}\n", ""],
  ["[", "]", "{", "}", ",", ":", '"', "\n", "1e999", "-", "{},"],
);
const output = target(
  "output of ip and nft",
  ["lib/kernel/runner.ts parseIpLists", "lib/kernel/runner.ts Runner.nftTable"],
  fc.tuple(printed, printed),
  async ([ip, nft]) => {
    const outcome = await outcomeOfAsync(() => look({ ip: { stdout: ip }, nft: { stdout: nft } }));
    if ("value" in outcome) assertSound(outcome.value);
  },
);

const complaints = textLike([
  "RTNETLINK answers: Address already in use\nCommand failed -:1\n",
  "RTNETLINK answers: File exists\nCommand failed -:2\n",
  'Cannot find device "eth9"\nCommand failed -:1\n',
  "RTNETLINK answers: No such file or directory\nError talking to the kernel\n",
  "/dev/stdin:2:19-22: Error: Could not process rule: No such file or directory\ndelete chain ip x y\n  ^^^^\n",
  "Error: No such file or directory\nlist table ip ipipou\n",
  "Operation not permitted (you must be root)\nnetlink: Error: cache initialization failed\n",
], ["Error: ", "Command failed -:", "0", "99999999999999999999", ":", "\n", "\x1b[2J"]);
const SOCKETS = 'UNCONN 0 0 192.0.2.1:1 0.0.0.0:* users:(("dns",pid=5,fd=3))\n';
const COMMANDS = ["link set dev p0 up", "address add 10.0.0.1/32 dev p0", "route add 10.1.0.0/16 dev p0"];

const failures = target(
  "failures of ip, nft and modprobe",
  ["lib/kernel/runner.ts Runner", "lib/kernel/cures.ts portCure"],
  fc.tuple(
    complaints,
    textLike([SOCKETS], ["%eth0", ":1 ", "\n", '"']),
    fc.integer({ min: 1, max: 255 }),
    fc.boolean(),
    fc.boolean(),
  ),
  async ([stderr, sockets, code, isLate, hasFou]) => {
    const end = { code, stderr, isLate };
    const runner = runnerFor({ ip: end, nft: end, modprobe: end, ss: { stdout: sockets } });
    const commands = hasFou ? ["fou add port 1 ipproto 4 local 192.0.2.1", ...COMMANDS] : COMMANDS;
    const runs = [
      () => runner.ip(commands),
      () => runner.ipEach(commands, "Address already in use"),
      () => runner.nft(["add table ip x", "delete chain ip x y"]),
      () => runner.nftTable("ipipou"),
    ];
    for (const run of runs) {
      const outcome = await outcomeOfAsync<unknown>(run);
      if ("message" in outcome) assert.doesNotMatch(outcome.message, /^Cannot run '?\w+ '?(undefined|null)/);
    }
    const error = await runner.modprobe(["fou"]).catch((error: unknown) => error);
    assert.ok(error instanceof IpipouError, String(error));
    assertLine(error.message);
  },
);

const foundRoutes = jsonLike([
  [{ dst: "172.28.0.0/16", dev: "br1", flags: [] }],
  [{ type: "local", dst: "172.29.0.1", dev: "lo" }],
  [{ dst: "default", dev: "eth0", nexthops: [] }],
], ["dst", "dev", "type"]);
const answers = target(
  "routes and namespaces that ip finds",
  [
    "lib/kernel/read_listing.ts readFoundRoutes",
    "lib/kernel/read_listing.ts readNamespaces",
    "lib/kernel/networks_in_use.ts NetworksInUse.ask",
    "lib/kernel/networks_in_use.ts describeInnerClashes",
    "lib/kernel/elsewhere.ts Elsewhere.remove",
  ],
  fc.tuple(foundRoutes, jsonLike([[{ nsid: 0, name: "box" }, { nsid: 1 }]], ["name", "nsid"])),
  async ([routes, namespaces]) => {
    const runner = runnerFor({ ip: { stdout: line(routes) } });
    const clashes = await outcomeOfAsync(() => describeInnerClashes(SETTINGS, new Set(), runner));
    if ("value" in clashes) { for (const said of clashes.value) assertLine(said); }
    await outcomeOfAsync(() => new NetworksInUse().ask(["172.29.0.1"], runner));
    const write = (said: string) => assertLine(said);
    const log = new Log({ verbosity: 3, time: false, pid: null, write, now: () => new Date(0) });
    const lost = new Set(["192.0.2.1 198.51.100.2"]);
    await new Elsewhere(log).remove("p0", lost, runnerFor({ ip: { stdout: line(namespaces) } }));
  },
);

const marks = textLike(
  [
    "ipipou:p0",
    "ipipou:p0:foreign-listener-10000-10001",
    "ipipou:p0:foreign-listener-1:private-address",
    "ipipou:hub:foreign-address:mtu-1472",
  ],
  [":", "-", ".", "ipipou:", "foreign-listener-", "70000", "0"],
);
const mark = target("marks", ["lib/kernel/mark.ts parseMark"], marks, (text) => {
  const found = parseMark(text);
  if (found === null) return;
  assert.match(found.name, /^[A-Za-z0-9_.-]{1,15}$/);
  for (const port of found.foreignPorts) assert.ok(Number.isInteger(port) && port >= 1 && port <= 65_535);
  assert.deepEqual(parseMark(formatMark(found)), found);
});

const comments = textLike(
  ["ipipou:p0 192.0.2.1 0123456789abcdef.12", "ipipou:p0:foreign-listener-10000 10.0.0.1 00ff.3"],
  [" ", ".", "ipipou:", "999", "1"],
);
const comment = target(
  "comments of gates",
  ["lib/kernel/gate_rules.ts parseGateComment"],
  comments,
  (text) => {
    const found = parseGateComment(text);
    if (found === null) return;
    assert.equal(`${found.mark} ${found.ip} ${found.fingerprint}`, text);
    assert.notEqual(parseMark(found.mark), null);
    assert.equal(found.ip.split(".").length, 4);
  },
);

/** What the kernel's programs print. */
export const KERNEL_TARGETS: readonly Target[] = [ipLists, nftList, output, failures, answers, mark, comment];
