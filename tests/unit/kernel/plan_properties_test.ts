import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import type { Admission } from "../../../lib/admission.ts";
import type { Lines } from "../fake/lines.ts";
import { formatEndpoint } from "../../../lib/packet.ts";
import { samplePeer, sampleSettings } from "../samples.ts";
import type { FakeKernel } from "../fake/kernel.ts";
import { admissionsArbitrary } from "./admissions.ts";
import { acceptedRemotes, admission, HUB, newKernel, OUTSIDE, plan, planRemoval } from "./plan_scene.ts";

/** The remotes to let in, as "IP:PORT OWN-PORT", in order. */
function wantedRemotes(...admissions: ReadonlyMap<string, Admission>[]): string[] {
  return admissions.flatMap((those) => [...those.values()])
    .flatMap(({ remote, port }) => remote === null ? [] : [`${formatEndpoint(remote)} ${port}`]).sort();
}

/** What every admission leads to, wherever the peer is. */
function checkSurroundings(kernel: FakeKernel, admissions: ReadonlyMap<string, Admission>): void {
  const routes = kernel.listRoutes().filter(({ protocol }) => protocol !== "kernel")
    .map(({ dst, dev, protocol }) => `${dst} ${dev} ${protocol}`);
  assert.deepEqual(routes, admissions.has("p1") ? ["10.1.0.0/16 p1 201", "10.2.0.1 p1 201"] : []);
  const sources = [...kernel.tables.get("ipipou")!.sets.get("sources-p0")!.elements.keys()].sort();
  assert.deepEqual(sources, admissions.has("p2") ? ['"p2" . 10.3.0.0/16', '"p2" . 172.28.0.5'] : []);
  const isAway = (device: string) => kernel.devices.get(device)!.outer!.local.startsWith("127.");
  for (const [name, { remote }] of admissions) assert.equal(isAway(name), remote === null);
}

Deno.test("planTransition() leads from any admissions to any others, and then has nothing to do", () => {
  fc.assert(
    fc.property(fc.array(admissionsArbitrary, { minLength: 1, maxLength: 6 }), (history) => {
      const kernel = newKernel();
      for (const admissions of history) {
        kernel.run(plan(kernel, HUB, admissions));
        const again = plan(kernel, HUB, admissions);
        assert.deepEqual([...again.close, ...again.ip, ...again.open], []);
        assert.deepEqual(acceptedRemotes(kernel), wantedRemotes(admissions));
        checkSurroundings(kernel, admissions);
      }
      kernel.run(planRemoval(kernel, HUB));
      assert.deepEqual([...kernel.devices.keys()], ["eth0", "tunl0"]);
      assert.equal(kernel.devices.get("eth0")!.addresses.length, 1);
      assert.equal(kernel.listeners.size, 0);
      const { chains, sets } = kernel.tables.get("ipipou")!;
      assert.equal(chains.size + sets.size, 0);
    }),
    { numRuns: 300 },
  );
});

/** Checks that the gate drops IPIP without FOU for each tunnel that would take it. */
function checkGuards(kernel: FakeKernel): void {
  const elements = (set: string) => kernel.tables.get("ipipou")?.sets.get(`${set}-p0`)?.elements;
  for (const [name, { kind, up, outer }] of kernel.devices) {
    if (name === "tunl0" || kind !== "ipip" || !up || outer!.local.startsWith("127.")) continue;
    const isGuarded = outer!.local === OUTSIDE.ip
      ? elements("addresses")?.has(outer!.remote)
      : elements("alts")?.has(outer!.local);
    assert.ok(isGuarded, `${name} takes IPIP from ${outer!.remote} to ${outer!.local}`);
  }
}

/** Carries out a plan up to its step `killAt`, and checks that no step lets in anyone else. */
function runKilled(
  kernel: FakeKernel,
  transition: Lines,
  killAt: number,
  allowed: Iterable<string>,
): void {
  const crash = new Error("killed");
  const started = kernel.count;
  const keys = new Set(allowed);
  try {
    kernel.run(transition, () => {
      for (const key of acceptedRemotes(kernel)) assert.ok(keys.has(key), `${key} was let in`);
      checkGuards(kernel);
      if (kernel.count - started >= killAt) throw crash;
    });
  } catch (error) {
    if (error !== crash) throw error;
  }
}

