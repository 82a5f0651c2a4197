// What becomes of a gate that gets other rules.
import assert from "node:assert/strict";
import fc from "fast-check";
import type { Admission } from "../../../lib/admission.ts";
import { type DesiredState, desiredState, type Wanted } from "../../../lib/kernel/desired.ts";
import { identityOf } from "../../../lib/kernel/identity.ts";
import { sortOut } from "../../../lib/kernel/observe.ts";
import { planTransition } from "../../../lib/kernel/plan.ts";
import { recallGate } from "../../../lib/kernel/recall.ts";
import { formatEndpoint } from "../../../lib/packet.ts";
import type { Settings } from "../../../lib/settings/settings.ts";
import type { FakeKernel } from "../fake/kernel.ts";
import { asLines, type Lines } from "../fake/lines.ts";
import { admissionsArbitrary } from "./admissions.ts";
import { acceptedRemotes, admission, HUB, newKernel, NOW, OUTSIDE, PEERS } from "./plan_scene.ts";

const UNCOUNTED: Settings = { ...HUB, nft: { ...HUB.nft, counter: false } };
const HINTS = { keys: new Set(["7 . 1"]), queue: 4 };
/** Settings whose gates differ in rules, chains and sets, or in whom they may let in. */
const VARIANTS: readonly Settings[] = [
  HUB,
  UNCOUNTED,
  { ...HUB, mssClamp: "auto" },
  { ...HUB, mssClamp: 1300 },
  { ...HUB, peers: PEERS.map((peer) => ({ ...peer, allowedIps: null })) },
  { ...HUB, peers: PEERS.slice(1) },
  { ...HUB, local: { ...HUB.local, ports: [10_000] } },
  { ...HUB, peers: PEERS.map((peer) => ({ ...peer, sharedIpip: true })) },
];

/** An instance that goes on by what it knows, as long as nobody else changes its gate. */
class Instance {
  readonly kernel: FakeKernel;
  #last: DesiredState | null = null;

  constructor(kernel = newKernel()) {
    this.kernel = kernel;
  }

