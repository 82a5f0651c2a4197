import assert from "node:assert/strict";
import type { Scheme } from "../../../lib/auth/scheme.ts";
import { Registrar } from "../../../lib/registrar.ts";
import type { Endpoint } from "../../../lib/packet.ts";
import type { Peer } from "../../../lib/settings/settings.ts";
import { samplePeer, sampleSettings } from "../samples.ts";
import {
  at,
  authPacket,
  ELSEWHERE,
  HOME,
  newRegistrar,
  NOW,
  PORT,
  SERVER,
  settings,
  SIGNING,
  token,
  told,
  UNIX,
  VERIFYING,
} from "./small_registrar.ts";

Deno.test("adopt() takes over an admission, so that the peer is not new", () => {
  const registrar = newRegistrar([{ scheme: token("abc") }]);
  registrar.adopt("ipipou0", at(HOME, NOW + 1), NOW);
  assert.deepEqual(registrar.admissions.get("ipipou0"), at(HOME, NOW + 1));
  assert.deepEqual(told(registrar.handle(authPacket(token("abc"), ELSEWHERE), NOW, UNIX)), [
    "ipipou0",
    HOME,
  ]);
});

Deno.test("adopt() parks a peer at a place that is not allowed, or whose address is not known", () => {
  const remote = { host: "home.example", port: HOME.port };
  const cases: [Peer["byRemote"], Record<string, string>, Endpoint | null][] = [
    [{ ip: true, port: true }, { ipipou0: HOME.ip }, HOME],
    [{ ip: true, port: false }, { ipipou0: ELSEWHERE.ip }, null],
    [{ ip: true, port: false }, {}, null],
    [{ ip: false, port: true }, {}, HOME],
  ];
  for (const [byRemote, addresses, expected] of cases) {
    const registrar = newRegistrar([{ scheme: token("abc"), byRemote, remote }], addresses);
    registrar.adopt("ipipou0", at(HOME), NOW);
    assert.deepEqual(registrar.admissions.get("ipipou0"), at(expected, expected === null ? NOW : null));
  }
});

Deno.test("adopt() parks a peer at a port that is no longer ours", () => {
  const registrar = newRegistrar([{ scheme: token("abc") }]);
  registrar.adopt("ipipou0", { ...at(HOME), port: 10_001 }, NOW);
  assert.equal(registrar.admissions.get("ipipou0")?.remote, null);
});

/** A peer's admission after new settings at `NOW + 1000`. */
function admissionAfter(
  before: Partial<Peer>,
  after: Partial<Peer>,
  remoteAddresses: Record<string, string> = {},
) {
  const registrar = newRegistrar([{ scheme: VERIFYING, ...before }]);
  const outcome = registrar.handle(authPacket(before.scheme ?? SIGNING, HOME), NOW, UNIX);
  assert.equal(outcome.kind, "admitted");
  const next = registrar.withSettings(
    settings([{ scheme: VERIFYING, ...after }]),
    new Map(Object.entries(remoteAddresses)),
    NOW + 1000,
  );
  const expiresAt = before.lifetime ? NOW + before.lifetime * 1000 : null;
  assert.deepEqual(registrar.admissions.get("ipipou0"), at(HOME, expiresAt));
  return next.admissions.get("ipipou0")!;
}

Deno.test("withSettings() keeps peers whose proof is still sufficient", () => {
  const ownKey = { ...VERIFYING, privateKey: new Uint8Array(32) };
  const others = { maxTimeDiscrepancy: 5, reply: true, altIp: "172.29.0.9", forceAlt: true };
  for (const after of [{}, { scheme: ownKey as Scheme }, others]) {
    assert.deepEqual(admissionAfter({}, after), at(HOME));
  }
  assert.deepEqual(admissionAfter({ scheme: token("abc") }, { scheme: token("abc") }), at(HOME));
  assert.deepEqual(admissionAfter({ lifetime: 60 }, { lifetime: 60 }), at(HOME, NOW + 60_000));
  const here = { byRemote: { ip: true, port: true }, remote: { host: "home.example", port: HOME.port } };
  assert.deepEqual(admissionAfter({}, here, { ipipou0: HOME.ip }), at(HOME));
});