/** Leads from any state to the one for these admissions, and from there to nothing. */
function goOn(kernel: FakeKernel, admissions: ReadonlyMap<string, Admission>): void {
  kernel.run(plan(kernel, HUB, admissions));
  const again = plan(kernel, HUB, admissions);
  assert.deepEqual([...again.close, ...again.ip, ...again.open], []);
  kernel.run(planRemoval(kernel, HUB));
  assert.deepEqual([...kernel.devices.keys()], ["eth0", "tunl0"]);
  assert.equal(kernel.listeners.size, 0);
  assert.equal(kernel.devices.get("eth0")!.addresses.length, 1);
}

Deno.test("planTransition() recovers from a crash between any two changes", () => {
  fc.assert(
    fc.property(admissionsArbitrary, admissionsArbitrary, fc.nat(25), (before, after, killAt) => {
      const kernel = newKernel();
      kernel.run(plan(kernel, HUB, before));
      runKilled(kernel, plan(kernel, HUB, after), killAt, wantedRemotes(before, after));
      goOn(kernel, after);
    }),
    { numRuns: 500 },
  );
});

Deno.test("planTransition() lets in all the time whoever stays at a place, also while its lifetime changes", () => {
  fc.assert(
    fc.property(admissionsArbitrary, admissionsArbitrary, (before, after) => {
      const kernel = newKernel();
      kernel.run(plan(kernel, HUB, before));
      const staying = [...after].filter(([name, { remote, port }]) => {
        const old = before.get(name);
        return remote !== null && old?.port === port && isDeepStrictEqual(old.remote, remote);
      });
      const wanted = new Set(wantedRemotes(new Map(staying)));
      kernel.run(plan(kernel, HUB, after), () => {
        assert.ok(wanted.isSubsetOf(new Set(acceptedRemotes(kernel))));
      });
    }),
    { numRuns: 500 },
  );
});

Deno.test("planTransition() recovers from a crash during a removal", () => {
  fc.assert(
    fc.property(admissionsArbitrary, admissionsArbitrary, fc.nat(25), (before, after, killAt) => {
      const kernel = newKernel();
      kernel.run(plan(kernel, HUB, before));
      runKilled(kernel, planRemoval(kernel, HUB), killAt, wantedRemotes(before, before));
      goOn(kernel, after);
    }),
    { numRuns: 500 },
  );
});

Deno.test("planTransition() recovers from a crash during a change of settings, to the new settings and to the old", () => {
  const admissions = new Map([["ipipou0", admission("198.51.100.2", 40001)]]);
  const here = sampleSettings();
  const tunnel = { device: "ipipou0", ip: "172.30.0.1", peerIp: "172.30.0.2" };
  const there = sampleSettings({ encapCsum: true, peers: [samplePeer({ tunnel, forceAlt: true })] });
  for (const next of [here, there]) {
    let isWhole = false;
    for (let killAt = 1; !isWhole; killAt++) {
      const kernel = newKernel();
      kernel.run(plan(kernel, here, admissions));
      const crash = new Error("killed");
      let steps = 0;
      try {
        kernel.run(plan(kernel, there, admissions), () => {
          if (++steps > killAt) throw crash;
        });
        isWhole = true;
        assert.ok(steps > 5, `just ${steps} steps`);
      } catch (error) {
        if (error !== crash) throw error;
      }
      kernel.run(plan(kernel, next, admissions));
      const again = plan(kernel, next, admissions);
      assert.deepEqual([...again.close, ...again.ip, ...again.open], []);
      const { ip, peerIp } = next.peers[0]!.tunnel;
      const addresses = kernel.devices.get("ipipou0")!.addresses.map(({ local, peer }) => ({ local, peer }));
      assert.deepEqual(addresses, [{ local: ip, peer: peerIp }]);
    }
  }
});
