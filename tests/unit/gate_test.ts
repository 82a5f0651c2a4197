import assert from "node:assert/strict";
import { makeAuthPayload, type Scheme } from "../../lib/auth/scheme.ts";
import { type Admission, Gate, type Outcome } from "../../lib/gate.ts";
import type { Datagram, Endpoint } from "../../lib/packet.ts";
import type { Peer, Settings } from "../../lib/settings/settings.ts";
import { ed25519, README_KEY_PAIR } from "./auth/vectors.ts";
import { samplePeer, sampleSettings } from "./samples.ts";

/** The monotonic clock, in milliseconds. */
const NOW = 5_000;
/** The wall clock, in seconds. */
const UNIX = 1_795_219_200;
const SERVER = { ip: "192.0.2.1", port: 10_000 };
const HOME = { ip: "198.51.100.2", port: 40_001 };
const ELSEWHERE = { ip: "203.0.113.9", port: 40_002 };

const SIGNING = ed25519({ privateKey: README_KEY_PAIR.privateKey, secret: "s" });
const VERIFYING = ed25519({ remotePublicKey: README_KEY_PAIR.publicKey, secret: "s" });
const PORT: Scheme = { kind: "port" };

function token(text: string): Scheme {
  return { kind: "token", token: new TextEncoder().encode(text) };
}

/** An auth packet as a client of `scheme` sends it at `timestamp`, Unix seconds. */
function authPacket(scheme: Scheme, source: Endpoint, timestamp = UNIX): Datagram {
  const payload = makeAuthPayload(scheme, timestamp, (length) => new Uint8Array(length));
  return { source, destination: SERVER, payload };
}

/** A server's settings with these peers. */
function settings(peers: Partial<Peer>[]): Settings {
  return sampleSettings({ peers: peers.map(samplePeer) });
}

function newGate(peers: Partial<Peer>[], remoteAddresses: Record<string, string> = {}): Gate {
  return new Gate(settings(peers), new Map(Object.entries(remoteAddresses)));
}

/** Who was admitted, and where it was before; or why nobody was. */
function told(outcome: Outcome) {
  if (outcome.kind === "searching") return outcome.kind;
  return outcome.kind === "refused" ? outcome.refusal : [outcome.peer.name, outcome.previous?.remote ?? null];
}

/** An admission that came to the server's only port. */
function at(remote: Endpoint | null, expiresAt: number | null = null): Admission {
  return { remote, port: SERVER.port, expiresAt };
}

Deno.test("handle() admits a new peer and remembers from where, for ever", () => {
  const gate = newGate([{ scheme: token("abc") }]);
  const outcome = gate.handle(authPacket(token("abc"), HOME), NOW, UNIX);
  assert.equal(outcome.kind, "admitted");
  assert.deepEqual(told(outcome), ["ipipou0", null]);
  assert.deepEqual(outcome.admission, at(HOME));
  assert.deepEqual(gate.admissions, new Map([["ipipou0", at(HOME)]]));
});

Deno.test("handle() tells a renewal from a move", () => {
  const gate = newGate([{ scheme: token("abc") }]);
  gate.handle(authPacket(token("abc"), HOME), NOW, UNIX);
  assert.deepEqual(told(gate.handle(authPacket(token("abc"), HOME), NOW, UNIX)), ["ipipou0", HOME]);
  assert.deepEqual(told(gate.handle(authPacket(token("abc"), ELSEWHERE), NOW, UNIX)), [
    "ipipou0",
    HOME,
  ]);
  assert.deepEqual(gate.admissions.get("ipipou0")?.remote, ELSEWHERE);
  assert.deepEqual(told(gate.handle(authPacket(token("abc"), HOME), NOW, UNIX)), [
    "ipipou0",
    ELSEWHERE,
  ]);
});

