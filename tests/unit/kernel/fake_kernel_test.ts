import assert from "node:assert/strict";
import { Refused } from "./fake_nft.ts";
import { newKernel } from "./plan_scene.ts";

Deno.test("FakeKernel refuses two devices with the same outer addresses, as the kernel does", () => {
  const kernel = newKernel();
  const words =
    "type ipip remote 198.51.100.2 local 192.0.2.1 encap fou encap-sport 1 encap-dport 2 mode ipip";
  kernel.ip(`link add name a ${words}`);
  assert.throws(() => kernel.ip(`link add name b ${words}`), Refused);
});