Deno.test("withSettings() parks a peer until it gives the proof that is now required", () => {
  const there = { byRemote: { ip: true, port: false }, remote: { host: "home.example", port: null } };
  const parked = at(null, NOW + 1000);
  assert.deepEqual(admissionAfter({}, { scheme: token("abc") }), parked);
  assert.deepEqual(admissionAfter({}, { scheme: { ...VERIFYING, secret: "t" } as Scheme }), parked);
  assert.deepEqual(admissionAfter({}, there, { ipipou0: ELSEWHERE.ip }), parked);
  assert.deepEqual(admissionAfter({}, there), parked);
  assert.deepEqual(admissionAfter({ scheme: token("abc") }, { scheme: token("abd"), lifetime: 60 }), parked);
  const old = newRegistrar([{ scheme: token("abc") }]);
  old.handle(authPacket(token("abc"), HOME), NOW, UNIX);
  const registrar = old.withSettings(settings([{ scheme: token("abd") }]), new Map(), NOW + 1000);
  assert.equal(told(registrar.handle(authPacket(token("abc"), HOME), NOW + 2000, UNIX)), "wrong token");
  assert.deepEqual(registrar.admissions.get("ipipou0"), parked);
  assert.deepEqual(told(registrar.handle(authPacket(token("abd"), HOME), NOW + 3000, UNIX)), [
    "ipipou0",
    null,
  ]);
  assert.deepEqual(registrar.admissions.get("ipipou0"), at(HOME));
});

Deno.test("withSettings() parks a peer at a port that is no longer ours", () => {
  const registrar = newRegistrar([{ scheme: token("abc") }]);
  registrar.handle(authPacket(token("abc"), HOME), NOW, UNIX);
  const peers = [samplePeer({ scheme: token("abc") })];
  const after = (...ports: [number, ...number[]]) => {
    const local = { ip: SERVER.ip, device: null, ports };
    return registrar.withSettings(sampleSettings({ peers, local }), new Map(), NOW).admissions.get("ipipou0");
  };
  assert.deepEqual(after(10_001, SERVER.port), at(HOME));
  assert.deepEqual(after(10_001), at(null, NOW));
});

Deno.test("withSettings() restarts a changed lifetime, but not an expired one", () => {
  assert.deepEqual(admissionAfter({}, { lifetime: 60 }), at(HOME, NOW + 61_000));
  assert.deepEqual(admissionAfter({ lifetime: 60 }, { lifetime: 10 }), at(HOME, NOW + 11_000));
  assert.deepEqual(admissionAfter({ lifetime: 60 }, {}), at(HOME));
  assert.deepEqual(admissionAfter({ lifetime: 1 }, { lifetime: 60 }), at(HOME, NOW + 1000));
  assert.deepEqual(admissionAfter({ lifetime: 1 }, { scheme: token("abc") }), at(null, NOW + 1000));
});

Deno.test("withSettings() remembers when a peer moved", () => {
  const peer = { scheme: token("abc"), moveInterval: 10 };
  const registrar = newRegistrar([peer]);
  registrar.handle(authPacket(token("abc"), HOME), NOW, UNIX);
  const next = registrar.withSettings(settings([{ ...peer, reply: true }]), new Map(), NOW + 1000);
  assert.equal(
    told(next.handle(authPacket(token("abc"), ELSEWHERE), NOW + 9_999, UNIX)),
    "moved too recently",
  );
  assert.deepEqual(told(next.handle(authPacket(token("abc"), ELSEWHERE), NOW + 10_000, UNIX)), [
    "ipipou0",
    HOME,
  ]);
});

Deno.test("withSettings() admits a peer from an address that has been resolved, and only from there", () => {
  const peers = [
    { name: "nameless", scheme: token("abc"), byRemote: { ip: true, port: false } },
    { name: "other", scheme: token("xyz") },
  ];
  const before = newRegistrar(peers);
  before.handle(authPacket(token("xyz"), HOME), NOW, UNIX);
  assert.equal(told(before.handle(authPacket(token("abc"), ELSEWHERE), NOW, UNIX)), "wrong remote address");
  const registrar = before.withSettings(settings(peers), new Map([["nameless", ELSEWHERE.ip]]), NOW);
  assert.deepEqual(registrar.admissions, new Map([["other", at(HOME)]]));
  assert.equal(told(registrar.handle(authPacket(token("abc"), HOME), NOW, UNIX)), "wrong remote address");
  assert.deepEqual(told(registrar.handle(authPacket(token("abc"), ELSEWHERE), NOW, UNIX)), [
    "nameless",
    null,
  ]);
});

