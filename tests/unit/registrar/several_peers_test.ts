import assert from "node:assert/strict";
import { Registrar } from "../../../lib/registrar.ts";
import type { Endpoint } from "../../../lib/packet.ts";
import { ed25519, README_KEY_PAIR } from "../auth/vectors.ts";
import { samplePeer, sampleSettings } from "../samples.ts";
import {
  at,
  authPacket,
  ELSEWHERE,
  HOME,
  newRegistrar,
  noReplays,
  NOW,
  PORT,
  SERVER,
  SIGNING,
  token,
  told,
  UNIX,
  VERIFYING,
} from "./small_registrar.ts";

Deno.test("handle() finds the peer of a packet among peers with different schemes", () => {
  const registrar = newRegistrar([
    { name: "short", scheme: token("abc") },
    { name: "other", scheme: token("xyz") },
    { name: "key", scheme: VERIFYING },
    { name: "place", scheme: PORT, byRemote: { ip: true, port: false } },
  ], { place: HOME.ip });
  const home = (port: number) => ({ ip: HOME.ip, port });
  assert.deepEqual(told(registrar.handle(authPacket(SIGNING, home(1)), NOW, UNIX)), ["key", null]);
  assert.deepEqual(told(registrar.handle(authPacket(token("xyz"), home(2)), NOW, UNIX)), ["other", null]);
  assert.deepEqual(told(registrar.handle(authPacket(PORT, home(3)), NOW, UNIX)), ["place", null]);
  assert.deepEqual(told(registrar.handle(authPacket(token("abc"), home(4)), NOW, UNIX)), ["short", null]);
  const ports = [...registrar.admissions].map(([name, { remote }]) => [name, remote?.port]);
  assert.deepEqual(ports, [["key", 1], ["other", 2], ["place", 3], ["short", 4]]);
});

Deno.test("handle() admits the first of several peers that a packet fits", () => {
  const registrar = newRegistrar([
    { name: "there", scheme: token("abc"), byRemote: { ip: true, port: false } },
    { name: "first", scheme: token("abc") },
    { name: "second", scheme: token("abc") },
  ], { there: ELSEWHERE.ip });
  assert.deepEqual(told(registrar.handle(authPacket(token("abc"), HOME), NOW, UNIX)), ["first", null]);
  assert.deepEqual(told(registrar.handle(authPacket(token("abc"), ELSEWHERE), NOW, UNIX)), [
    "there",
    null,
  ]);
});

Deno.test("handle() admits the first peer even if a later one is limited to exactly that place", () => {
  const there = { name: "there", scheme: token("abc"), byRemote: { ip: true, port: false } };
  const registrar = newRegistrar([{ name: "first", scheme: token("abc") }, there], { there: HOME.ip });
  assert.deepEqual(told(registrar.handle(authPacket(token("abc"), HOME), NOW, UNIX)), ["first", null]);
});

Deno.test("handle() returns the refusal closest to an admission, whatever the order of peers", () => {
  const wrongKey = ed25519({ remotePublicKey: README_KEY_PAIR.publicKey, secret: "another" });
  const long = "x".repeat(73);
  const peers = {
    length: { name: "length", scheme: token("abc") },
    token: { name: "token", scheme: token(long) },
    signature: { name: "signature", scheme: wrongKey },
    address: { name: "address", scheme: VERIFYING, byRemote: { ip: true, port: false } },
    port: { name: "port", scheme: VERIFYING, byRemote: { ip: false, port: true } },
    time: { name: "time", scheme: VERIFYING, maxTimeDiscrepancy: 5 },
  };
  const packet = authPacket(SIGNING, HOME, UNIX - 60);
  const closer: [keyof typeof peers, string][] = [
    ["length", "wrong length"],
    ["token", "wrong token"],
    ["signature", "wrong signature"],
    ["address", "wrong remote address"],
    ["port", "wrong remote port"],
    ["time", "time too far from ours"],
  ];
  closer.forEach(([, refusal], index) => {
    const asked = closer.slice(0, index + 1).map(([name]) => peers[name]);
    for (const order of [asked, asked.toReversed()]) {
      assert.equal(told(newRegistrar(order).handle(packet, NOW, UNIX)), refusal);
    }
  });
});

Deno.test("handle() distinguishes places by the server's port too", () => {
  const peers = [{ name: "a", scheme: token("aaa") }, { name: "b", scheme: token("bbb") }].map(samplePeer);
  const local = { ip: SERVER.ip, device: null, ports: [SERVER.port, 10_001] as const };
  const registrar = new Registrar(sampleSettings({ peers, local }), new Map(), noReplays());
  registrar.handle(authPacket(token("aaa"), HOME), NOW, UNIX);
  const other = { ...SERVER, port: 10_001 };
  registrar.handle({ ...authPacket(token("bbb"), HOME), destination: other }, NOW, UNIX);
  assert.deepEqual(Object.fromEntries(registrar.admissions), {
    a: at(HOME),
    b: { ...at(HOME), port: 10_001 },
  });
  const there = { ...authPacket(token("aaa"), HOME), destination: other };
  assert.equal(told(registrar.handle(there, NOW, UNIX)), "another peer is there");
});

Deno.test("handle() admits a peer at once, from anywhere, after its lifetime ended or its place was taken", () => {
  const fields = { moveInterval: 3600, lifetime: 1 };
  const registrar = newRegistrar([{ scheme: token("abc"), ...fields }, { name: "b", scheme: token("b") }]);
  const send = (text: string, place: Endpoint, now: number) =>
    told(registrar.handle(authPacket(token(text), place), now, UNIX));
  send("abc", HOME, NOW);
  assert.deepEqual(send("abc", ELSEWHERE, NOW + 1000), ["ipipou0", HOME], "its lifetime was over");
  send("b", ELSEWHERE, NOW + 2000);
  assert.deepEqual(send("abc", HOME, NOW + 2001), ["ipipou0", null], "another had its place");
});