Deno.test("handle() gives an admission its lifetime, anew at each auth packet", () => {
  const gate = newGate([{ scheme: token("abc"), lifetime: 60 }]);
  gate.handle(authPacket(token("abc"), HOME), NOW, UNIX);
  assert.equal(gate.admissions.get("ipipou0")?.expiresAt, NOW + 60_000);
  gate.handle(authPacket(token("abc"), HOME), NOW + 59_999, UNIX);
  assert.equal(gate.admissions.get("ipipou0")?.expiresAt, NOW + 119_999);
});

Deno.test("handle() says why it refuses, and changes nothing", () => {
  const cases: [Scheme, Datagram, string][] = [
    [token("abc"), authPacket(token("abd"), HOME), "wrong token"],
    [token("abc"), authPacket(token("abcd"), HOME), "wrong length"],
    [PORT, authPacket(token("a"), HOME), "wrong length"],
    [VERIFYING, authPacket(token("a"), HOME), "wrong length"],
    [VERIFYING, authPacket(ed25519({ ...README_KEY_PAIR, secret: "t" }), HOME), "wrong signature"],
    [VERIFYING, authPacket(SIGNING, HOME, UNIX - 31), "time too far from ours"],
    [VERIFYING, authPacket(SIGNING, HOME, UNIX + 31), "time too far from ours"],
  ];
  for (const [scheme, packet, refusal] of cases) {
    const gate = newGate([{ scheme, maxTimeDiscrepancy: 30 }]);
    assert.deepEqual(gate.handle(packet, NOW, UNIX), { kind: "refused", datagram: packet, refusal });
    assert.equal(gate.admissions.size, 0);
  }
});

Deno.test("handle() compares signed times with whole seconds of ours", () => {
  const gate = newGate([{ scheme: VERIFYING, maxTimeDiscrepancy: 30 }]);
  assert.equal(gate.handle(authPacket(SIGNING, HOME), NOW, UNIX + 30).kind, "admitted");
  assert.equal(gate.handle(authPacket(SIGNING, HOME), NOW, UNIX + 31).kind, "refused");
});

Deno.test("handle() takes anyone's empty packet where nothing is to be proved", () => {
  assert.equal(
    newGate([{ scheme: PORT }]).handle(authPacket(PORT, HOME), NOW, UNIX).kind,
    "admitted",
  );
});

Deno.test("handle() checks remote address and port alone, each and both", () => {
  const { ip, port } = HOME;
  const check = (byRemote: Peer["byRemote"], source: Endpoint) => {
    const gate = newGate([{ scheme: PORT, byRemote, remote: { host: "home.example", port } }], {
      ipipou0: ip,
    });
    const outcome = gate.handle(authPacket(PORT, source), NOW, UNIX);
    return outcome.kind === "refused" ? outcome.refusal : outcome.kind;
  };
  const [otherIp, otherPort] = [{ ip: "203.0.113.9", port }, { ip, port: 1 }];
  assert.equal(check({ ip: true, port: false }, otherPort), "admitted");
  assert.equal(check({ ip: true, port: false }, otherIp), "wrong remote address");
  assert.equal(check({ ip: false, port: true }, otherIp), "admitted");
  assert.equal(check({ ip: false, port: true }, otherPort), "wrong remote port");
  assert.equal(check({ ip: true, port: true }, HOME), "admitted");
  assert.equal(check({ ip: true, port: true }, otherIp), "wrong remote address");
  assert.equal(check({ ip: true, port: true }, otherPort), "wrong remote port");
  assert.equal(check({ ip: false, port: false }, ELSEWHERE), "admitted");
});

Deno.test("handle() checks remote address and scheme, both", () => {
  const gate = newGate([{ scheme: token("abc"), byRemote: { ip: true, port: false } }], {
    ipipou0: HOME.ip,
  });
  assert.equal(told(gate.handle(authPacket(token("abd"), HOME), NOW, UNIX)), "wrong token");
  assert.equal(
    told(gate.handle(authPacket(token("abc"), ELSEWHERE), NOW, UNIX)),
    "wrong remote address",
  );
  assert.deepEqual(told(gate.handle(authPacket(token("abc"), HOME), NOW, UNIX)), ["ipipou0", null]);
});

