import assert from "node:assert/strict";
import { Process } from "../../lab/process.ts";

const PATIENCE = 10_000;

Deno.test("Process.waitForLine() finds each matching line once, those already there too", async () => {
  const process = new Process(["sh", "-c", "echo one; echo two; echo two; read x; echo never"]);
  assert.equal(await process.waitForLine(/two/, PATIENCE), "two");
  assert.equal(await process.waitForLine(/two/, PATIENCE), "two");
  await process.exit;
  await assert.rejects(
    process.waitForLine(/two/, PATIENCE),
    /ended without a line like \/two\/; its output:\none/,
  );
});

Deno.test("Process.waitForLine() rejects with the output after its time", async () => {
  const process = new Process(["sh", "-c", "echo here I am; exec sleep 60"]);
  await process.waitForLine(/here/, PATIENCE);
  await assert.rejects(
    process.waitForLine(/gone/, 20),
    /wrote no line like \/gone\/ within 20 ms.*\nhere I am/s,
  );
  assert.deepEqual(await process.kill(), { code: 143 });
});

Deno.test("Process.waitForLine() rejects when the program ends meanwhile", async () => {
  const process = new Process(["sh", "-c", "exit 3"]);
  await assert.rejects(process.waitForLine(/x/, PATIENCE), /ended/);
  assert.deepEqual(await process.exit, { code: 3 });
});

Deno.test("Process.kill() rejects with the output when the program does not end, and leaves none behind", async () => {
  const process = new Process(["sh", "-c", "trap '' TERM; echo here I am; while :; do sleep 1; done"]);
  await process.waitForLine(/here/, PATIENCE);
  await assert.rejects(process.kill("SIGTERM", 20), /did not end within 20 ms after SIGTERM.*\nhere I am/s);
  assert.deepEqual(await process.exit, { code: 137 });
});

Deno.test("Process.kill() leaves a program that has ended as it is", async () => {
  const process = new Process(["sh", "-c", "echo out; echo err >&2; exit 7"]);
  await process.exit;
  assert.deepEqual(await process.kill("SIGKILL"), { code: 7 });
  assert.deepEqual(process.lines.toSorted(), ["err", "out"]);
});
