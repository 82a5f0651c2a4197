// Changes a real kernel without programs, in network namespaces. Needs root: the lab, or a disposable machine.
import assert from "node:assert/strict";
import fc from "fast-check";
import { ACCEPT, type Element, type ElementsRequest, type ObjectRequest } from "../../lib/requests.ts";
import { Sequences } from "../../ffi/netlink_sequences.ts";
import { command, type Step, stepOf } from "../../lib/kernel/step.ts";
import { OUTSIDE } from "../unit/kernel/plan_scene.ts";
import { listed, listingOf, RealHost } from "./real_host.ts";
import { executorOn, openWriter } from "./real_writer.ts";

const TABLE = "ipipou";
const SETS = [
  "add table ip ipipou",
  "add map ip ipipou remotes { type ipv4_addr . inet_service . inet_service : verdict; flags timeout; }",
  "add map ip ipipou locals { type ipv4_addr . inet_service . inet_service : ipv4_addr; flags timeout; }",
  "add set ip ipipou addresses { type ipv4_addr; }",
  "add set ip ipipou endpoints { type ipv4_addr . inet_service; }",
  "add set ip ipipou names { type ifname; }",
  "add set ip ipipou hints { typeof @th,576,32 . @th,632,16; }",
  "add set ip ipipou sources { type ifname . ipv4_addr; flags interval; }",
];

const ip = fc.ipV4();
const port = fc.integer({ min: 1, max: 65_535 });
const device = fc.stringMatching(/^[a-z][a-z0-9_.-]{0,14}$/).map((device) => ({ device }));
const word = fc.nat(2 ** 32 - 1).map((word) => ({ word }));
const timeout = fc.option(fc.integer({ min: 60_000, max: 2 ** 31 - 1 }));
const none = { timeout: null, value: null } as const;
const network = fc.tuple(fc.nat(255), fc.integer({ min: 8, max: 32 })).map(([first, length]) =>
  length === 32 ? `${first}.0.0.0` : `${first}.0.0.0/${length}`
);

/** Elements of a set, no two with one key. */
function request(set: string, element: fc.Arbitrary<Element>): fc.Arbitrary<ElementsRequest> {
  const key = ({ key: [first, ...rest] }: Element) =>
    // Networks of one device must not overlap.
    JSON.stringify(set === "sources" ? first : [first, ...rest]);
  return fc.uniqueArray(element, { minLength: 1, maxLength: 20, selector: key })
    .map((elements) => ({ kind: "elements", verb: "add", table: TABLE, set, elements }));
}

const additions = fc.tuple(
  request("remotes", fc.record({ key: fc.tuple(ip, port, port), timeout, value: fc.constant(ACCEPT) })),
  request("locals", fc.record({ key: fc.tuple(ip, port, port), timeout, value: ip })),
  request("addresses", ip.map((key) => ({ key: [key], ...none }))),
  request("endpoints", fc.tuple(ip, port).map((key) => ({ key, ...none }))),
  request("hints", fc.tuple(word, fc.nat(65_535)).map((key) => ({ key, ...none }))),
  request("names", device.map((key) => ({ key: [key], ...none }))),
  request(
    "sources",
    fc.tuple(device, network).map(([first, second]) => ({ key: [first, { network: second }], ...none })),
  ),
);

async function newTable(host: RealHost): Promise<void> {
  const { code, stderr } = await host.run(["nft", "-f", "-"], [...SETS]);
  assert.equal(code, 0, stderr);
}

async function rulesetOf(host: RealHost): Promise<string | undefined> {
  return (await listingOf(host)).at(-1);
}

Deno.test("elements that the kernel was asked for are listed as if nft had added them, and go as they came", async () => {
  await using typed = await RealHost.create();
  await using asked = await RealHost.create();
  using writer = openWriter(asked);
  for (const host of [typed, asked]) await newTable(host);
  const empty = await rulesetOf(asked);
  const property = fc.asyncProperty(additions, async (requests) => {
    assert.deepEqual(writer.transact(requests), []);
    const { code, stderr } = await typed.run(
      ["nft", "-f", "-"],
      requests.map((request) => stepOf(request).line),
    );
    assert.equal(code, 0, stderr);
    assert.equal(await rulesetOf(asked), await rulesetOf(typed));
    const removals = requests.map((request): ElementsRequest => ({
      ...request,
      verb: "delete",
      elements: bare(request),
    }));
    assert.deepEqual(writer.transact(removals), []);
    const lines = removals.map((request) => stepOf(request).line);
    assert.equal((await typed.run(["nft", "-f", "-"], lines)).code, 0);
    assert.equal(await rulesetOf(asked), empty);
  });
  await fc.assert(property, { numRuns: 5 });
});

