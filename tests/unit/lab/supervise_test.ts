import assert from "node:assert/strict";
import { supervise } from "../../lab/supervise.ts";

const discard = () => {};

Deno.test("supervise() passes on the output and tells the end", async () => {
  const chunks: Uint8Array[] = [];
  const argv = ["sh", "-c", "echo out; echo err >&2; exit 3"];
  const end = await supervise({ argv, stdout: (chunk) => chunks.push(chunk), limits: [] });
  assert.equal(end.status.code, 3);
  assert.equal(end.stderr, "err\n");
  assert.equal(end.killed, undefined);
  assert.equal(new TextDecoder().decode(Uint8Array.from(chunks.flatMap((chunk) => [...chunk]))), "out\n");
});

Deno.test("supervise() kills at the first limit that holds, and says why", async () => {
  const end = await supervise({
    argv: ["sleep", "60"],
    stdout: discard,
    limits: [
      { seconds: 0.01, reason: "never", holds: () => false },
      { seconds: 0.05, reason: "took too long" },
    ],
  });
  assert.equal(end.killed, "took too long");
  assert.equal(end.status.signal, "SIGKILL");
});