  /** @param beforeEach called before each step @returns the lines that led there */
  change(
    settings: Settings,
    admissions: ReadonlyMap<string, Admission>,
    fields: Partial<Wanted> = {},
    beforeEach?: () => void,
  ): Lines {
    const found = this.#find(settings);
    const observed = { ...found, own: recallGate(found.own, this.#last) };
    const wanted = { settings, outside: OUTSIDE, admissions, ...fields };
    const { state } = desiredState(wanted, observed, NOW);
    const lines = asLines(planTransition(observed, state, NOW));
    this.kernel.run(lines, beforeEach);
    this.#last = state;
    return lines;
  }

  /** What is left to do. */
  rest(settings: Settings): string[] {
    const state = this.#last!;
    return Object.values(asLines(planTransition(this.#find(settings), state, NOW))).flat();
  }

  #find(settings: Settings) {
    return sortOut(this.kernel.list("ipipou"), identityOf(settings), NOW);
  }
}

/** The admissions that may be, with these settings. */
function possible(
  { peers, local }: Settings,
  admissions: ReadonlyMap<string, Admission>,
): Map<string, Admission> {
  const names = new Set(peers.map(({ name }) => name));
  return new Map([...admissions].filter(([name, { port }]) => names.has(name) && local.ports.includes(port)));
}

/** The places to let in, as `acceptedRemotes()` tells them. */
function placesOf(admissions: ReadonlyMap<string, Admission>): string[] {
  return [...admissions.values()].flatMap(({ remote, port }) =>
    remote === null ? [] : [`${formatEndpoint(remote)} ${port}`]
  ).sort();
}

const BOTH = new Map([["p0", admission("198.51.100.1", 1001)], ["p1", admission("198.51.100.1", 1002)]]);

Deno.test("planTransition() leaves the maps alone that other rules have, too, with what is in them", () => {
  const instance = new Instance();
  instance.change(HUB, BOTH);
  const { close, ip, open } = instance.change(UNCOUNTED, BOTH);
  assert.deepEqual([close, ip], [[], []]);
  const aboutMaps = open.filter((line) =>
    /\b(remotes|locals)-p0\b/.test(line) && !line.startsWith("add rule ")
  );
  assert.deepEqual(aboutMaps, []);
  assert.ok(open.includes("flush chain ip ipipou input-p0"));
  assert.ok(!open.some((line) => /^(add|delete) chain /.test(line)), "nor does it hook in anew");
  assert.deepEqual(instance.rest(UNCOUNTED), []);
});

/** Names of the sets and maps that are made anew. */
function renewed(lines: readonly string[]): string[] {
  return lines.flatMap((line) => /^delete (?:set|map) ip ipipou (\w+)-p0$/.exec(line)?.[1] ?? []).sort();
}

Deno.test("planTransition() leaves sets and maps alone that a killed run left under other rules, or others changed", () => {
  const instance = new Instance();
  instance.change(HUB, BOTH);
  const next = new Instance(instance.kernel);
  const { close, ip, open } = next.change(UNCOUNTED, BOTH);
  assert.deepEqual([close, ip], [[], []]);
  assert.deepEqual(renewed(open), ["limits", "places"]);
  assert.ok(!open.some((line) => / element /.test(line)));
  assert.deepEqual(next.rest(UNCOUNTED), []);
  next.kernel.nft(["add rule ip ipipou input-p0 accept"]);
  assert.deepEqual(renewed(next.change(UNCOUNTED, BOTH).open), ["limits", "places"]);
  assert.deepEqual(next.rest(UNCOUNTED), []);
});

Deno.test("planTransition() makes a set anew that is declared in another way", () => {
  for (const type of ["ipv4_addr . inet_service; ", "ipv4_addr; flags timeout; ", "ipv4_addr; size 9; "]) {
    const instance = new Instance();
    instance.change(HUB, BOTH);
    const chains = [...instance.kernel.tables.get("ipipou")!.chains.keys()];
    instance.kernel.nft([
      ...chains.map((chain) => `flush chain ip ipipou ${chain}`),
      "delete set ip ipipou alts-p0",
      `add set ip ipipou alts-p0 { type ${type}}`,
    ]);
    assert.deepEqual(renewed(instance.change(HUB, BOTH).open), ["alts", "limits", "places"], type);
    assert.deepEqual(instance.rest(HUB), []);
  }
});

Deno.test("planTransition() makes all anew where some element is not of ours", () => {
  const instance = new Instance();
  instance.change(HUB, BOTH);
  const foreign = "add element ip ipipou remotes-p0 { 203.0.113.1 . 1 . 1 : drop }";
  instance.kernel.nft([foreign, "add rule ip ipipou input-p0 accept"]);
  assert.ok(renewed(instance.change(HUB, BOTH).open).includes("remotes"));
  assert.deepEqual(instance.rest(HUB), []);
});

Deno.test("planTransition() begins the memory of rates anew with other rules", () => {
  const instance = new Instance();
  instance.change(HUB, BOTH, { hints: HINTS });
  const { open } = instance.change(UNCOUNTED, BOTH, { hints: HINTS });
  assert.deepEqual(renewed(open), ["hinted", "hints", "limits", "places"]);
  assert.deepEqual(instance.rest(UNCOUNTED), []);
});

Deno.test("planTransition() leads from any settings and admissions to any others, step by step", () => {
  const step = fc.tuple(fc.constantFrom(...VARIANTS), admissionsArbitrary, fc.boolean());
  fc.assert(
    fc.property(fc.array(step, { minLength: 2, maxLength: 6 }), (history) => {
      const instance = new Instance();
      for (const [settings, admissions, areHinted] of history) {
        instance.change(settings, admissions, areHinted ? { hints: HINTS } : {});
        assert.deepEqual(instance.rest(settings), []);
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("planTransition() lets in nobody else at any moment while rules are replaced, and after a crash", () => {
  const step = fc.record({
    settings: fc.constantFrom(...VARIANTS),
    admissions: admissionsArbitrary,
    areHinted: fc.boolean(),
    killAt: fc.option(fc.nat(30)),
  });
  const crash = new Error("killed");
  const property = fc.property(fc.array(step, { minLength: 2, maxLength: 5 }), (history) => {
    let instance = new Instance();
    for (const { settings, admissions, areHinted, killAt } of history) {
      const wanted = possible(settings, admissions);
      const allowed = new Set([...acceptedRemotes(instance.kernel), ...placesOf(wanted)]);
      const fields = areHinted ? { hints: HINTS } : {};
      let steps = 0;
      const watch = () => {
        assert.deepEqual(acceptedRemotes(instance.kernel).filter((place) => !allowed.has(place)), []);
        if (killAt !== null && ++steps > killAt) throw crash;
      };
      try {
        instance.change(settings, wanted, fields, watch);
      } catch (error) {
        if (error !== crash) throw error;
        instance = new Instance(instance.kernel);
        instance.change(settings, wanted, fields);
      }
      assert.deepEqual(acceptedRemotes(instance.kernel), placesOf(wanted));
      assert.deepEqual(instance.rest(settings), []);
    }
  });
  fc.assert(property, { numRuns: 300 });
});

Deno.test("planTransition() keeps a peer in at each moment while rules are replaced", () => {
  fc.assert(
    // With the last three somebody is gone, or, to share an address with other devices, has another local address.
    fc.property(
      fc.array(fc.constantFrom(...VARIANTS.slice(0, -3)), { minLength: 2, maxLength: 6 }),
      (history) => {
        const instance = new Instance();
        instance.change(history[0]!, BOTH);
        const before = acceptedRemotes(instance.kernel);
        for (const settings of history) {
          const lines = instance.change(settings, BOTH);
          const touched = [...lines.close, ...lines.open].filter((line) =>
            /element ip ipipou remotes-/.test(line)
          );
          assert.deepEqual(touched, []);
          assert.deepEqual(acceptedRemotes(instance.kernel), before);
        }
      },
    ),
    { numRuns: 100 },
  );
});

Deno.test("planTransition() leaves no private address to a peer that is shut out while the map of places is made anew", () => {
  const peers = [0, 1].map((index) => ({ ...PEERS[index]!, altIp: `172.29.0.${index + 1}`, forceAlt: true }));
  const hub = { ...HUB, peers };
  const instance = new Instance();
  instance.change(hub, BOTH);
  const chains = [...instance.kernel.tables.get("ipipou")!.chains.keys()];
  instance.kernel.nft([
    ...chains.map((chain) => `flush chain ip ipipou ${chain}`),
    "delete map ip ipipou remotes-p0",
    "add map ip ipipou remotes-p0 { type ipv4_addr . inet_service . inet_service : verdict; flags timeout; size 9; }",
    ...[1001, 1002].map((port) =>
      `add element ip ipipou remotes-p0 { 198.51.100.1 . ${port} . 10000 : accept }`
    ),
  ]);
  instance.change(hub, new Map([...BOTH].slice(1)));
  const { sets } = instance.kernel.list("ipipou").nft!;
  const keysIn = (name: string) =>
    sets.find((set) => set.name === name)!.elements.map(({ key }) => key.join(" . "));
  assert.deepEqual(keysIn("locals-p0"), keysIn("remotes-p0"));
  assert.equal(keysIn("remotes-p0").length, 1);
  assert.deepEqual(instance.rest(hub), []);
});