Deno.test("handle() refuses everyone where the address to compare with is not known", () => {
  for (const [asked, sent] of [[PORT, PORT], [token("abc"), token("abc")], [VERIFYING, SIGNING]] as const) {
    for (const port of [false, true]) {
      const nameless = {
        name: "nameless",
        byRemote: { ip: true, port },
        remote: { host: "x", port: HOME.port },
      };
      const gate = newGate([{ ...nameless, scheme: asked }], { another: HOME.ip });
      assert.equal(told(gate.handle(authPacket(sent, HOME), NOW, UNIX)), "wrong remote address");
      assert.equal(gate.admissions.size, 0);
    }
  }
});

Deno.test("succeed() lets in who is known by an address that has been found, and from there alone", () => {
  const peers = [
    { name: "nameless", scheme: token("abc"), byRemote: { ip: true, port: false } },
    { name: "other", scheme: token("xyz") },
  ];
  const before = newGate(peers);
  before.handle(authPacket(token("xyz"), HOME), NOW, UNIX);
  assert.equal(told(before.handle(authPacket(token("abc"), ELSEWHERE), NOW, UNIX)), "wrong remote address");
  const gate = before.succeed(settings(peers), new Map([["nameless", ELSEWHERE.ip]]), NOW);
  assert.deepEqual(gate.admissions, new Map([["other", at(HOME)]]));
  assert.equal(told(gate.handle(authPacket(token("abc"), HOME), NOW, UNIX)), "wrong remote address");
  assert.deepEqual(told(gate.handle(authPacket(token("abc"), ELSEWHERE), NOW, UNIX)), ["nameless", null]);
});

Deno.test("handle() finds the peer of a packet among peers with different schemes", () => {
  const gate = newGate([
    { name: "short", scheme: token("abc") },
    { name: "other", scheme: token("xyz") },
    { name: "key", scheme: VERIFYING },
    { name: "place", scheme: PORT, byRemote: { ip: true, port: false } },
  ], { place: HOME.ip });
  const home = (port: number) => ({ ip: HOME.ip, port });
  assert.deepEqual(told(gate.handle(authPacket(SIGNING, home(1)), NOW, UNIX)), ["key", null]);
  assert.deepEqual(told(gate.handle(authPacket(token("xyz"), home(2)), NOW, UNIX)), ["other", null]);
  assert.deepEqual(told(gate.handle(authPacket(PORT, home(3)), NOW, UNIX)), ["place", null]);
  assert.deepEqual(told(gate.handle(authPacket(token("abc"), home(4)), NOW, UNIX)), ["short", null]);
  const ports = [...gate.admissions].map(([name, { remote }]) => [name, remote?.port]);
  assert.deepEqual(ports, [["key", 1], ["other", 2], ["place", 3], ["short", 4]]);
});

Deno.test("handle() takes the first of several peers that a packet is good for", () => {
  const gate = newGate([
    { name: "there", scheme: token("abc"), byRemote: { ip: true, port: false } },
    { name: "first", scheme: token("abc") },
    { name: "second", scheme: token("abc") },
  ], { there: ELSEWHERE.ip });
  assert.deepEqual(told(gate.handle(authPacket(token("abc"), HOME), NOW, UNIX)), ["first", null]);
  assert.deepEqual(told(gate.handle(authPacket(token("abc"), ELSEWHERE), NOW, UNIX)), [
    "there",
    null,
  ]);
});

Deno.test("handle() takes the first one also where a later one asks for just that place", () => {
  const there = { name: "there", scheme: token("abc"), byRemote: { ip: true, port: false } };
  const gate = newGate([{ name: "first", scheme: token("abc") }, there], { there: HOME.ip });
  assert.deepEqual(told(gate.handle(authPacket(token("abc"), HOME), NOW, UNIX)), ["first", null]);
});

