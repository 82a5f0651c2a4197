import assert from "node:assert/strict";
import { LabError, type LabOptions, runInLab } from "./lab.ts";

/** Set by `deno task test --kernel`. */
const kernel = Deno.env.get("LAB_KERNEL");

/** Runs a shell script in the lab, with its output as a text. */
async function shell(script: string, options: LabOptions = {}) {
  const decoder = new TextDecoder();
  let output = "";
  const stdout = (chunk: Uint8Array) => {
    output += decoder.decode(chunk, { stream: true });
  };
  const ran = await runInLab(["sh", "-c", script], { ...options, ...(kernel ? { kernel } : {}), stdout });
  return { ...ran, output };
}

Deno.test("runInLab() gives a command's output, result and exit code, whatever it left running", async () => {
  const { output, ...ran } = await shell(
    "setsid sleep 1000 & echo out; echo err > /dev/stderr; seq 100000; echo text > $LAB_RESULT; cat; exit 7",
  );
  assert.deepEqual(ran, { code: 7, result: "text\n" });
  assert.deepEqual(output.split("\n"), [
    "out",
    "err",
    ...Array.from({ length: 100_000 }, (_, i) => `${i + 1}`),
    "",
  ]);
});

Deno.test("runInLab() fails with the kernel's last words when the kernel crashes", async () => {
  await assert.rejects(
    shell("echo c > /proc/sysrq-trigger; sleep 60"),
    (error) => error instanceof LabError && /Kernel panic.*sysrq triggered crash/.test(error.message),
  );
});

Deno.test("runInLab() fails when its time is over", async () => {
  await assert.rejects(shell("sleep 1000", { timeoutSeconds: 3 }), /Linux .* timed out after 3 s\n/);
});

Deno.test("runInLab() fails when a command that is to tell what it does is silent for too long", async () => {
  const command = "for i in 1 2 3; do sleep 2; echo $i; done; sleep 1000";
  await assert.rejects(shell(command, { silenceSeconds: 12 }), {
    name: "SilentLabError",
    message: /Linux .* wrote nothing for 12 s\n/,
  });
});

Deno.test("runInLab() fails when the machine goes away", async () => {
  await assert.rejects(
    shell("exit 0 | echo o > /proc/sysrq-trigger; sleep 60"),
    /without its command's exit code/,
  );
});
