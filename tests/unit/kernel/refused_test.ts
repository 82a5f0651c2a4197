import assert from "node:assert/strict";
import fc from "fast-check";
import type { Admission } from "../../../lib/admission.ts";
import type { Wanted } from "../../../lib/kernel/desired.ts";
import type { Kernel } from "../../../lib/kernel/kernel.ts";
import { Admin } from "../fake/admin.ts";
import { VirtualClock } from "../fake/clock.ts";
import { FakeHost } from "../fake/host.ts";
import { snapshot } from "../fake/snapshot.ts";
import { outerHeader } from "../../../lib/outer_header.ts";
import { samplePeer, sampleSettings } from "../samples.ts";
import { startKernel } from "./kernel_bench.ts";
import { acceptedRemotes, OUTSIDE } from "./plan_scene.ts";

const HEADER = { header: outerHeader(0, 0, false), fwmark: 0 };

const PEERS = [0, 1, 2, 3, 4, 5].map((index) =>
  samplePeer({
    name: `peer${index}`,
    tunnel: { device: `p${index}`, ip: `172.28.0.${index * 2}`, peerIp: `172.28.0.${index * 2 + 1}` },
    altIp: index === 5 ? "172.29.0.50" : null,
    forceAlt: index === 5,
    routes: [`10.${index}.0.0/16`],
    allowedIps: [`10.${index}.0.0/16`],
  })
);
const HUB = sampleSettings({ name: "hub", peers: PEERS });

/** Where a peer is: the first two share an address, and so do the last two. At another time all are elsewhere. */
function placeOf(index: number, time: number) {
  const host = [1, 1, 2, 3, 4, 4][(index + 3 * time) % 6]!;
  return { ip: `198.51.100.${host}`, port: 40_000 + 10 * time + index };
}

function wantedAt(time: number): Wanted {
  const admissions = PEERS.map(({ name }, index): [string, Admission] => [
    name,
    { remote: placeOf(index, time), port: 10_000, expiresAt: index === 2 ? 1_000_000_000 : null },
  ]);
  return { settings: HUB, outside: OUTSIDE, admissions: new Map(admissions) };
}

/** The kinds of objects that one peer has, each by the commands that make it. */
const KINDS: Readonly<Record<string, (index: number, time: number) => RegExp>> = {
  device: (index) => RegExp(`^link add name p${index} `),
  mark: (index) => RegExp(`^link set dev p${index} .*alias `),
  "outer addresses": (index) => RegExp(`^link set dev p${index} .*type ipip|^link add name p${index} `),
  "inner address": (index) => RegExp(`^address add .* dev p${index}$`),
  state: (index) => RegExp(`^link set dev p${index} up`),
  route: (index) => RegExp(`^route (add|replace) .* dev p${index} `),
  place: (index, time) => elementOf("(remotes|locals)", `.*\\. ${placeOf(index, time).port} \\..*`),
  endpoint: (index, time) => elementOf("endpoints", `.* ${placeOf(index, time).port}`),
  filter: (index) => elementOf("(devices|sources)", `"p${index}".*`),
  "removal of a device": (index) => RegExp(`^link set dev p${index} group `),
  // Of all that are there.
  "far address": (index, time) => elementOf("addresses", placeOf(index, time).ip),
  // Whoever has it then.
  "private address": () => /^address add 172\.29\./,
  "private listener": () => /^fou add .* local 172\.29\./,
};

/** Kinds of which it is not said whose they are. */
const SHARED: ReadonlySet<string> = new Set(["far address", "private address", "private listener"]);

function elementOf(sets: string, element: string): RegExp {
  return RegExp(`^add element ${sets}-hub \\{ ${element} \\}$`);
}

class Bench {
  readonly clock = new VirtualClock();
  readonly host = new FakeHost(this.clock, { address: "192.0.2.1/24", gateway: "192.0.2.254" });
  readonly kernel: Kernel;
  readonly lines: string[] = [];

  constructor() {
    this.kernel = startKernel(this.host, HUB, this.lines);
    this.host.kernel.addDevice("others", {
      kind: "ipip",
      outer: { ...HEADER, local: "192.0.2.1", remote: "198.51.100.9", encap: null, csum: false },
    });
    new Admin(this.host.kernel).addTable("foreign");
  }

  /** How many programs changed something, or tried to. */
  get changes(): number {
    return this.host.programs.runs.filter((run) =>
      /batch -$|nft -f -|^netlink/.test(run) && !run.includes("json")
    )
      .length;
  }

  /** Names of the peers whose data gets in and out. */
  served(time: number): string[] {
    const { kernel } = this.host;
    const remotes = acceptedRemotes(kernel, "hub").map((remote) => remote.split(" ")[0]);
    return PEERS.filter(({ tunnel, routes }, index) => {
      const { ip, port } = placeOf(index, time);
      const device = kernel.devices.get(tunnel.device);
      const isWhole = device?.up && device.outer!.remote === ip && device.addresses.length === 1 &&
        kernel.fib.routes.some(({ dst, device: number }) => dst === routes[0] && number === device.index) &&
        kernel.listeners.has(`${device.outer!.local}:10000`) && kernel.hasAddress(device.outer!.local);
      return isWhole && remotes.includes(`${ip}:${port}`);
    }).map(({ name }) => name);
  }

