import assert from "node:assert/strict";
import { makeAnswerPayload } from "../../../lib/auth/answer.ts";
import { makeSignedPayload } from "../../../lib/auth/ed25519.ts";
import { makeExtension } from "../../../lib/auth/extension.ts";
import { makeGoodbyePayload, makeQuestionPayload, type Scheme } from "../../../lib/auth/scheme.ts";
import type { Datagram, Endpoint } from "../../../lib/packet.ts";
import { ACCEPTED, ed25519, README_KEY_PAIR } from "../auth/vectors.ts";
import {
  admitted,
  authPacket,
  ELSEWHERE,
  HOME,
  newRegistrar,
  nextSalt,
  NOW,
  SERVER,
  settings,
  SIGNING,
  UNIX,
  VERIFYING,
  wordsOf,
} from "./small_registrar.ts";

function question(scheme: Scheme, source: Endpoint, timestamp = UNIX): Datagram {
  return { source, destination: SERVER, payload: makeQuestionPayload(scheme, timestamp, nextSalt)! };
}

Deno.test("handle() hears a question from anywhere, and moves, renews and admits nobody by it", () => {
  for (const lifetime of [0, 60]) {
    const registrar = admitted({ lifetime });
    const before = registrar.admissions.get("ipipou0");
    for (const [index, source] of [HOME, ELSEWHERE, { ...HOME, port: 9 }].entries()) {
      const datagram = question(SIGNING, source);
      const outcome = registrar.handle(datagram, NOW + index * 1_000, UNIX);
      assert.equal(wordsOf(outcome), "ipipou0 asks");
      assert.equal(outcome.kind === "asked" && outcome.datagram, datagram);
    }
    assert.equal(registrar.admissions.get("ipipou0"), before);
    assert.equal(registrar.isSearching, false);
  }
  const registrar = newRegistrar([{ scheme: VERIFYING }]);
  assert.equal(wordsOf(registrar.handle(question(SIGNING, HOME), NOW, UNIX)), "ipipou0 asks");
  assert.equal(registrar.admissions.size, 0);
});

Deno.test("handle() lets who asks authenticate just as before, also with a packet that was sent meanwhile", () => {
  const registrar = admitted();
  const late = authPacket(SIGNING, HOME);
  registrar.handle(question(SIGNING, ELSEWHERE), NOW, UNIX);
  assert.equal(registrar.handle(late, NOW, UNIX).kind, "admitted");
  assert.equal(registrar.handle(authPacket(SIGNING, ELSEWHERE), NOW, UNIX).kind, "admitted");
});

Deno.test("handle() hears a question once, also under new settings, and none that is old", () => {
  const registrar = admitted({ maxTimeDiscrepancy: 30 });
  const first = question(SIGNING, ELSEWHERE);
  assert.equal(wordsOf(registrar.handle(first, NOW, UNIX)), "ipipou0 asks");
  const repeated = { ...first, source: HOME };
  assert.equal(wordsOf(registrar.handle(repeated, NOW, UNIX)), "repeated");
  const next = registrar.withSettings(settings([{ scheme: VERIFYING }]), new Map(), NOW);
  assert.equal(wordsOf(next.handle(repeated, NOW, UNIX)), "repeated");
  registrar.handle(authPacket(SIGNING, HOME, UNIX + 5), NOW, UNIX + 5);
  const old = question(SIGNING, HOME, UNIX + 2);
  assert.equal(wordsOf(registrar.handle(old, NOW, UNIX + 5)), "older than one accepted before");
  const far = question(SIGNING, HOME, UNIX + 60);
  assert.equal(wordsOf(registrar.handle(far, NOW, UNIX + 5)), "time too far from ours");
});

Deno.test("handle() hears only whom it would let in", () => {
  const stranger = ed25519({ privateKey: ACCEPTED[0]!.privateKey, secret: "s" });
  const otherSecret = ed25519({ privateKey: README_KEY_PAIR.privateKey, secret: "t" });
  for (const scheme of [stranger, otherSecret]) {
    assert.equal(wordsOf(admitted().handle(question(scheme, HOME), NOW, UNIX)), "wrong signature");
  }
  const registrar = newRegistrar([{
    scheme: VERIFYING,
    remote: { host: null, port: HOME.port },
    byRemote: { ip: false, port: true },
  }]);
  assert.equal(wordsOf(registrar.handle(question(SIGNING, ELSEWHERE), NOW, UNIX)), "wrong remote port");
  assert.equal(
    wordsOf(admitted({ replay: "off" }).handle(question(SIGNING, HOME), NOW, UNIX)),
    "a question, which could be a repeated one",
  );
});

Deno.test("handle() takes no question for an auth packet or a good-bye, nor those for it, whatever they say", () => {
  const [asks, stops] = [makeExtension("client asks"), makeExtension("client stops")];
  const from = (payload: Uint8Array): Datagram => ({ source: HOME, destination: SERVER, payload });
  const spoken = (extension: Uint8Array) =>
    from(makeSignedPayload(README_KEY_PAIR.privateKey, "s", UNIX, nextSalt(4), extension));
  assert.equal(wordsOf(admitted().handle(spoken(asks), NOW, UNIX)), "ipipou0 asks");
  const both = Uint8Array.of(...stops, ...asks.slice(4));
  assert.equal(wordsOf(admitted().handle(spoken(both), NOW, UNIX)), "ipipou0 asks");
  const asked = question(SIGNING, HOME).payload;
  const farewell = makeGoodbyePayload(SIGNING, UNIX, nextSalt)!;
  for (const [payload, type] of [[asked, 6], [asked, 9], [farewell, 7]] as const) {
    assert.equal(
      wordsOf(admitted().handle(from(payload.with(77, type)), NOW, UNIX)),
      "wrong signature",
      `as type ${type}`,
    );
  }
});

Deno.test("handle() takes no answer for a client's packet, though both sides have one key", () => {
  const both = ed25519({ ...README_KEY_PAIR, secret: "s", remotePublicKey: README_KEY_PAIR.publicKey });
  const asked = question(SIGNING, HOME).payload;
  const payload = makeAnswerPayload(both, asked, HOME, UNIX, nextSalt);
  const outcome = admitted().handle({ source: ELSEWHERE, destination: SERVER, payload }, NOW, UNIX);
  assert.equal(wordsOf(outcome), "not an extension of a known form");
});
