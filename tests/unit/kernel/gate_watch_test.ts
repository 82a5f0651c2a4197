import assert from "node:assert/strict";
import { GateWatch } from "../../../lib/kernel/gate_watch.ts";

Deno.test("closeDue is a second after the gate was found missing, at once if it cannot be restored yet", () => {
  const watch = new GateWatch();
  assert.equal(watch.closeDue(null), null);
  watch.handleNews(5_000);
  watch.handleNews(5_300);
  assert.deepEqual([watch.closeDue(null), watch.closeDue(5_000), watch.closeDue(5_400)], [
    6_000,
    6_000,
    5_000,
  ]);
  const found = new GateWatch();
  found.handleLook(false, 100);
  assert.equal(found.closeDue(null), null);
  found.handleLook(true, 200);
  assert.equal(found.closeDue(null), 1_200);
});

Deno.test("GateWatch takes the gate for whole after a change, unless others changed it since the look", () => {
  const watch = new GateWatch();
  watch.handleNews(0);
  assert.equal(watch.isSuspect, false, "no look has seen what that led to");
  watch.beginLook();
  assert.equal(watch.isSuspect, true);
  watch.handleChange();
  assert.deepEqual([watch.isAway, watch.isSuspect], [false, false]);
  watch.handleNews(10);
  watch.beginLook();
  watch.handleNews(20);
  watch.handleChange();
  assert.deepEqual([watch.isAway, watch.isSuspect], [true, true]);
});

Deno.test("closeDue is null once the ports are closed, and a second later if they could not be", () => {
  const watch = new GateWatch();
  watch.handleNews(0);
  watch.handleClosing();
  assert.deepEqual([watch.closeDue(null), watch.isClosed], [null, true]);
  watch.handleClosingFailure(3_000);
  assert.deepEqual([watch.closeDue(null), watch.isClosed], [4_000, false]);
  watch.handleClosing();
  watch.beginLook();
  watch.handleChange();
  assert.deepEqual([watch.isClosed, watch.isAway], [false, false]);
});