Deno.test("handle() tells the refusal that came closest to yes, whatever the order of peers", () => {
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
      assert.equal(told(newGate(order).handle(packet, NOW, UNIX)), refusal);
    }
  });
});

Deno.test("handle() leaves the peer nowhere whose place another has now, and keeps the others", () => {
  const gate = newGate([
    { name: "a", scheme: token("aaa") },
    { name: "b", scheme: token("bbb"), lifetime: 60 },
    { name: "c", scheme: token("ccc") },
  ]);
  gate.handle(authPacket(token("aaa"), HOME), NOW, UNIX);
  gate.handle(authPacket(token("ccc"), { ...HOME, port: 7 }), NOW, UNIX);
  const outcome = gate.handle(authPacket(token("bbb"), HOME), NOW + 5, UNIX);
  assert.equal(outcome.kind, "admitted");
  assert.equal(outcome.displaced, "a");
  assert.deepEqual(Object.fromEntries(gate.admissions), {
    a: at(null, NOW + 5),
    b: at(HOME, NOW + 5 + 60_000),
    c: at({ ...HOME, port: 7 }),
  });
  const back = gate.handle(authPacket(token("aaa"), ELSEWHERE), NOW + 9, UNIX);
  assert.deepEqual([told(back), back.kind === "admitted" && back.displaced], [["a", null], null]);
  assert.deepEqual(gate.admissions.get("a"), at(ELSEWHERE));
  assert.deepEqual(gate.admissions.get("b"), at(HOME, NOW + 5 + 60_000));
});

Deno.test("handle() tells places apart by the own port too", () => {
  const peers = [{ name: "a", scheme: token("aaa") }, { name: "b", scheme: token("bbb") }].map(samplePeer);
  const local = { ip: SERVER.ip, device: null, ports: [SERVER.port, 10_001] as const };
  const gate = new Gate(sampleSettings({ peers, local }), new Map());
  gate.handle(authPacket(token("aaa"), HOME), NOW, UNIX);
  const other = { ...SERVER, port: 10_001 };
  gate.handle({ ...authPacket(token("bbb"), HOME), destination: other }, NOW, UNIX);
  assert.deepEqual(Object.fromEntries(gate.admissions), { a: at(HOME), b: { ...at(HOME), port: 10_001 } });
  gate.handle({ ...authPacket(token("aaa"), HOME), destination: other }, NOW, UNIX);
  assert.deepEqual(Object.fromEntries(gate.admissions), {
    a: { ...at(HOME), port: 10_001 },
    b: { ...at(null, NOW), port: 10_001 },
  });
});

Deno.test("handle() follows two peers that swap their places, whoever is first", () => {
  for (const first of ["a", "b"]) {
    const gate = newGate([{ name: "a", scheme: token("a") }, { name: "b", scheme: token("b") }]);
    const send = (name: string, place: Endpoint) => gate.handle(authPacket(token(name), place), NOW, UNIX);
    send("a", HOME);
    send("b", ELSEWHERE);
    const swapped = { a: ELSEWHERE, b: HOME };
    for (const name of first === "a" ? ["a", "b"] as const : ["b", "a"] as const) send(name, swapped[name]);
    assert.deepEqual(Object.fromEntries(gate.admissions), { a: at(ELSEWHERE), b: at(HOME) });
  }
});