  get foreign(): string[] {
    return snapshot(this.host.kernel).filter((line) =>
      !/\bp\d\b|hub|172\.2[89]\.|^fou |table ipipou/.test(line)
    );
  }
}

const NAMES = PEERS.map(({ name }) => name);
const refusedArbitrary = fc.uniqueArray(
  fc.tuple(fc.nat(PEERS.length - 1), fc.constantFrom(...Object.keys(KINDS))),
  { minLength: 1, maxLength: 8, selector: String },
).filter((refused) => {
  // What can neither be removed nor shut out is everybody's trouble.
  const has = (index: number, kind: string) => refused.some((entry) => String(entry) === `${index},${kind}`);
  return !PEERS.some((_, index) => has(index, "removal of a device") && has(index, "endpoint")) &&
    !(refused.some(([, kind]) => kind === "removal of a device") &&
      refused.some(([, kind]) => ["far address", "private address", "private listener"].includes(kind)));
});

Deno.test("apply() keeps out just the peers of which the kernel refuses something, names them, and lets them in once it relents", async () => {
  const property = fc.asyncProperty(
    refusedArbitrary,
    fc.boolean(),
    fc.boolean(),
    async (refused, isMove, isTold) => {
      // Rules that replace others need such elements for devices that are about to go.
      fc.pre(!isMove || !refused.some(([, kind]) => kind === "far address"));
      const bench = new Bench();
      const { host, kernel, clock } = bench;
      if (isMove) await kernel.apply(wantedAt(0));
      const time = isMove ? 1 : 0;
      const before = bench.foreign;
      /** The peers that are in trouble by what was really refused. */
      const hit = new Set<string>();
      host.kernel.refuses = (command) => {
        const found = refused.filter(([index, kind]) => KINDS[kind]!(index, time).test(command));
        for (const [index, kind] of found) if (!SHARED.has(kind)) hit.add(NAMES[index]!);
        return found.length > 0 ? "Cannot allocate memory" : null;
      };
      const started = bench.changes;
      const faults = await kernel.apply(wantedAt(time));
      assert.ok(bench.changes - started <= 12 * (PEERS.length + 1), `${bench.changes - started} runs`);
      const served = new Set(bench.served(time));
      assert.deepEqual(new Set(NAMES).difference(new Set(faults.keys())), served);
      const isShared = refused.some(([, kind]) => SHARED.has(kind));
      if (!isShared) {
        assert.ok(new Set(faults.keys()).isSubsetOf(hit), "a peer of which nothing was refused is out");
      }
      for (const { message } of faults.values()) {
        assert.match(message, /^Cannot run .*: Cannot allocate memory$/);
      }
      assert.deepEqual(bench.foreign, before, "something foreign was touched");
      const quiet = bench.changes;
      await kernel.apply(wantedAt(time));
      assert.equal(bench.changes, quiet, "it is tried again although nothing changed");

      host.kernel.refuses = () => null;
      const stop = new AbortController();
      const due = kernel.repairDue(stop.signal);
      if (isTold) host.kernel.addDevice("news");
      // Nothing of the kernel's says that it relents: then it takes a while.
      await clock.advance(isTold ? 1_000 : 30_000);
      if (faults.size > 0) await due;
      assert.deepEqual([...await kernel.apply(wantedAt(time))], []);
      assert.deepEqual(bench.served(time), NAMES);
      stop.abort();
      await kernel.remove();
      assert.deepEqual(
        snapshot(host.kernel).filter((line) => /\bp\d\b|hub|172\.2[89]\.|^fou /.test(line)),
        [],
      );
    },
  );
  await fc.assert(property, { numRuns: 150 });
});

Deno.test("apply() gives up in the end where the kernel refuses everything", async () => {
  const bench = new Bench();
  bench.host.kernel.refuses = () => "Operation not permitted";
  await assert.rejects(bench.kernel.apply(wantedAt(0)), /Operation not permitted; run as root/);
  assert.ok(bench.changes < 20, `${bench.changes} runs`);
});

Deno.test("apply() removes what the kernel kept from going once it relents, though nothing else changes", async () => {
  const { host, kernel, clock } = new Bench();
  await kernel.apply(wantedAt(0));
  const { admissions, ...rest } = wantedAt(0);
  const wanted = { ...rest, admissions: new Map([...admissions].slice(1)) };
  host.kernel.refuses = (command) =>
    /^link set dev p0 group /.test(command) ? "Device or resource busy" : null;
  assert.deepEqual([...await kernel.apply(wanted)], []);
  assert.ok(host.kernel.devices.has("p0"));
  host.kernel.refuses = () => null;
  await clock.advance(30_000);
  await kernel.apply(wanted);
  assert.ok(!host.kernel.devices.has("p0"));
});
