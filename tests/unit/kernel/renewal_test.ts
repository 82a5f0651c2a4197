import assert from "node:assert/strict";
import fc from "fast-check";
import type { Admission } from "../../../lib/admission.ts";
import { desiredState, type Wanted } from "../../../lib/kernel/desired.ts";
import { planTransition } from "../../../lib/kernel/plan.ts";
import { findRenewal, type Fulfilled, fulfilled, type Renewal } from "../../../lib/kernel/renewal.ts";
import type { Observed } from "../../../lib/kernel/state.ts";
import { asLines, type Lines } from "../fake/lines.ts";
import { sampleObserved } from "../samples.ts";
import { admissionsArbitrary } from "./admissions.ts";
import { admission, HUB, NOW, OUTSIDE } from "./plan_scene.ts";

const HINTS = { keys: new Set(["7 . 1"]), queue: 4 };

/** A change that succeeded, and what is seen after it. */
function changeTo(admissions: ReadonlyMap<string, Admission>) {
  const wanted = { settings: HUB, outside: OUTSIDE, admissions, hints: HINTS };
  const observed = sampleObserved({});
  const { state } = desiredState(wanted, observed, NOW);
  return { last: fulfilled(wanted, observed, state), observed: { ...observed, own: state } };
}

function linesOf({ before, after, next }: Renewal, now: number): Lines {
  return asLines(planTransition({ ...next.observed, own: before }, after, now));
}

const END = NOW + 60_000;
const HERE: Admission = { ...admission("198.51.100.1", 1001), expiresAt: END };
const OTHER: Admission = { ...admission("198.51.100.2", 1002), expiresAt: END };

function renewed(fields: Partial<Admission> = {}): Map<string, Admission> {
  return new Map([["p0", { ...HERE, expiresAt: END + 30_000, ...fields }], ["p1", OTHER]]);
}

Deno.test("findRenewal() finds what to renew, and nothing else of a gate", () => {
  const { last, observed } = changeTo(new Map([["p0", HERE], ["p1", OTHER]]));
  const renewal = findRenewal(last, { ...last.wanted, admissions: renewed() }, observed, NOW)!;
  const [found] = last.state.gate!.remotes;
  const [key, remote] = found!;
  assert.deepEqual([...renewal.after.gate!.remotes], [[key, { ...remote, expiresAt: END + 30_000 }]]);
  const place = "198.51.100.1 . 1001 . 10000";
  const set = "element ip ipipou remotes-p0";
  assert.deepEqual(linesOf(renewal, NOW), {
    ...{ confirm: [], withdraw: [], close: [], ip: [] },
    open: [
      `add ${set} { ${place} : accept }`,
      `delete ${set} { ${place} }`,
      `add ${set} { ${place} timeout 90s0ms : accept }`,
    ],
  });
});

Deno.test("findRenewal() leads on from its own result", () => {
  const { last, observed } = changeTo(new Map([["p0", HERE], ["p1", OTHER]]));
  const first = findRenewal(last, { ...last.wanted, admissions: renewed() }, observed, NOW)!;
  const admissions = renewed({ expiresAt: END + 50_000 });
  const seen = { ...observed, own: first.next.state };
  const second = findRenewal(first.next, { ...last.wanted, admissions }, seen, NOW);
  assert.equal(second!.after.gate!.remotes.values().next().value!.expiresAt, END + 50_000);
  assert.equal(findRenewal(first.next, { ...last.wanted, admissions }, observed, NOW), null);
});

Deno.test("findRenewal() finds none where anything else differs", async (t) => {
  const { last, observed } = changeTo(new Map([["p0", HERE], ["p1", OTHER]]));
  const admissions = renewed();
  const both = { ...last.wanted, admissions };
  const cases: [what: string, wanted: Wanted, observed: Observed, now: number][] = [
    ["settings", { ...both, settings: { ...HUB } }, observed, NOW],
    ["the outside", { ...both, outside: { ...OUTSIDE } }, observed, NOW],
    ["hints", { ...both, hints: { ...HINTS, keys: new Set() } }, observed, NOW],
    ["the queue of hints", { ...both, hints: { ...HINTS, queue: 5 } }, observed, NOW],
    ["a look since", both, { ...observed, own: { ...last.state } }, NOW],
    ["foreign objects", both, { ...observed, foreign: { ...observed.foreign } }, NOW],
    ["a way's MTU", both, { ...observed, paths: new Map() }, NOW],
    ["a lifetime that is over", both, observed, END],
    ["a place", { ...both, admissions: renewed({ remote: { ip: "198.51.100.1", port: 9 } }) }, observed, NOW],
    ["our port", { ...both, admissions: renewed({ port: 10_001 }) }, observed, NOW],
    ["a parked peer", { ...both, admissions: renewed({ remote: null }) }, observed, NOW],
    ["a new lifetime that is over", { ...both, admissions: renewed({ expiresAt: NOW }) }, observed, NOW],
    ["one peer less", { ...both, admissions: new Map([["p0", HERE]]) }, observed, NOW],
    ["another peer", { ...both, admissions: new Map([["p0", HERE], ["p2", OTHER]]) }, observed, NOW],
    ["one peer more", { ...both, admissions: new Map([...admissions, ["p2", HERE]]) }, observed, NOW],
  ];
  for (const [what, ...given] of cases) {
    await t.step(what, () => assert.equal(findRenewal(last, ...given), null));
  }
  await t.step("nothing", () => assert.notEqual(findRenewal(last, both, observed, NOW), null));
});

/** What becomes of each peer. */
const changesArbitrary = fc.array(
  fc.constantFrom("same", "same", "renewed", "renewed", "moved", "parked", "gone"),
  { minLength: 3, maxLength: 3 },
);

function change(admission: Admission, how: string, port: number, expiresAt: number | null): Admission | null {
  switch (how) {
    case "renewed":
      return { ...admission, expiresAt };
    case "moved":
      return { ...admission, remote: { ip: "198.51.100.9", port }, expiresAt };
    case "parked":
      return { ...admission, remote: null };
    case "gone":
      return null;
    default:
      return admission;
  }
}

Deno.test("findRenewal() leads to the state and the steps that the whole comparison leads to", () => {
  let found = 0;
  const property = fc.property(
    admissionsArbitrary,
    fc.array(fc.tuple(changesArbitrary, fc.constantFrom(null, 500, 1_500, 3_000), fc.nat(900)), {
      maxLength: 5,
    }),
    (admissions, history) => {
      let { last, observed }: { last: Fulfilled; observed: Observed } = changeTo(admissions);
      let now = NOW;
      for (const [hows, lifetime, pause] of history) {
        now += pause;
        const expiresAt = lifetime === null ? null : now + lifetime;
        const next = [...last.wanted.admissions].flatMap(([name, admission]) => {
          const index = Number(name.slice(1));
          const changed = change(admission, hows[index]!, 1001 + index, expiresAt);
          return changed === null ? [] : [[name, changed] as const];
        });
        const wanted = { ...last.wanted, admissions: new Map(next) };
        const renewal = findRenewal(last, wanted, observed, now);
        const { state } = desiredState(wanted, observed, now);
        if (renewal !== null) {
          found++;
          assert.deepEqual(renewal.next.state, state);
          assert.deepEqual(linesOf(renewal, now), asLines(planTransition(observed, state, now)));
        }
        last = renewal?.next ?? fulfilled(wanted, observed, state);
        observed = { ...observed, own: last.state };
      }
    },
  );
  fc.assert(property, { numRuns: 500 });
  assert.ok(found > 200, `${found} renewals`);
});