function bare({ elements }: ElementsRequest): Element[] {
  return elements.map(({ key }) => ({ key, ...none }));
}

Deno.test("a transaction of 20,000 elements is one, and nothing of it stays if the last one is refused", async () => {
  await using host = await RealHost.create();
  await newTable(host);
  using writer = openWriter(host);
  const elements = Array.from({ length: 20_000 }, (_, index): Element => ({
    key: [`198.51.${index >> 8}.${index & 255}`, 40_000, 10_000],
    timeout: null,
    value: ACCEPT,
  }));
  const all: ElementsRequest = { kind: "elements", verb: "add", table: TABLE, set: "remotes", elements };
  const absent: ElementsRequest = {
    ...all,
    verb: "delete",
    set: "names",
    elements: [{ key: [{ device: "p0" }], ...none }],
  };
  const empty = await rulesetOf(host);
  const refusals = writer.transact([all, absent]);
  assert.deepEqual(refusals.map(({ index }) => index), [1]);
  assert.match(refusals[0]!.said, /No such file or directory/);
  assert.equal(await rulesetOf(host), empty);
  assert.deepEqual(writer.transact([all]), []);
  const listing = await rulesetOf(host);
  assert.equal(listing!.match(/: accept/g)?.length, elements.length);
});

Deno.test("a lifetime is renewed by deletion and addition in one transaction", async () => {
  await using host = await RealHost.create();
  await newTable(host);
  using writer = openWriter(host);
  const change = (verb: "add" | "delete", timeout: number | null, value: string | null): ElementsRequest => ({
    ...{ kind: "elements", verb, table: TABLE, set: "remotes" },
    elements: [{ key: ["198.51.100.7", 40_000, 10_000], timeout, value }],
  });
  const seconds = async () => {
    const listing = await listed(host, "nft", "-j", "list", "map", "ip", TABLE, "remotes");
    return Number(/"expires": ?(\d+)/.exec(listing)![1]);
  };
  assert.deepEqual(writer.transact([change("add", 100_000, ACCEPT)]), []);
  assert.ok(await seconds() <= 100);
  // As a plan does: it may have expired meanwhile, and a deletion of what is not there fails.
  const renewal = [change("add", null, ACCEPT), change("delete", null, null), change("add", 900_000, ACCEPT)];
  assert.deepEqual(writer.transact(renewal), []);
  assert.ok(await seconds() > 800);
});

const OUTER = {
  ...{ local: { ip: OUTSIDE.ip, port: 10_000 }, remote: { ip: "198.51.100.2", port: 40_000 } },
  ...{ ttl: 64, tos: 0, pmtudisc: true, fwmark: 0, checksum: false, link: null },
};
const LINK = { kind: "link", device: "p0", mtu: null, alias: null, outer: OUTER, isUp: null } as const;
const ELEMENTS: ElementsRequest = {
  ...{ kind: "elements", verb: "add", table: TABLE, set: "addresses" },
  elements: [{ key: ["198.51.100.2"], ...none }],
};

/** Steps that are refused, and why. Each comes after those before it. */
const REFUSED: [Step, RegExp][] = [
  [stepOf(LINK), /^Cannot run 'ip link set dev p0 type ipip .*': No such device$/],
  [
    stepOf({ kind: "address", verb: "add", ip: "172.29.0.1", peerIp: null, device: "nope", scope: "host" }),
    /^Cannot run 'ip address add 172.29.0.1\/32 dev nope .*': Cannot find device "nope"$/,
  ],
  [
    stepOf({ kind: "address", verb: "delete", ip: "172.29.0.1", peerIp: null, device: "lo", scope: "host" }),
    /: (ipv4: Address not found|Cannot assign requested address)$/,
  ],
  [stepOf({ kind: "local route", verb: "delete", ip: "172.29.0.1", device: "lo" }), /: No such process$/],
  [stepOf({ kind: "fou", verb: "del", local: OUTER.local, device: null }), /: Invalid argument$/],
  [
    stepOf({ kind: "fou", verb: "add", local: { ip: "192.0.2.200", port: 10_001 }, device: null }),
    /: Cannot assign requested address$/,
  ],
];

