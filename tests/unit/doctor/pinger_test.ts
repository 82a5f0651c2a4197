import assert from "node:assert/strict";
import { Pinger } from "../../../lib/doctor/pinger.ts";
import { buildPing } from "../../../lib/packet.ts";
import { VirtualClock } from "../fake/clock.ts";
import { Mailbox } from "../fake/mailbox.ts";
import { FakeSysError } from "../fake/sys_error.ts";

const WAY = { source: "10.0.0.2", device: null, mark: 0 };

/** A router's word that a packet is too long. */
function tooLong(packet: Uint8Array, mtu: number): Uint8Array {
  const header = buildPing("203.0.113.7", "10.0.0.2", Uint8Array.of(0, 0, mtu >> 8, mtu & 0xff), 64);
  header.set([3, 4], 20);
  return Uint8Array.from([...header, ...packet.subarray(0, 28)]);
}

function pingerOf(send: (packet: Uint8Array, icmp: Mailbox<Uint8Array>) => void) {
  const [clock, icmp] = [new VirtualClock(), new Mailbox<Uint8Array>(100)];
  const socket = { packets: () => icmp.read(), [Symbol.dispose]: () => icmp.close() };
  const openRawSocket = () => ({
    ...{ defaultTtl: 64, [Symbol.dispose]: () => {} },
    send: (packet: Uint8Array) => send(packet, icmp),
  });
  const random = { bytes: (length: number) => new Uint8Array(length).fill(7), fraction: () => 0 };
  const pinger = new Pinger({ clock, random, openRawSocket }, socket);
  return { clock, pinger, ping: () => pinger.ping(WAY, "192.0.2.1", 1_500, 1_000) };
}

Deno.test("Pinger tells packets that the own device or a router finds too long from lost ones", async () => {
  const router = pingerOf((packet, icmp) => icmp.put(tooLong(packet, 1_400)));
  assert.deepEqual(await router.ping(), { kind: "too long", mtu: 1_400 });
  assert.equal(router.pinger.errors.length, 1);
  assert.equal(router.clock.pending, 0, "nobody waits for more");
  const refused = (code: "EMSGSIZE" | "EPERM") => () => {
    throw new FakeSysError("send", "sendto", code);
  };
  assert.deepEqual(await pingerOf(refused("EMSGSIZE")).ping(), { kind: "too long", mtu: 0 });
  await assert.rejects(pingerOf(refused("EPERM")).ping(), /EPERM/);
  const { clock, ping } = pingerOf(() => {});
  const lost = ping();
  await clock.advance(1_000);
  assert.deepEqual(await lost, { kind: "lost" });
});

Deno.test("Pinger keeps a bounded number of errors", async () => {
  const other = buildPing("10.0.0.2", "192.0.2.1", new Uint8Array(4), 64);
  const { pinger, ping } = pingerOf((packet, icmp) => {
    for (let count = 0; count < 90; count++) icmp.put(tooLong(other, 1_400));
    icmp.put(tooLong(packet, 1_400));
  });
  await ping();
  assert.equal(pinger.errors.length, 64);
});
