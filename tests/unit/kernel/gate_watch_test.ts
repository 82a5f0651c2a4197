import assert from "node:assert/strict";
import { GateWatch } from "../../../lib/kernel/gate_watch.ts";
import type { TableChange } from "../../../lib/kernel_ports.ts";

const CHANGED: TableChange = { kind: "table", chains: ["gate-a"], onlyRemoves: false };
const REMOVED: TableChange = { ...CHANGED, onlyRemoves: true };

Deno.test("closeDue is a second after the gate was found missing, at once if it cannot be restored yet", () => {
  const watch = new GateWatch();
  assert.equal(watch.closeDue(null), null);
  watch.handleNews(CHANGED, 5_000);
  watch.handleNews(CHANGED, 5_300);
  assert.deepEqual([watch.closeDue(null), watch.closeDue(5_000), watch.closeDue(5_400)], [
    6_000,
    6_000,
    5_000,
  ]);
  const found = new GateWatch();
  found.handleLook("all", 100);
  assert.equal(found.closeDue(null), null);
  found.handleLook("part", 200);
  assert.equal(found.closeDue(null), 1_200);
});

Deno.test("GateWatch takes the gate for whole after a change, unless others changed it since the look", () => {
  const watch = new GateWatch();
  watch.handleNews(CHANGED, 0);
  assert.equal(watch.isSuspect, false, "no look has seen what that led to");
  watch.beginLook();
  assert.equal(watch.isSuspect, true);
  watch.handleChange();
  assert.deepEqual([watch.isAway, watch.isSuspect], [false, false]);
  watch.handleNews(CHANGED, 10);
  watch.beginLook();
  watch.handleNews(CHANGED, 20);
  watch.handleChange();
  assert.deepEqual([watch.isAway, watch.isSuspect], [true, true]);
});

Deno.test("GateWatch knows that nothing more can be removed where a look found nothing", () => {
  /** The watch after a look during which these news came, and a change for which others' news came too. */
  const watchAfter = (
    found: "nothing" | "part",
    during: readonly TableChange[],
    later: readonly TableChange[],
  ) => {
    const watch = new GateWatch();
    const take = (news: TableChange) => watch.isVoid(news) ? undefined : watch.handleNews(news, 20);
    take(REMOVED);
    watch.beginLook();
    during.forEach(take);
    watch.handleLook(found, 10);
    later.forEach(take);
    return { watch, take };
  };
  const isSure = ({ watch }: { watch: GateWatch }) => {
    watch.handleChange();
    return !watch.isAway && !watch.isSuspect;
  };
  assert.ok(isSure(watchAfter("nothing", [REMOVED], [REMOVED])));
  assert.ok(!isSure(watchAfter("part", [REMOVED], [])));
  assert.ok(!isSure(watchAfter("part", [], [REMOVED])));
  assert.ok(!isSure(watchAfter("nothing", [REMOVED, CHANGED], [])));
  assert.ok(!isSure(watchAfter("nothing", [], [CHANGED, REMOVED])), "what was made is known no better");
  const { watch, take } = watchAfter("nothing", [], []);
  watch.handleOurs();
  take(REMOVED);
  assert.ok(!isSure({ watch }), "what we made was removed");
});

Deno.test("closeDue is null once the ports are closed, and a second later if they could not be", () => {
  const watch = new GateWatch();
  watch.handleNews(CHANGED, 0);
  watch.handleClosing();
  assert.deepEqual([watch.closeDue(null), watch.isClosed], [null, true]);
  watch.handleClosingFailure(3_000);
  assert.deepEqual([watch.closeDue(null), watch.isClosed], [4_000, false]);
  watch.handleClosing();
  watch.beginLook();
  watch.handleChange();
  assert.deepEqual([watch.isClosed, watch.isAway], [false, false]);
});