Deno.test("handle() lets a peer move only when it has been somewhere for its interval", () => {
  const gate = newGate([{ scheme: token("abc"), moveInterval: 10 }]);
  const send = (place: Endpoint, now: number) =>
    told(gate.handle(authPacket(token("abc"), place), now, UNIX));
  assert.deepEqual(send(HOME, NOW), ["ipipou0", null]);
  assert.deepEqual(send(HOME, NOW + 9_000), ["ipipou0", HOME], "a renewal is no move");
  assert.equal(send(ELSEWHERE, NOW + 9_999), "moved too recently");
  assert.deepEqual(gate.admissions.get("ipipou0"), at(HOME));
  assert.deepEqual(send(ELSEWHERE, NOW + 10_000), ["ipipou0", HOME]);
  assert.equal(send(HOME, NOW + 19_999), "moved too recently");
  assert.deepEqual(send(HOME, NOW + 20_000), ["ipipou0", ELSEWHERE]);
});

Deno.test("handle() lets a peer that is shut out come back from anywhere at once", () => {
  const fields = { moveInterval: 3600, lifetime: 1 };
  const gate = newGate([{ scheme: token("abc"), ...fields }, { name: "b", scheme: token("b") }]);
  const send = (text: string, place: Endpoint, now: number) =>
    told(gate.handle(authPacket(token(text), place), now, UNIX));
  send("abc", HOME, NOW);
  assert.deepEqual(send("abc", ELSEWHERE, NOW + 1000), ["ipipou0", HOME], "its lifetime was over");
  send("b", ELSEWHERE, NOW + 1001);
  assert.deepEqual(send("abc", HOME, NOW + 1002), ["ipipou0", null], "another had its place");
});

Deno.test("adopt() takes over what an earlier run admitted, so that the peer is not new", () => {
  const gate = newGate([{ scheme: token("abc") }]);
  gate.adopt("ipipou0", at(HOME, NOW + 1), NOW);
  assert.deepEqual(gate.admissions.get("ipipou0"), at(HOME, NOW + 1));
  assert.deepEqual(told(gate.handle(authPacket(token("abc"), ELSEWHERE), NOW, UNIX)), [
    "ipipou0",
    HOME,
  ]);
});

Deno.test("adopt() leaves nowhere who is where it may not be, or whose address is not known", () => {
  const remote = { host: "home.example", port: HOME.port };
  const cases: [Peer["byRemote"], Record<string, string>, Endpoint | null][] = [
    [{ ip: true, port: true }, { ipipou0: HOME.ip }, HOME],
    [{ ip: true, port: false }, { ipipou0: ELSEWHERE.ip }, null],
    [{ ip: true, port: false }, {}, null],
    [{ ip: false, port: true }, {}, HOME],
  ];
  for (const [byRemote, addresses, expected] of cases) {
    const gate = newGate([{ scheme: token("abc"), byRemote, remote }], addresses);
    gate.adopt("ipipou0", at(HOME), NOW);
    assert.deepEqual(gate.admissions.get("ipipou0"), at(expected, expected === null ? NOW : null));
  }
});

Deno.test("adopt() leaves nowhere who came to a port that is no longer ours", () => {
  const gate = newGate([{ scheme: token("abc") }]);
  gate.adopt("ipipou0", { ...at(HOME), port: 10_001 }, NOW);
  assert.equal(gate.admissions.get("ipipou0")?.remote, null);
});

/** The admission that one peer has in the gate after other settings came at `NOW + 1000`. */
function admissionAfter(
  before: Partial<Peer>,
  after: Partial<Peer>,
  remoteAddresses: Record<string, string> = {},
) {
  const gate = newGate([{ scheme: VERIFYING, ...before }]);
  const outcome = gate.handle(authPacket(before.scheme ?? SIGNING, HOME), NOW, UNIX);
  assert.equal(outcome.kind, "admitted");
  const next = gate.succeed(
    settings([{ scheme: VERIFYING, ...after }]),
    new Map(Object.entries(remoteAddresses)),
    NOW + 1000,
  );
  const expiresAt = before.lifetime ? NOW + before.lifetime * 1000 : null;
  assert.deepEqual(gate.admissions.get("ipipou0"), at(HOME, expiresAt));
  return next.admissions.get("ipipou0")!;
}

