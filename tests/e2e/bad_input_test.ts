import assert from "node:assert/strict";
import { refuses } from "../executable/bad_input.ts";
import { BAD_INPUTS } from "../unit/settings/bad_input.ts";
import { Scenario } from "./scenario.ts";

/** Every so many of them; all of them run elsewhere, where it is shown that none even runs `ip` or `nft`. */
const STRIDE = 150;

Deno.test("a bad option or file ends in one line and exit code 2, and changes nothing in the kernel", async (t) => {
  await using scenario = await Scenario.create();
  const before = await scenario.snapshot("server");
  for (const input of BAD_INPUTS.filter((_, index) => index % STRIDE === 0)) {
    await t.step(
      input.name,
      () => refuses(input, { enter: ["ip", "netns", "exec", scenario.network.ns("server")] }),
    );
  }
  assert.equal(await scenario.snapshot("server"), before);
});
