import assert from "node:assert/strict";
import { run } from "../../tools/command.ts";
import { makeTraps } from "./traps.ts";

/** The first thing that `-vv` shows, with the modules loaded or not. The start fails: there is no such device. */
const LOOK = "(modprobe -a fou ipip$|reading the kernel's devices)";
const IPIPOU = new URL("../../dist/ipipou", import.meta.url).pathname;

Deno.test("log lines have the requested prefix, and the log the requested verbosity", async (t) => {
  const traps = await makeTraps();
  const env = { PATH: `${traps}:${Deno.env.get("PATH")}` };
  const warning = "Warning: The value of --auth-token is visible";
  const cases = [
    {
      options: [],
      first: `\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d:\\d\\d \\[\\d+\\] ${warning}`,
      second: "ipipou: Cannot ",
    },
    {
      options: ["--no-log-time"],
      first: `\\[\\d+\\] ${warning}`,
      second: "ipipou: Cannot ",
    },
    {
      options: ["--no-log-pid", "-v"],
      first: `\\d{4}-\\S+ \\S+ ${warning}`,
      second: "ipipou: Cannot ",
    },
    { options: ["--no-log-time", "--no-log-pid", "-vv"], first: warning, second: LOOK },
    {
      options: ["--no-log-time", "--no-log-pid", "--verb", "2"],
      first: warning,
      second: LOOK,
    },
  ];
  try {
    for (const { options, first, second } of cases) {
      await t.step(options.join(" ") || "no options", async () => {
        const argv = [IPIPOU, "-s", "-b@none0", "--auth-token", "x", ...options];
        const lines = (await run(argv, { env })).stderr.split("\n");
        assert.match(lines[0]!, new RegExp(`^${first}`));
        assert.match(lines[1]!, new RegExp(`^${second}`));
      });
    }
  } finally {
    await Deno.remove(traps, { recursive: true });
  }
});

Deno.test("variables of the dynamic linker in the environment do not keep it from running programs", async () => {
  const traps = await makeTraps();
  const env = { PATH: `${traps}:${Deno.env.get("PATH")}`, LD_LIBRARY_PATH: "/nowhere" };
  try {
    const { stderr } = await run([IPIPOU, "-s", "-b@none0", "--auth-token", "x"], { env });
    assert.match(stderr, /^ipipou: Cannot /m);
  } finally {
    await Deno.remove(traps, { recursive: true });
  }
});

Deno.test("log lines begin with just their priority when they go to the journal", async (t) => {
  const traps = await makeTraps();
  const file = `${traps}/log`;
  const linesOf = async (stream: string, ...options: string[]) => {
    const env = { PATH: `${traps}:${Deno.env.get("PATH")}`, JOURNAL_STREAM: stream };
    const argv = [IPIPOU, "-s", "-b@none0", "--auth-token", "x", ...options];
    await run(["sh", "-c", 'exec "$@" 2> "$0"', file, ...argv], { env });
    return (await Deno.readTextFile(file)).trimEnd().split("\n");
  };
  try {
    await Deno.writeTextFile(file, "");
    const { dev, ino } = await Deno.stat(file);
    const here = `${dev}:${ino}`;
    await t.step("to the journal", async () => {
      const lines = await linesOf(here, "-vv");
      assert.match(lines[0]!, /^<4>Warning: The value of --auth-token is visible/);
      assert.match(lines[1]!, new RegExp(`^<7>${LOOK}`));
      assert.match(lines.at(-1)!, /^<3>ipipou: Cannot /);
    });
    await t.step("to the journal, about invalid settings", async () => {
      assert.match((await linesOf(here, "--unknown"))[0]!, /^<3>ipipou: /);
    });
    await t.step("elsewhere", async () => {
      const lines = await linesOf(`${dev}:${ino! + 1}`, "--no-log-pid");
      assert.match(lines[0]!, /^\d{4}-\S+ \S+ Warning: /);
      assert.match(lines.at(-1)!, /^ipipou: /);
    });
  } finally {
    await Deno.remove(traps, { recursive: true });
  }
});

Deno.test("the log is JSON from the first line to the one that says why the program ends, without addresses if so told", async () => {
  const traps = await makeTraps();
  const env = { PATH: `${traps}:${Deno.env.get("PATH")}` };
  try {
    const argv = [
      IPIPOU,
      "-s",
      "-b192.0.2.1",
      "--auth-token",
      "x",
      "--log-format",
      "json",
      "--no-log-addresses",
      "-vv",
    ];
    const { code, stderr } = await run(argv, { env });
    assert.notEqual(code, 0);
    const lines = stderr.trimEnd().split("\n").map((line) => JSON.parse(line));
    assert.deepEqual(lines.map(({ level }) => level).filter((level) => level !== "command"), [
      "warning",
      "error",
    ]);
    const { event, code: told } = lines.at(-1);
    assert.deepEqual({ event, told }, { event: "failed", told: code });
    assert.match(lines[0].message, /^The value of --auth-token is visible/);
    assert.match(lines[0].time, /^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    assert.equal(typeof lines[0].pid, "number");
    assert.doesNotMatch(stderr, /192\.0\.2\.1/);
  } finally {
    await Deno.remove(traps, { recursive: true });
  }
});
