import assert from "node:assert/strict";
import { buildFragment, isAboutFragment } from "../../../lib/doctor/fragment.ts";
import { judgeNat, type NatFacts, searchOpen } from "../../../lib/doctor/nat.ts";
import { parseIpv4 } from "../../../lib/ipv4.ts";
import { buildUdpPacket } from "../../../lib/packet.ts";
import { datagramFilter } from "../../../lib/reply_filter.ts";
import { runBpf } from "../fake/bpf.ts";

function judge(fields: Partial<NatFacts>) {
  const finding = judgeNat({
    ...{ keepalive: 25, problem: null, open: 30, shut: null },
    ...fields,
  });
  return `${finding.level}: ${finding.what}: ${finding.cure}`;
}

Deno.test("judgeNat() minds a NAT that forgets a way before the client sends again", () => {
  assert.match(judge({}), /^ok: the way is open for at least 30 s/);
  assert.match(judge({ keepalive: 0 }), /^ok: the way is open for at least 30 s/);
  assert.match(judge({ open: 12, shut: 14, keepalive: 11 }), /^ok: /);
  assert.match(judge({ open: 12, shut: 14, keepalive: 12 }), /^fault: /);
  assert.match(
    judge({ open: 12, shut: 14 }),
    /^fault: the way is open after 12 s .* not after 14 s: keepalive = 10$/,
  );
  assert.match(judge({ open: 12, shut: 14, keepalive: 0 }), /^fault: .*: keepalive = 10$/);
  assert.match(judge({ open: 12, shut: 14, keepalive: 10 }), /^ok: /);
  assert.match(judge({ open: 3, shut: 5 }), /: keepalive = 3$/);
  const unknown = /^unseen: how long the way stays open without a packet: /;
  assert.match(judge({ open: null }), unknown);
  assert.match(judge({ problem: "a tunnel stands" }), unknown);
});

Deno.test("searchOpen() finds how long a way is open, and tells that from a way that never is", async () => {
  for (const limit of [2, 4, 12, 25, 29, 30, 500]) {
    const tried: number[] = [];
    const { open, shut } = await searchOpen((seconds) => {
      tried.push(seconds);
      return Promise.resolve(seconds <= limit);
    });
    assert.ok(tried.length <= 5, String(tried));
    if (limit < 3) assert.deepEqual([open, shut], [null, null]);
    else if (limit >= 30) assert.deepEqual([open, shut], [30, null]);
    else assert.ok(open! <= limit && shut! > limit && shut! - open! <= 4, `${limit}: ${open} ${shut}`);
  }
});

Deno.test("buildFragment() makes a first fragment, which isAboutFragment() knows again in what is said of it", () => {
  const id = Uint8Array.of(0x75, 0xf4, 0x9f, 0xec);
  const fragment = buildFragment("172.28.0.3", "172.28.0.2", id, 64);
  // As a kernel took it, and what it said of it half a minute later.
  assert.equal(fragment.toHex(), "4500002475f4200040018ca7ac1c0003ac1c00020800e21e75f49fec0000000000000000");
  const answer = Uint8Array.fromHex(
    `45c0004016dd000040010ae3ac1c0002ac1c00030b01f4fe00000000${fragment.toHex()}`,
  );
  assert.ok(isAboutFragment(answer, id));
  assert.ok(!isAboutFragment(answer, Uint8Array.of(0x75, 0xf5)));
  assert.ok(!isAboutFragment(fragment, id));
  const withOptions = Uint8Array.of(0x46, ...answer.subarray(1, 20), 1, 1, 1, 0, ...answer.subarray(20));
  assert.ok(isAboutFragment(withOptions, id));
  // No ICMP.
  assert.ok(!isAboutFragment(answer.with(9, 17), id));
  // Another fragment, which went in a circle.
  assert.ok(!isAboutFragment(answer.with(21, 0), id));
  for (let length = 0; length < 34; length++) assert.ok(!isAboutFragment(answer.subarray(0, length), id));
});

Deno.test("datagramFilter() takes what comes from one place to one port, whatever its length", () => {
  const [here, there] = [{ ip: "10.0.0.2", port: 10_001 }, { ip: "192.0.2.1", port: 10_002 }];
  const filter = datagramFilter({ source: { ip: parseIpv4(there.ip)!, port: there.port }, port: here.port });
  const takes = (source: typeof here, destination: typeof here, length: number) =>
    runBpf(filter, buildUdpPacket({ source, destination, payload: new Uint8Array(length) }, 64), () => 0) > 0;
  for (const length of [0, 1, 73, 1_400]) assert.ok(takes(there, here, length));
  assert.ok(!takes({ ...there, ip: "192.0.2.2" }, here, 9));
  assert.ok(!takes({ ...there, port: 10_001 }, here, 9));
  assert.ok(!takes(there, { ...here, port: 10_002 }, 9));
});
