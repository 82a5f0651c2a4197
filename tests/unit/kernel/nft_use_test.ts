import assert from "node:assert/strict";
import { EXIT, IpipouError } from "../../../lib/errors.ts";
import { CLAMP } from "../../../lib/kernel/clamp_rules.ts";
import { HINT } from "../../../lib/kernel/hint_rules.ts";
import { NftUse } from "../../../lib/kernel/nft_use.ts";
import { Log } from "../../../lib/log.ts";
import { sampleSettings } from "../samples.ts";
import { OUTSIDE } from "./plan_scene.ts";

const WANTED = {
  settings: sampleSettings({ mssClamp: "auto" }),
  outside: OUTSIDE,
  admissions: new Map(),
  hints: { keys: new Set(["1 . 2"]), queue: 7 },
};

/** An instance's use of nft. @param lines gets the log */
function newUse(isNeeded: boolean, lines: string[] = []): NftUse {
  const write = (line: string) => lines.push(line);
  return new NftUse(
    isNeeded,
    new Log({ verbosity: 0, time: false, pid: null, write, now: () => new Date() }),
  );
}

function refusal(what: string): IpipouError {
  return new IpipouError(`Cannot run nft '${what}': Operation not supported`, EXIT.nft);
}

/** What a change has to do without after this failure; the error if it fails for good. */
async function without(use: NftUse, error: unknown): Promise<unknown> {
  const apply = () => {
    const { settings, hints } = use.possible(WANTED);
    return Promise.resolve({ mode: use.mode, mssClamp: settings.mssClamp, hasHints: hints !== undefined });
  };
  return await use.goOnWithout(error, apply).catch((error) => error);
}

Deno.test("goOnWithout() goes on without just what nft refused, until it is worth another try", async () => {
  const lines: string[] = [];
  const use = newUse(true, lines);
  assert.deepEqual(use.possible(WANTED), WANTED);
  const noClamp = { mode: "needed", mssClamp: null, hasHints: true };
  assert.deepEqual(await without(use, refusal(`add rule ${CLAMP} rt mtu`)), noClamp);
  assert.deepEqual(await without(use, refusal(`typeof ${HINT}`)), { ...noClamp, hasHints: false });
  assert.deepEqual(lines.map((line) => /going on without (\S+ \S+)/.exec(line)?.[1]), [
    "--tunl-mss-clamp, until",
    "a limit",
  ]);
  const again = refusal(`typeof ${HINT}`);
  assert.equal(await without(use, again), again, "the same thing is refused for ever");
  use.retry();
  assert.deepEqual(use.possible(WANTED), WANTED);
});

Deno.test("goOnWithout() does without a gate only once, for who needs none, and only where nft is what failed", async () => {
  const use = newUse(false);
  assert.equal(use.mode, "if-usable");
  const noGate = { mode: "none", mssClamp: "auto", hasHints: true };
  assert.deepEqual(await without(use, refusal("add table ip t")), noGate);
  assert.equal(use.mode, "if-usable", "a later change tries it again");
  await use.goOnWithout(refusal("add table ip t"), () => Promise.reject(new Error("no device"))).catch(
    () => {},
  );
  assert.equal(use.mode, "if-usable", "so it does after a failure");
  for (const error of [new IpipouError("Cannot run 'ip link'", EXIT.ipLink), new Error("a bug")]) {
    assert.equal(await without(use, error), error);
  }
  use.need();
  const gone = refusal("add table ip t");
  assert.equal(await without(use, gone), gone, "a tunnel would lose the gate that it has");
  assert.equal(use.mode, "needed");
});
