import assert from "node:assert/strict";
import { BAD_INPUTS } from "../unit/settings/bad_input.ts";
import type { BadInput } from "../unit/settings/bad_input/input.ts";
import { refuses } from "./bad_input.ts";
import { makeTraps } from "./traps.ts";

/** How many inputs run at the same time. */
const JOBS = 4;

Deno.test("the executable refuses every bad input with one line, and runs no program that could change anything", async (t) => {
  const traps = await makeTraps();
  const waiting = [...BAD_INPUTS];
  const step = (input: BadInput) => ({
    name: input.name,
    fn: () => refuses(input, { env: { PATH: `${traps}:${Deno.env.get("PATH")}` } }),
    // The sanitizers cannot tell which of several parallel steps opened something.
    sanitizeOps: false,
    sanitizeResources: false,
    sanitizeExit: false,
  });
  const work = async () => {
    for (let input = waiting.shift(); input !== undefined; input = waiting.shift()) await t.step(step(input));
  };
  try {
    await Promise.all(Array.from({ length: JOBS }, work));
    const left = await Array.fromAsync(Deno.readDir(traps), ({ name }) => name);
    assert.deepEqual(left.sort(), ["ip", "modprobe", "nft"]);
  } finally {
    await Deno.remove(traps, { recursive: true });
  }
});

Deno.test("the executable does not mention missing programs that it does not need", async () => {
  const input = { name: "", argv: ["-s"], message: /without a local address or device/ } as const;
  await refuses(input, { env: { PATH: "/nonexistent" } });
});

Deno.test("the traps catch a good input", async () => {
  const traps = await makeTraps();
  try {
    const command = new Deno.Command(new URL("../../dist/ipipou", import.meta.url).pathname, {
      args: ["-s", "-b@eth0", "--auth-token", "x"],
      env: { PATH: `${traps}:${Deno.env.get("PATH")}` },
      stderr: "null",
    });
    await command.output();
    assert.ok((await Deno.stat(`${traps}/called`)).isFile);
  } finally {
    await Deno.remove(traps, { recursive: true });
  }
});