Deno.test("withSettings() knows only the peers of the new settings", () => {
  const old = newRegistrar([{ name: "a", scheme: token("aaa") }, { name: "b", scheme: token("bbb") }]);
  old.handle(authPacket(token("aaa"), HOME), NOW, UNIX);
  old.handle(authPacket(token("bbb"), ELSEWHERE), NOW, UNIX);
  const peers = [{ name: "c", scheme: token("ccc") }, { name: "b", scheme: token("bbb") }];
  const registrar = old.withSettings(settings(peers), new Map(), NOW);
  assert.deepEqual([...registrar.admissions], [["b", at(ELSEWHERE)]]);
  assert.equal(told(registrar.handle(authPacket(token("aaa"), HOME), NOW, UNIX)), "wrong token");
  assert.deepEqual(told(registrar.handle(authPacket(token("ccc"), HOME), NOW, UNIX)), ["c", null]);
});

Deno.test("resume() keeps admissions by the discarded registrar that are valid here too", () => {
  const peers = ["a", "b", "c", "d"].map((name) => ({ name, scheme: token(name.repeat(3)) }));
  const registrar = newRegistrar(peers);
  const place = (port: number) => ({ ...HOME, port });
  const send = (to: Registrar, name: string, port: number, now: number) =>
    told(to.handle(authPacket(token(name), place(port)), now, UNIX));
  send(registrar, "aaa", 1, NOW);
  send(registrar, "bbb", 2, NOW);
  send(registrar, "ddd", 4, NOW);
  const changed = peers.map((peer) => peer.name === "b" ? { ...peer, scheme: token("BBB") } : peer)
    .map((peer) => ({ ...peer, lifetime: 60 }));
  const next = registrar.withSettings(
    settings([...changed, { name: "e", scheme: token("eee") }]),
    new Map(),
    NOW + 1,
  );
  send(next, "aaa", 11, NOW + 2);
  send(next, "BBB", 12, NOW + 2);
  send(next, "ccc", 13, NOW + 2);
  send(next, "ddd", 14, NOW + 2);
  send(next, "eee", 14, NOW + 2);
  send(next, "ddd", 13, NOW + 2);
  registrar.resume(next, NOW + 3);
  assert.deepEqual(Object.fromEntries(registrar.admissions), {
    a: at(place(11)),
    b: at(place(2)),
    c: at(place(13)),
    d: at(null, NOW + 3),
  });
  assert.deepEqual(send(registrar, "bbb", 2, NOW + 4), ["b", place(2)]);
});

Deno.test("adopt() limits an admission to its peer's present lifetime", () => {
  const until = (lifetime: number, expiresAt: number | null) => {
    const registrar = newRegistrar([{ scheme: token("abc"), lifetime }]);
    registrar.adopt("ipipou0", at(HOME, expiresAt), NOW);
    return registrar.admissions.get("ipipou0")!.expiresAt;
  };
  assert.equal(until(60, null), NOW + 60_000);
  assert.equal(until(60, NOW + 90_000), NOW + 60_000);
  assert.equal(until(60, NOW + 30_000), NOW + 30_000);
  assert.equal(until(60, NOW - 1), NOW - 1);
  assert.equal(until(0, NOW + 30_000), NOW + 30_000);
  assert.equal(until(0, null), null);
});

Deno.test("adopt() parks a peer at the place that another peer with the same proof requires", () => {
  const peers = [HOME, ELSEWHERE].map(({ ip }, index) => ({
    name: ["a", "b"][index]!,
    scheme: PORT,
    byRemote: { ip: true, port: false },
    remote: { host: ip, port: null },
  }));
  const registrar = newRegistrar(peers, { a: HOME.ip, b: ELSEWHERE.ip });
  registrar.adopt("b", at(HOME), NOW);
  assert.equal(registrar.admissions.get("b")?.remote, null);
  registrar.adopt("b", at(ELSEWHERE), NOW);
  assert.deepEqual(registrar.admissions.get("b")?.remote, ELSEWHERE);
});
