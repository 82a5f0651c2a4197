import assert from "node:assert/strict";
import type { Scheme } from "../../lib/auth/scheme.ts";
import type { Datagram, Endpoint } from "../../lib/packet.ts";
import type { Peer } from "../../lib/settings/settings.ts";
import { ed25519, README_KEY_PAIR } from "./auth/vectors.ts";
import {
  at,
  authPacket,
  ELSEWHERE,
  HOME,
  newRegistrar,
  NOW,
  PORT,
  SERVER,
  SIGNING,
  token,
  told,
  UNIX,
  VERIFYING,
} from "./registrar/small_registrar.ts";

Deno.test("handle() admits a new peer for ever and remembers its place", () => {
  const registrar = newRegistrar([{ scheme: token("abc") }]);
  const outcome = registrar.handle(authPacket(token("abc"), HOME), NOW, UNIX);
  assert.equal(outcome.kind, "admitted");
  assert.deepEqual(told(outcome), ["ipipou0", null]);
  assert.deepEqual(outcome.admission, at(HOME));
  assert.deepEqual(registrar.admissions, new Map([["ipipou0", at(HOME)]]));
});

Deno.test("handle() tells a renewal from a move", () => {
  const registrar = newRegistrar([{ scheme: token("abc") }]);
  registrar.handle(authPacket(token("abc"), HOME), NOW, UNIX);
  assert.deepEqual(told(registrar.handle(authPacket(token("abc"), HOME), NOW, UNIX)), ["ipipou0", HOME]);
  assert.deepEqual(told(registrar.handle(authPacket(token("abc"), ELSEWHERE), NOW, UNIX)), [
    "ipipou0",
    HOME,
  ]);
  assert.deepEqual(registrar.admissions.get("ipipou0")?.remote, ELSEWHERE);
  assert.deepEqual(told(registrar.handle(authPacket(token("abc"), HOME), NOW, UNIX)), [
    "ipipou0",
    ELSEWHERE,
  ]);
});

Deno.test("handle() renews an admission's lifetime at each auth packet", () => {
  const registrar = newRegistrar([{ scheme: token("abc"), lifetime: 60 }]);
  registrar.handle(authPacket(token("abc"), HOME), NOW, UNIX);
  assert.equal(registrar.admissions.get("ipipou0")?.expiresAt, NOW + 60_000);
  registrar.handle(authPacket(token("abc"), HOME), NOW + 59_999, UNIX);
  assert.equal(registrar.admissions.get("ipipou0")?.expiresAt, NOW + 119_999);
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
    const registrar = newRegistrar([{ scheme, maxTimeDiscrepancy: 30 }]);
    const outcome = registrar.handle(packet, NOW, UNIX);
    // Of a packet with a good signature is known whose it is.
    const peer = refusal.startsWith("time") ? { peer: "ipipou0" } : {};
    assert.deepEqual(outcome, { kind: "refused", datagram: packet, refusal, ...peer });
    assert.equal(registrar.admissions.size, 0);
  }
});

Deno.test("handle() compares signed times with our time in whole seconds", () => {
  const registrar = newRegistrar([{ scheme: VERIFYING, maxTimeDiscrepancy: 30 }]);
  assert.equal(registrar.handle(authPacket(SIGNING, HOME), NOW, UNIX + 30).kind, "admitted");
  assert.equal(registrar.handle(authPacket(SIGNING, HOME), NOW, UNIX + 31).kind, "refused");
});

Deno.test("handle() takes anyone's empty packet when nothing is to be proved", () => {
  assert.equal(
    newRegistrar([{ scheme: PORT }]).handle(authPacket(PORT, HOME), NOW, UNIX).kind,
    "admitted",
  );
});

Deno.test("handle() checks only remote address, only remote port, or both", () => {
  const { ip, port } = HOME;
  const check = (byRemote: Peer["byRemote"], source: Endpoint) => {
    const registrar = newRegistrar([{ scheme: PORT, byRemote, remote: { host: "home.example", port } }], {
      ipipou0: ip,
    });
    const outcome = registrar.handle(authPacket(PORT, source), NOW, UNIX);
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

Deno.test("handle() checks both remote address and scheme", () => {
  const registrar = newRegistrar([{ scheme: token("abc"), byRemote: { ip: true, port: false } }], {
    ipipou0: HOME.ip,
  });
  assert.equal(told(registrar.handle(authPacket(token("abd"), HOME), NOW, UNIX)), "wrong token");
  assert.equal(
    told(registrar.handle(authPacket(token("abc"), ELSEWHERE), NOW, UNIX)),
    "wrong remote address",
  );
  assert.deepEqual(told(registrar.handle(authPacket(token("abc"), HOME), NOW, UNIX)), ["ipipou0", null]);
});

Deno.test("handle() refuses everyone when the address to compare with is not known", () => {
  for (const [asked, sent] of [[PORT, PORT], [token("abc"), token("abc")], [VERIFYING, SIGNING]] as const) {
    for (const port of [false, true]) {
      const nameless = {
        name: "nameless",
        byRemote: { ip: true, port },
        remote: { host: "x", port: HOME.port },
      };
      const registrar = newRegistrar([{ ...nameless, scheme: asked }], { another: HOME.ip });
      assert.equal(told(registrar.handle(authPacket(sent, HOME), NOW, UNIX)), "wrong remote address");
      assert.equal(registrar.admissions.size, 0);
    }
  }
});

Deno.test("handle() lets a peer move only after its move interval", () => {
  const registrar = newRegistrar([{ scheme: token("abc"), moveInterval: 10 }]);
  const send = (place: Endpoint, now: number) =>
    told(registrar.handle(authPacket(token("abc"), place), now, UNIX));
  assert.deepEqual(send(HOME, NOW), ["ipipou0", null]);
  assert.deepEqual(send(HOME, NOW + 9_000), ["ipipou0", HOME], "a renewal is no move");
  assert.equal(send(ELSEWHERE, NOW + 9_999), "moved too recently");
  assert.deepEqual(registrar.admissions.get("ipipou0"), at(HOME));
  assert.deepEqual(send(ELSEWHERE, NOW + 10_000), ["ipipou0", HOME]);
  assert.equal(send(HOME, NOW + 19_999), "moved too recently");
  assert.deepEqual(send(HOME, NOW + 20_000), ["ipipou0", ELSEWHERE]);
});

Deno.test("handle() refuses a queued packet to a port that is no longer ours", () => {
  const registrar = newRegistrar([{ scheme: token("abc") }]);
  const late = { ...authPacket(token("abc"), HOME), destination: { ...SERVER, port: 10_001 } };
  assert.equal(told(registrar.handle(late, NOW, UNIX)), "to a port no longer used");
  assert.deepEqual(registrar.admissions, new Map());
});
