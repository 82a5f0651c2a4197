import assert from "node:assert/strict";
import { drySystem } from "../../../lib/commands/dry_system.ts";
import { Script } from "../../../lib/commands/script.ts";
import { VirtualClock } from "../fake/clock.ts";
import { newHost } from "../fake/scene.ts";

Deno.test("Script makes no command of what it quotes or says", () => {
  const script = new Script();
  script.ip("link set dev a alias it's;x");
  script.comment("from \n x");
  assert.equal(script.text, "ip link set dev a alias 'it'\\''s;x'\n# from \\u000a x\n");
});

Deno.test("drySystem() writes down what programs would get, and has those alone that are there", async () => {
  const [script, host] = [new Script(), newHost({ latency: null }, new VirtualClock())];
  const { runProgram } = drySystem(host.start().system, script);
  await runProgram("ip", ["-batch", "-"], "link set dev a up\nlink set dev b up\n", 1_000);
  await runProgram("nft", ["-f", "-"], "add table ip t\n", 1_000);
  assert.equal(
    script.text,
    "ip link set dev a up\nip link set dev b up\nnft -f - <<'END'\nadd table ip t\nEND\n",
  );
  host.programs.missing.add("modprobe");
  await assert.rejects(runProgram("modprobe", ["-a", "fou"], "", 1_000), Deno.errors.NotFound);
});
