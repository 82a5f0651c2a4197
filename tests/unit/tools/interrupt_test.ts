import assert from "node:assert/strict";
import { textLines } from "../../../tools/lines.ts";

const SCRIPT = `
import { cleanUpOnInterrupt } from "${new URL("../../../tools/interrupt.ts", import.meta.url)}";
const say = (line) => Deno.stdout.writeSync(new TextEncoder().encode(line + "\\n"));
const listening = cleanUpOnInterrupt(() => {
  say("begin");
  // Whoever read that does something meanwhile.
  Deno.stdin.readSync(new Uint8Array(1));
  say("end");
});
if (Deno.args[0] === "disposed") listening[Symbol.dispose]();
say("ready");
setInterval(() => {}, 60_000);
`;

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** What a program says that gets a signal, and another one while it cleans up, and how it ends. */
async function interrupt(signal: Deno.Signal, again: Deno.Signal, ...args: string[]): Promise<string[]> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-check", "--quiet", SCRIPT, ...args],
    ...{ stdin: "piped", stdout: "piped" } as const,
  }).spawn();
  const said: string[] = [];
  for await (const line of textLines(child.stdout)) {
    said.push(line);
    if (line === "ready") child.kill(signal);
    if (line !== "begin") continue;
    child.kill(again);
    const writer = child.stdin.getWriter();
    // It may have ended: then it does not say that it has cleaned up.
    await writer.write(Uint8Array.of(0)).catch(() => {});
    writer.releaseLock();
  }
  await child.stdin.close().catch(() => {});
  return [...said, (await child.status).signal!];
}

Deno.test("cleanUpOnInterrupt() cleans up whole, however often the program is told to end, which then ends by a signal", async () => {
  for (const first of SIGNALS) {
    for (const again of SIGNALS) {
      const [signal, ...said] = (await interrupt(first, again)).reverse();
      assert.deepEqual(said.reverse(), ["ready", "begin", "end"], `${first}, ${again}`);
      assert.ok(signal === first || signal === again, signal);
    }
  }
});

Deno.test("cleanUpOnInterrupt() leaves signals to others once it is disposed of", async () => {
  assert.deepEqual(await interrupt("SIGTERM", "SIGTERM", "disposed"), ["ready", "SIGTERM"]);
});