Deno.test("succeed() keeps who proved what is asked", () => {
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

Deno.test("succeed() leaves nowhere who did not prove what is asked now, until it does", () => {
  const there = { byRemote: { ip: true, port: false }, remote: { host: "home.example", port: null } };
  const nowhere = at(null, NOW + 1000);
  assert.deepEqual(admissionAfter({}, { scheme: token("abc") }), nowhere);
  assert.deepEqual(admissionAfter({}, { scheme: { ...VERIFYING, secret: "t" } as Scheme }), nowhere);
  assert.deepEqual(admissionAfter({}, there, { ipipou0: ELSEWHERE.ip }), nowhere);
  assert.deepEqual(admissionAfter({}, there), nowhere);
  assert.deepEqual(admissionAfter({ scheme: token("abc") }, { scheme: token("abd"), lifetime: 60 }), nowhere);
  const old = newGate([{ scheme: token("abc") }]);
  old.handle(authPacket(token("abc"), HOME), NOW, UNIX);
  const gate = old.succeed(settings([{ scheme: token("abd") }]), new Map(), NOW + 1000);
  assert.equal(told(gate.handle(authPacket(token("abc"), HOME), NOW + 2000, UNIX)), "wrong token");
  assert.deepEqual(gate.admissions.get("ipipou0"), nowhere);
  assert.deepEqual(told(gate.handle(authPacket(token("abd"), HOME), NOW + 3000, UNIX)), ["ipipou0", null]);
  assert.deepEqual(gate.admissions.get("ipipou0"), at(HOME));
});

Deno.test("succeed() leaves nowhere who came to a port that is no longer ours", () => {
  const gate = newGate([{ scheme: token("abc") }]);
  gate.handle(authPacket(token("abc"), HOME), NOW, UNIX);
  const peers = [samplePeer({ scheme: token("abc") })];
  const after = (...ports: [number, ...number[]]) => {
    const local = { ip: SERVER.ip, device: null, ports };
    return gate.succeed(sampleSettings({ peers, local }), new Map(), NOW).admissions.get("ipipou0");
  };
  assert.deepEqual(after(10_001, SERVER.port), at(HOME));
  assert.deepEqual(after(10_001), at(null, NOW));
});

Deno.test("handle() refuses what waited in the queue for a port that is no longer ours", () => {
  const gate = newGate([{ scheme: token("abc") }]);
  const late = { ...authPacket(token("abc"), HOME), destination: { ...SERVER, port: 10_001 } };
  assert.equal(told(gate.handle(late, NOW, UNIX)), "port given up");
  assert.deepEqual(gate.admissions, new Map());
});

Deno.test("succeed() begins a lifetime that changed anew, but not one that is over", () => {
  assert.deepEqual(admissionAfter({}, { lifetime: 60 }), at(HOME, NOW + 61_000));
  assert.deepEqual(admissionAfter({ lifetime: 60 }, { lifetime: 10 }), at(HOME, NOW + 11_000));
  assert.deepEqual(admissionAfter({ lifetime: 60 }, {}), at(HOME));
  assert.deepEqual(admissionAfter({ lifetime: 1 }, { lifetime: 60 }), at(HOME, NOW + 1000));
  assert.deepEqual(admissionAfter({ lifetime: 1 }, { scheme: token("abc") }), at(null, NOW + 1000));
});

Deno.test("succeed() knows still when a peer moved", () => {
  const peer = { scheme: token("abc"), moveInterval: 10 };
  const gate = newGate([peer]);
  gate.handle(authPacket(token("abc"), HOME), NOW, UNIX);
  const next = gate.succeed(settings([{ ...peer, reply: true }]), new Map(), NOW + 1000);
  assert.equal(
    told(next.handle(authPacket(token("abc"), ELSEWHERE), NOW + 9_999, UNIX)),
    "moved too recently",
  );
  assert.deepEqual(told(next.handle(authPacket(token("abc"), ELSEWHERE), NOW + 10_000, UNIX)), [
    "ipipou0",
    HOME,
  ]);
});

Deno.test("succeed() knows the peers of the new settings alone", () => {
  const old = newGate([{ name: "a", scheme: token("aaa") }, { name: "b", scheme: token("bbb") }]);
  old.handle(authPacket(token("aaa"), HOME), NOW, UNIX);
  old.handle(authPacket(token("bbb"), ELSEWHERE), NOW, UNIX);
  const peers = [{ name: "c", scheme: token("ccc") }, { name: "b", scheme: token("bbb") }];
  const gate = old.succeed(settings(peers), new Map(), NOW);
  assert.deepEqual([...gate.admissions], [["b", at(ELSEWHERE)]]);
  assert.equal(told(gate.handle(authPacket(token("aaa"), HOME), NOW, UNIX)), "wrong token");
  assert.deepEqual(told(gate.handle(authPacket(token("ccc"), HOME), NOW, UNIX)), ["c", null]);
});

Deno.test("resume() keeps what was proved to the gate that did not stay, where it holds here too", () => {
  const peers = ["a", "b", "c", "d"].map((name) => ({ name, scheme: token(name.repeat(3)) }));
  const gate = newGate(peers);
  const place = (port: number) => ({ ...HOME, port });
  const send = (to: Gate, name: string, port: number, now: number) =>
    told(to.handle(authPacket(token(name), place(port)), now, UNIX));
  send(gate, "aaa", 1, NOW);
  send(gate, "bbb", 2, NOW);
  send(gate, "ddd", 4, NOW);
  const changed = peers.map((peer) => peer.name === "b" ? { ...peer, scheme: token("BBB") } : peer)
    .map((peer) => ({ ...peer, lifetime: 60 }));
  const next = gate.succeed(settings([...changed, { name: "e", scheme: token("eee") }]), new Map(), NOW + 1);
  send(next, "aaa", 11, NOW + 2);
  send(next, "BBB", 12, NOW + 2);
  send(next, "ccc", 13, NOW + 2);
  send(next, "ddd", 14, NOW + 2);
  send(next, "eee", 14, NOW + 2);
  gate.resume(next, NOW + 3);
  assert.deepEqual(Object.fromEntries(gate.admissions), {
    a: at(place(11)),
    b: at(place(2)),
    c: at(place(13)),
    d: at(null, NOW + 3),
  });
  assert.deepEqual(send(gate, "bbb", 2, NOW + 4), ["b", place(2)]);
});

Deno.test("adopt() takes over an admission for no longer than its peer's lifetime is now", () => {
  const until = (lifetime: number, expiresAt: number | null) => {
    const gate = newGate([{ scheme: token("abc"), lifetime }]);
    gate.adopt("ipipou0", at(HOME, expiresAt), NOW);
    return gate.admissions.get("ipipou0")!.expiresAt;
  };
  assert.equal(until(60, null), NOW + 60_000);
  assert.equal(until(60, NOW + 90_000), NOW + 60_000);
  assert.equal(until(60, NOW + 30_000), NOW + 30_000);
  assert.equal(until(60, NOW - 1), NOW - 1);
  assert.equal(until(0, NOW + 30_000), NOW + 30_000);
  assert.equal(until(0, null), null);
});

Deno.test("adopt() leaves nowhere who is where another is known to be by the same proof", () => {
  const peers = [HOME, ELSEWHERE].map(({ ip }, index) => ({
    name: ["a", "b"][index]!,
    scheme: PORT,
    byRemote: { ip: true, port: false },
    remote: { host: ip, port: null },
  }));
  const gate = newGate(peers, { a: HOME.ip, b: ELSEWHERE.ip });
  gate.adopt("b", at(HOME), NOW);
  assert.equal(gate.admissions.get("b")?.remote, null);
  gate.adopt("b", at(ELSEWHERE), NOW);
  assert.deepEqual(gate.admissions.get("b")?.remote, ELSEWHERE);
});
