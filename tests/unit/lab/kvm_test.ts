import assert from "node:assert/strict";
import { readVerdict, refusalOf, writeVerdict } from "../../lab/kvm.ts";

const BOOTED = "[    0.5] Run /init as init process\nprograms run in it\n[    0.9] reboot: Power down\n";

Deno.test("refusalOf() takes KVM where programs ran and the machine ended by itself", () => {
  assert.equal(refusalOf({ log: BOOTED, stderr: "" }), undefined);
  assert.equal(refusalOf({ log: BOOTED, stderr: "warning: some feature is missing\n" }), undefined);
});

Deno.test("refusalOf() refuses KVM where a machine hangs, stops or does not begin, and says which", () => {
  const killed = "did not end within 15 s";
  assert.equal(refusalOf({ log: "", stderr: "", killed }), "a machine with KVM did not end within 15 s");
  assert.equal(refusalOf({ log: BOOTED, stderr: "", killed }), "a machine with KVM did not end within 15 s");
  assert.equal(
    refusalOf({
      log: "[    0.1] Linux",
      stderr: "KVM internal error. Suberror: 1\nRAX=0 RBX=1\nCode=<cc>\n",
      killed,
    }),
    "a machine with KVM did not end within 15 s (KVM internal error. Suberror: 1)",
  );
  assert.equal(
    refusalOf({ log: "Kernel panic", stderr: "qemu: error: failed to set MSR 0x38f\n" }),
    "a machine with KVM ended before it had booted (qemu: error: failed to set MSR 0x38f)",
  );
});

Deno.test("readVerdict() reads what writeVerdict() wrote, and nothing else", () => {
  for (const refusal of [undefined, "it hangs", "it hangs: kvm: 1"]) {
    assert.deepEqual(readVerdict(writeVerdict(refusal)), { refusal });
  }
  assert.deepEqual(readVerdict(writeVerdict("two\nlines")), { refusal: "two lines" });
  for (const text of ["", "kvm: it ha", "something else\n"]) assert.equal(readVerdict(text), null);
});
