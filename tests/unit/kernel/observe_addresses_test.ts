import assert from "node:assert/strict";
import { identityOf } from "../../../lib/kernel/identity.ts";
import { sortOut } from "../../../lib/kernel/observe.ts";
import { sampleSettings } from "../samples.ts";
import { newKernel, NOW } from "./plan_scene.ts";

Deno.test("sortOut() tells which addresses nobody should choose, and why", () => {
  const kernel = newKernel();
  kernel.addDevice("lo", { kind: "", addresses: ["127.0.0.1/8"] });
  const device = kernel.addDevice("eth1", { addresses: ["10.0.1.2/24", "169.254.1.1/16"] });
  kernel.fib.addAddress(device, { local: "10.0.9.9", peer: "10.0.9.9", length: 24, scope: "link" });
  const listing = kernel.list("ipipou");
  const devices = listing.devices.map((device) =>
    device.ifname !== "eth1" ? device : {
      ...device,
      addr_info: [
        ...device.addr_info,
        { local: "10.0.2.1", scope: "global", deprecated: true as const },
        { local: "10.0.2.2", scope: "global", tentative: true as const },
        { local: "10.0.2.3", scope: "global", dadfailed: true as const },
        { local: "10.0.2.4", scope: "host" },
      ],
    }
  );
  const { unfitAddresses, hostAddresses } = sortOut(
    { ...listing, devices },
    identityOf(sampleSettings()),
    NOW,
  );
  assert.deepEqual(
    hostAddresses.get("eth1")?.slice(0, 2),
    ["10.0.9.9", "10.0.1.2"],
    "as the kernel orders them",
  );
  assert.deepEqual(
    unfitAddresses,
    new Map([
      ["10.0.9.9", "link-local"],
      ["169.254.1.1", "link-local"],
      ["10.0.2.1", "deprecated"],
      ["10.0.2.2", "tentative"],
      ["10.0.2.3", "in use by another host"],
      ["10.0.2.4", "of this host alone"],
    ]),
  );
});