Deno.test("what is asked for is done and answered, also where the numbers of requests begin again", async () => {
  await using host = await RealHost.create();
  await newTable(host);
  for (let before = 0; before < 8; before++) {
    using writer = openWriter(host, new Sequences(2 ** 32 - before));
    const set = (last: number): ElementsRequest => ({
      ...{ kind: "elements", verb: "add", table: TABLE, set: "addresses" },
      elements: [{ key: [`192.0.2.${last}`], ...none }],
    });
    assert.deepEqual(writer.transact([set(2 * before), set(2 * before + 1)]), [], `${before}`);
    const absent: ElementsRequest = { ...set(200), verb: "delete" };
    assert.deepEqual(writer.transact([set(201), absent]).map(({ index }) => index), [1], `${before}`);
  }
  const ruleset = await rulesetOf(host);
  for (let last = 0; last < 16; last++) assert.match(ruleset!, RegExp(`\\b192\\.0\\.2\\.${last}\\b`));
  assert.doesNotMatch(ruleset!, /192\.0\.2\.201/);
});

Deno.test("what the kernel refuses is told with the line that was refused, and others of the transaction take no effect", async () => {
  await using host = await RealHost.create();
  using writer = openWriter(host);
  const executor = executorOn(host, writer);
  const before = await listingOf(host);
  for (const [step, message] of REFUSED) await assert.rejects(executor.ip([step]), { message });
  await assert.rejects(executor.nft([stepOf(ELEMENTS)]), {
    message: /^Cannot run nft 'add element ip ipipou addresses { 198.51.100.2 }': No such file or directory/,
  });
  assert.deepEqual(await listingOf(host), before);
  await newTable(host);
  const absent = stepOf({ ...ELEMENTS, verb: "delete", elements: [{ key: ["198.51.100.3"], ...none }] });
  await assert.rejects(executor.nft([stepOf(ELEMENTS), absent]), { lines: [1] });
  assert.doesNotMatch((await rulesetOf(host))!, /198\.51/);
  const taken = stepOf({ kind: "fou", verb: "add", local: OUTER.local, device: null });
  await executor.ip([taken]);
  await assert.rejects(executor.ip([taken]), {
    message: /: Address already in use; it belongs to a FOU port/,
  });
  await executor.ipEach([
    taken,
    stepOf({ kind: "fou", verb: "add", local: { ...OUTER.local, port: 10_001 }, device: null }),
  ], "Address already in use");
  assert.match((await listingOf(host))[1]!, /10001/);
});

Deno.test("steps of one part that only a program can take are all left to programs, in order", async () => {
  await using host = await RealHost.create();
  using writer = openWriter(host);
  const executor = executorOn(host, writer);
  const make =
    "link add name p0 type ipip remote 198.51.100.9 local 192.0.2.1 encap fou encap-sport 1 encap-dport 2 mode ipip";
  await executor.ip([command(make), stepOf({ ...LINK, alias: "x" })]);
  const devices = await listed(host, "ip", "-details", "link", "show", "dev", "p0");
  assert.match(devices, /remote 198\.51\.100\.2 .*encap-dport 40000.*\n.*alias x/s);
});

Deno.test("changes are made in order, also of what others of them make, and each has its own answer", async () => {
  await using host = await RealHost.create();
  using writer = openWriter(host);
  const address = (device: string, peerIp: string): ObjectRequest => (
    { kind: "address", verb: "add", ip: "172.28.0.1", peerIp, device, scope: "global" }
  );
  const many = Array.from({ length: 100 }, (_, index): ObjectRequest => ({
    kind: "new link",
    device: `p${index}`,
    mtu: 1400,
    outer: { ...OUTER, remote: { ip: `198.51.100.${index >> 1}`, port: 40_000 } },
  }));
  const fou = (verb: "add" | "del"): ObjectRequest => ({
    kind: "fou",
    verb,
    local: OUTER.local,
    device: null,
  });
  const requests = [
    ...many,
    address("p0", "172.28.1.0"),
    address("none0", "172.28.1.1"),
    address("p1", "172.28.1.1"),
    fou("add"),
    fou("add"),
    address("p2", "172.28.1.2"),
    fou("del"),
  ];
  const said = writer.change(requests);
  const refused = said.map((why, index) => [index, why] as const).filter(([, why]) => why !== null);
  // Of each two devices one has the outer addresses of the other.
  assert.deepEqual(refused, [
    ...many.flatMap((_, index) => index % 2 === 1 ? [[index, "File exists"] as const] : []),
    [101, 'Cannot find device "none0"'],
    [102, 'Cannot find device "p1"'],
    [104, "Address already in use"],
  ]);
  assert.equal(said.length, requests.length);
  const devices = await listed(host, "ip", "-oneline", "address", "show");
  assert.deepEqual(Array.from(devices.matchAll(/ peer (172\.28\.1\.\d)/g), ([, ip]) => ip), [
    "172.28.1.0",
    "172.28.1.2",
  ]);
  assert.deepEqual(writer.change([LINK, { ...LINK, device: "p2", outer: null }]), ["File exists", null]);
  assert.deepEqual(writer.change([]), []);
});
