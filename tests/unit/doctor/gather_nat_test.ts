import assert from "node:assert/strict";
import { gatherNat } from "../../../lib/doctor/gather_nat.ts";
import { takeSight } from "../../../lib/doctor/sight.ts";
import type { Host } from "../../../lib/doctor_ports.ts";
import type { ReplySocket } from "../../../lib/ports.ts";
import { VirtualClock } from "../fake/clock.ts";
import { Mailbox } from "../fake/mailbox.ts";
import { newHost } from "../fake/scene.ts";
import { clientSettings, SERVER_NAME } from "../pair/world.ts";

Deno.test("gatherNat() tells why nothing more can be read, and gives back the port", async () => {
  const host = newHost({ latency: null }, new VirtualClock());
  host.resolver.addresses.set(SERVER_NAME, "198.51.100.1");
  let isHeld = false;
  const looking: Partial<Host> = {
    families: () => new Set(),
    holdPort: () => {
      isHeld = true;
      return { [Symbol.dispose]: () => isHeld = false };
    },
  };
  const packets = new Mailbox<Uint8Array>(1);
  packets.fail(new Error("Cannot read replies: ENETDOWN"));
  const nothing = () => {};
  const broken: ReplySocket = {
    packets: () => packets.read(),
    ...{ use: nothing, resume: nothing, pause: nothing, [Symbol.dispose]: nothing },
  };
  const system = { ...host.start().system, openReplySocket: () => broken };
  const around = { system, host: looking as Host };
  const sight = await takeSight(clientSettings(0), around);
  const reach = { server: "", expectsReplies: true, reach: { kind: "accepted", after: 1 } } as const;
  const gathering = gatherNat(sight, around, reach);
  await host.clock.advance(60_000);
  const facts = await gathering;
  assert.equal(facts?.problem, "Cannot read replies: ENETDOWN");
  assert.equal(isHeld, false);
});
