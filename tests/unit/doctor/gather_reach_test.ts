import assert from "node:assert/strict";
import { makeReplyPayload } from "../../../lib/auth/scheme.ts";
import { authWay, gatherReach } from "../../../lib/doctor/gather_reach.ts";
import type { IcmpMessage } from "../../../lib/doctor/icmp.ts";
import type { PingAnswer, Pinger } from "../../../lib/doctor/pinger.ts";
import type { Reach } from "../../../lib/doctor/reach.ts";
import { type InstanceSystem, type Sight, takeSight } from "../../../lib/doctor/sight.ts";
import type { Host } from "../../../lib/doctor_ports.ts";
import type { IpDevice } from "../../../lib/listing.ts";
import { buildUdpPacket, parseUdpPacket } from "../../../lib/packet.ts";
import { VirtualClock } from "../fake/clock.ts";
import type { FakeHost } from "../fake/host.ts";
import { newHost } from "../fake/scene.ts";
import { clientSettings, PORT, schemeOf, SERVER, SERVER_NAME } from "../pair/world.ts";

const HOST = { families: () => new Set(["fou"]) } as Partial<Host> as Host;

type IcmpError = IcmpMessage & { kind: "error" };

/** What ICMP tells of a datagram of a client's, but for `fields`. */
function errorAbout(fields: Partial<IcmpError> = {}): IcmpError {
  return {
    ...{ kind: "error", from: "203.0.113.7", why: "a firewall forbids it", mtu: null, id: null },
    ...{ destination: SERVER.ip, ports: { source: PORT, destination: PORT } },
    ...fields,
  };
}

/** Looks at a client of the server on a host. */
async function lookFrom(host: FakeHost): Promise<{ readonly sight: Sight; readonly around: InstanceSystem }> {
  host.resolver.addresses.set(SERVER_NAME, SERVER.ip);
  const around = { system: host.start().system, host: HOST };
  return { sight: await takeSight(clientSettings(0), around, false), around };
}

/** Asks from a host without a tunnel. @param replyAfter milliseconds; null: never @returns also what was sent, by length */
async function reachFrom(
  { errors = [], ping = "lost", replyAfter = null }: {
    readonly errors?: readonly IcmpError[];
    readonly ping?: "answered" | "lost";
    readonly replyAfter?: number | null;
  },
): Promise<{ readonly reach: Reach | null; readonly lengths: readonly number[] }> {
  const clock = new VirtualClock();
  const lengths: number[] = [];
  const host = newHost({ latency: null, onSent: (packet) => receive(packet) }, clock);
  const receive = (packet: Uint8Array) => {
    const { source, destination, payload } = parseUdpPacket(packet)!;
    lengths.push(payload.length);
    if (replyAfter === null) return;
    const answer = makeReplyPayload(schemeOf(0, "server"), payload, 1, (length) => new Uint8Array(length));
    const reply = buildUdpPacket({ source: destination, destination: source, payload: answer }, 64);
    clock.waitUntil(clock.now() + replyAfter).then(() => {
      for (const socket of host.replySockets) socket.put(reply);
    });
  };
  const { sight, around } = await lookFrom(host);
  const answer: PingAnswer = ping === "lost" ? { kind: "lost" } : { kind: "answered", after: 1 };
  const pinger: Pick<Pinger, "errors" | "ping"> = { errors, ping: () => Promise.resolve(answer) };
  const gathering = gatherReach(sight, around, pinger as Pinger);
  await clock.advance(60_000);
  return { reach: (await gathering).reach, lengths };
}

Deno.test("gatherReach() sends until the server accepts, and then a good-bye", async () => {
  const quick = await reachFrom({ replyAfter: 20 });
  assert.deepEqual(quick, { reach: { kind: "accepted", after: 20 }, lengths: [73, 79] });
  // After 1 s it asks again.
  const slow = await reachFrom({ replyAfter: 1_500 });
  assert.deepEqual(slow.lengths, [73, 73, 79]);
  const { lengths } = await reachFrom({});
  assert.deepEqual(lengths, [73, 73, 73]);
});

Deno.test("gatherReach() explains silence by what ICMP tells of its own datagrams, and of no others", async () => {
  const { reach } = await reachFrom({ errors: [errorAbout()] });
  assert.deepEqual(reach, { kind: "refused", from: "203.0.113.7", why: "a firewall forbids it" });
  const others = [
    ...[{ destination: "192.0.2.9" }, { ports: null }],
    ...[{ source: PORT + 1, destination: PORT }, { source: PORT, destination: PORT + 1 }].map((ports) => ({
      ports,
    })),
  ];
  for (const fields of others) {
    const { reach } = await reachFrom({ errors: [errorAbout(fields)] });
    assert.equal(reach!.kind, "silent", JSON.stringify(fields));
  }
});

Deno.test("gatherReach() pings a silent server", async () => {
  for (const ping of ["answered", "lost"] as const) {
    const { reach } = await reachFrom({ ping });
    assert.equal(reach!.kind === "silent" && reach!.echoes, ping === "answered");
  }
});

Deno.test("authWay() knows a tunnel that others keep by its ends", async () => {
  const { sight } = await lookFrom(newHost({ latency: null }, new VirtualClock()));
  assert.ok(!("lack" in sight.outside));
  const { outside } = sight;
  const stands = (remote: string, sport: number, dport: number) => {
    const device: IpDevice = {
      ...{ ifindex: 7, ifname: "x", flags: [], mtu: 1472, "link_type": "ipip", "addr_info": [] },
      linkinfo: {
        "info_kind": "ipip",
        "info_data": { remote, encap: { type: "fou", sport, dport, csum: false } },
      },
    };
    return authWay({ ...sight, devices: [device] }, outside)!.stands;
  };
  assert.equal(stands(SERVER.ip, PORT, PORT), true);
  assert.equal(stands("192.0.2.9", PORT, PORT), false);
  assert.equal(stands(SERVER.ip, PORT + 1, PORT), false);
  assert.equal(stands(SERVER.ip, PORT, PORT + 1), false);
});
