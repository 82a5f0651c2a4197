import assert from "node:assert/strict";
import { takeSight } from "../../../lib/doctor/sight.ts";
import type { Host } from "../../../lib/doctor_ports.ts";
import { VirtualClock } from "../fake/clock.ts";
import { newHost } from "../fake/scene.ts";
import { FakeSysError } from "../fake/sys_error.ts";
import { clientSettings } from "../pair/world.ts";

Deno.test("takeSight() goes on without FOU ports that it may not list, and a name that nobody answers for", async () => {
  const host = newHost({ latency: null }, new VirtualClock());
  const { system } = host.start();
  const refuse = () => {
    throw new FakeSysError("list FOU ports", "recvmsg", "EPERM");
  };
  const blind = {
    ...system,
    openReader: () => Object.defineProperties(system.openReader(), { fouPorts: { value: refuse } }),
    resolve: () => new Promise<never>(() => {}),
  };
  const sees: Partial<Host> = { families: () => new Set(["fou"]) };
  const looking = takeSight(clientSettings(0), { system: blind, host: sees as Host }, false);
  await host.clock.advance(5_000);
  const { fou, server } = await looking;
  assert.deepEqual([fou, server], [null, null]);
});
