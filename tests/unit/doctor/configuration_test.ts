import assert from "node:assert/strict";
import { type ConfigurationFacts, judgeConfiguration } from "../../../lib/doctor/configuration.ts";

Deno.test("judgeConfiguration() tells mistakes from warnings, and from what this user may not read", () => {
  const judge = (fields: Partial<ConfigurationFacts>) =>
    judgeConfiguration({ path: "/o.toml", mistakes: [], warnings: [], unread: [], ...fields })
      .map(({ level, what, cure }) => `${level}: ${what}: ${cure}`);
  const [fine, mend] = ["ok: /o.toml: no mistakes: null", "mend it, then ipipou check /o.toml"];
  assert.deepEqual(judge({}), [fine]);
  assert.deepEqual(judge({ mistakes: ["Unknown key"] }), [`fault: Unknown key: ${mend}`]);
  assert.deepEqual(judge({ warnings: ["No effect"] }), [`warning: No effect: ${mend}`, fine]);
  assert.deepEqual(judge({ unread: ["/s"] }), ["unseen: /s: run it as root", fine]);
});
