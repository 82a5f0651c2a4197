import assert from "node:assert/strict";
import { run } from "../../tools/command.ts";
import { makeTraps } from "./traps.ts";

const IPIPOU = new URL("../../dist/ipipou", import.meta.url).pathname;

Deno.test("the log begins its lines as asked for, and says as much as asked for", async (t) => {
  const traps = await makeTraps();
  const env = { PATH: `${traps}:${Deno.env.get("PATH")}` };
  const warning = "Warning: The value of --auth-token shows";
  const cases = [
    {
      options: [],
      first: `\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d \\[\\d+\\] ${warning}`,
      second: "ipipou: Cannot read what \\w+ printed as JSON",
    },
    {
      options: ["--no-log-time"],
      first: `\\[\\d+\\] ${warning}`,
      second: "ipipou: Cannot read what \\w+ printed as JSON",
    },
    {
      options: ["--no-log-pid", "-v"],
      first: `\\d{4}-\\S+ \\S+ ${warning}`,
      second: "ipipou: Cannot read what \\w+ printed as JSON",
    },
    { options: ["--no-log-time", "--no-log-pid", "-vv"], first: warning, second: "modprobe -a fou ipip$" },
    {
      options: ["--no-log-time", "--no-log-pid", "--verb", "2"],
      first: warning,
      second: "modprobe -a fou ipip$",
    },
  ];
  try {
    for (const { options, first, second } of cases) {
      await t.step(options.join(" ") || "nothing asked for", async () => {
        const argv = [IPIPOU, "-s", "-b@eth0", "--auth-token", "x", ...options];
        const lines = (await run(argv, { env })).stderr.split("\n");
        assert.match(lines[0]!, new RegExp(`^${first}`));
        assert.match(lines[1]!, new RegExp(`^${second}`));
      });
    }
  } finally {
    await Deno.remove(traps, { recursive: true });
  }
});
