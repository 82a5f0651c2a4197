import assert from "node:assert/strict";
import {
  isIdentity,
  isInnerUserNamespace,
  kernelRelease,
  releaseWithoutModules,
} from "../../../ffi/surroundings.ts";
import { must } from "../../../tools/command.ts";

Deno.test("isInnerUserNamespace() is true where not every user of the machine is itself", async () => {
  const map = await Deno.readTextFile("/proc/self/uid_map");
  assert.equal(isInnerUserNamespace(), !isIdentity(map));
  assert.ok(isIdentity("         0          0 4294967295\n"));
  for (const inner of ["         0     100000      65536\n", "0 0 1\n", "0 0 4294967295\n1 1 1\n", ""]) {
    assert.ok(!isIdentity(inner), inner);
  }
});

Deno.test("releaseWithoutModules() tells of modules that are gone only where those of other kernels are", async () => {
  const release = (await must(["uname", "-r"])).trim();
  assert.equal(kernelRelease(), release);
  const folder = await Deno.makeTempDir();
  try {
    assert.equal(releaseWithoutModules(`${folder}/none`), null);
    assert.equal(releaseWithoutModules(folder), null);
    await Deno.mkdir(`${folder}/6.1.0-99-amd64`);
    assert.equal(releaseWithoutModules(folder), release);
    await Deno.mkdir(`${folder}/${release}`);
    assert.equal(releaseWithoutModules(folder), null);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
