import assert from "node:assert/strict";
import { recallGate } from "../../../lib/kernel/recall.ts";
import { EMPTY_STATE, type Gate, type KernelState } from "../../../lib/kernel/state.ts";

function state(ends: Record<string, number | null>): KernelState {
  const remotes = Object.entries(ends).map(([key, expiresAt]) =>
    [key, { endpoint: { ip: "198.51.100.2", port: 1 }, port: 2, alt: null, expiresAt }] as const
  );
  return { ...EMPTY_STATE, gate: { remotes: new Map(remotes) } as unknown as Gate };
}

function ends({ gate }: KernelState): Record<string, number | null> {
  return Object.fromEntries([...gate!.remotes].map(([key, { expiresAt }]) => [key, expiresAt]));
}

Deno.test("recallGate() restores the expiry that was set, within the time that nft takes", () => {
  const found = state({ a: 60_000, b: 60_000, c: null, d: 60_000, e: 60_000 });
  const known = state({ a: 60_999, b: 62_000, c: 60_000, d: null });
  assert.deepEqual(ends(recallGate(found, known)), { a: 60_999, b: 60_000, c: null, d: 60_000, e: 60_000 });
});

Deno.test("recallGate() changes nothing without a known state or without a gate", () => {
  const found = state({ a: 60_000 });
  assert.equal(recallGate(found, null), found);
  assert.equal(recallGate(found, EMPTY_STATE), found);
  assert.equal(recallGate(EMPTY_STATE, found), EMPTY_STATE);
});
