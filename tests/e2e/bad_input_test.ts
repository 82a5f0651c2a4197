import assert from "node:assert/strict";
import { refuses } from "../executable/bad_input.ts";
import { BAD_INPUTS } from "../unit/settings/bad_input.ts";
import { Scenario } from "./scenario.ts";

/** Only every 150th input runs here. tests/executable runs all, and shows that none even runs `ip` or `nft`. */
const STRIDE = 150;

Deno.test("a bad option or file ends the program with one line and exit code 2, and changes nothing in the kernel", async (t) => {
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
