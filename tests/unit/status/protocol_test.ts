import assert from "node:assert/strict";
import { parseInstance, parseRequest, parseTunnel } from "../../../lib/status/protocol.ts";
import { isHealthy, seconds } from "../../../lib/status/snapshot.ts";
import { sampleHub, sampleInstance, samplePeerStatus, sampleTunnel } from "./samples.ts";

/** What an instance of this program could have said, but for `fields`. */
function instanceWith(
  fields: Readonly<Record<string, unknown>>,
): ReturnType<typeof parseInstance>["instance"] {
  return parseInstance(JSON.stringify({ ...sampleInstance(), tunnels: 1, ...fields })).instance;
}

function tunnelWith(fields: Readonly<Record<string, unknown>>): ReturnType<typeof parseTunnel> {
  return parseTunnel(JSON.stringify({ ...sampleTunnel(), ...fields }));
}

Deno.test("parseInstance() and parseTunnel() read what instances say, whole", () => {
  const last = { address: "203.0.113.9", port: 7, why: "wrong token", age: 61 };
  for (const instance of [sampleInstance(), sampleHub({ refused: { count: 3, last } })]) {
    assert.deepEqual(parseInstance(JSON.stringify({ ...instance, tunnels: 3 })), { instance, tunnels: 3 });
  }
  const unknown = { remote: null, mtu: null, stats64: null, "auth_age": null };
  for (
    const tunnel of [sampleTunnel(), samplePeerStatus("a", { ...unknown, sharing: 2, "shares_with": ["b"] })]
  ) {
    assert.deepEqual(parseTunnel(JSON.stringify(tunnel)), tunnel);
  }
});

Deno.test("parseInstance() takes a state that it does not know for a fault, and nothing for healthy but what says so", () => {
  const { state, ok } = instanceWith({ state: "sleeping", ok: "yes" });
  assert.deepEqual([state, ok], ["faulty", false]);
});

Deno.test("parseInstance() and parseTunnel() take no number that is none, or that nothing can be", () => {
  for (const number of [-1, 1e300, "7", null, [7]]) {
    assert.equal(instanceWith({ uptime: number }).uptime, null, `${number}`);
    assert.equal(tunnelWith({ mtu: number }).mtu, null, `${number}`);
  }
  const rx = { bytes: 1, packets: 1 };
  for (const stats64 of [{ rx }, { tx: rx }, { rx, tx: { bytes: 1 } }, rx, null]) {
    assert.equal(tunnelWith({ stats64 }).stats64, null, JSON.stringify(stats64));
  }
});

Deno.test("parseInstance() and parseTunnel() show what nobody sees, and a part of what is too long", () => {
  assert.equal(instanceWith({ why: "a\u001b[2J" }).why, "a\\u001b[2J");
  assert.equal(tunnelWith({ name: "a\nb" }).name, "a\\u000ab");
  assert.throws(() => parseInstance(JSON.stringify({ error: "x".repeat(10_000) })), ({ message }: Error) => {
    return /: it says: x{200}$/.test(message);
  });
});

Deno.test("parseInstance() reads no other version", () => {
  for (const version of [0, 2, "1", undefined]) {
    assert.throws(() => instanceWith({ version }), /it runs another version of ipipou/);
  }
});

Deno.test("parseRequest() reads what asks for a status, of one peer or all", () => {
  assert.deepEqual(parseRequest('{"get":"status"}'), { get: "status", peer: null });
  assert.deepEqual(parseRequest('{"get":"status","peer":"a","more":1}'), { get: "status", peer: "a" });
  for (const line of ["", "{}", "[]", "null", '{"get":"keys"}', '{"get":"status","peer":7}']) {
    assert.equal(parseRequest(line), null, line);
  }
});

Deno.test("seconds() is precise to the millisecond", () => {
  assert.deepEqual([1_234.567, 0.4, 0, 60_000].map(seconds), [1.235, 0, 0, 60]);
});

Deno.test("isHealthy() is true where the instance and each of its tunnels are", () => {
  const [instance, tunnels] = [sampleHub(), [samplePeerStatus("a"), samplePeerStatus("b")]];
  assert.ok(isHealthy({ instance, tunnels }));
  assert.ok(!isHealthy({ instance: sampleHub({ ok: false }), tunnels }));
  assert.ok(!isHealthy({ instance, tunnels: [...tunnels, samplePeerStatus("c", { ok: false })] }));
});
