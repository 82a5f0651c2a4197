import assert from "node:assert/strict";
import fc from "fast-check";
import { jobScript, shellQuote } from "../../lab/guest.ts";
import { must } from "../../../tools/command.ts";

const job = { argv: ["true"], cwd: "/", env: {} };

Deno.test("shellQuote() makes any word arrive unchanged", async () => {
  const words = fc.sample(fc.string({ unit: "binary" }).filter((word) => !word.includes("\0")), 200);
  words.push("", "'", "it's", "$(reboot)", "a\nb", "\\", "`id`");
  const echoed = await must(["sh", "-c", `printf '%s\\0' ${words.map(shellQuote).join(" ")}`]);
  assert.deepEqual(echoed.split("\0"), [...words.map((word) => word.toWellFormed()), ""]);
});

Deno.test("jobScript() is shell that parses, with and without a terminal, under systemd, and on another root", async () => {
  const root = { folder: "/roots/a", visible: ["/a b", "/c"] };
  for (const more of [{}, { terminal: { rows: 24, columns: 80 } }, { systemd: true }, { root }]) {
    await must(["sh", "-n"], { stdin: jobScript({ ...job, ...more }, "/lib/modules") });
  }
});
