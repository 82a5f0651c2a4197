import assert from "node:assert/strict";
import fc from "fast-check";
import { SIGNED_PAYLOAD_LENGTH } from "../../../lib/auth/ed25519.ts";
import { keyPairOf } from "../../../lib/auth/key_pair.ts";
import { makeExtension, parseExtension } from "../../../lib/auth/extension.ts";
import { makeAnswerPayload, readAnswer } from "../../../lib/auth/answer.ts";
import { makeNewsPayload, makeNewsReader } from "../../../lib/auth/news.ts";
import { makeReplyVerifier } from "../../../lib/auth/proof.ts";
import {
  ANNOUNCEMENT_LENGTH,
  looksLikeInnerPacket,
  makeGoodbyePayload,
  makeQuestionPayload,
  makeReplyPayload,
  type Scheme,
} from "../../../lib/auth/scheme.ts";
import { isRemoteIpv4, parseIpv4 } from "../../../lib/ipv4.ts";
import { buildUdpPacket, type Datagram, parseUdpPacket } from "../../../lib/packet.ts";
import { replyFilter } from "../../../lib/reply_filter.ts";
import { ed25519 } from "../../unit/auth/vectors.ts";
import { runBpf } from "../../unit/fake/bpf.ts";
import { innerPacket } from "../../unit/inner_packet.ts";
import {
  authPacket,
  ELSEWHERE,
  HOME,
  newRegistrar,
  NOW,
  SERVER,
  SIGNING,
  token,
  UNIX,
  VERIFYING,
} from "../../unit/registrar/small_registrar.ts";
import { bytesLike } from "../mutate.ts";
import { type Target, target } from "../target.ts";

/** Auth packets that the registrar of {@linkcode handled} accepts, data, and packets that are neither. */
const GOOD = [
  authPacket(SIGNING, HOME),
  authPacket(SIGNING, ELSEWHERE, UNIX - 3),
  authPacket(token("a token"), HOME),
];
const TTL = 64;
const PACKETS = [
  ...GOOD,
  { ...GOOD[0]!, payload: new Uint8Array() },
  { ...GOOD[0]!, payload: innerPacket(73) },
  { source: SERVER, destination: HOME, payload: GOOD[0]!.payload.toReversed() },
].map((datagram) => buildUdpPacket(datagram, TTL));

const packet = target("UDP packets", ["lib/packet.ts parseUdpPacket"], bytesLike(PACKETS), (bytes) => {
  const datagram = parseUdpPacket(bytes);
  if (datagram === null) return;
  const { source, destination, payload } = datagram;
  assert.ok(payload.length <= bytes.length - 28);
  for (const { ip } of [source, destination]) assert.notEqual(parseIpv4(ip), null, ip);
  // Its own, since the buffer it came in is used again.
  assert.notEqual(payload.buffer, bytes.buffer);
  assert.deepEqual(parseUdpPacket(buildUdpPacket(datagram, TTL)), datagram);
});

const payloads = bytesLike([...GOOD.map(({ payload }) => payload), innerPacket(73), new Uint8Array(73)]);
const sources = fc.record({
  ip: fc.oneof(
    fc.constantFrom(HOME.ip, ELSEWHERE.ip, SERVER.ip, "0.0.0.0", "0.1.2.3", "127.0.0.1", "255.255.255.255"),
    fc.ipV4(),
  ),
  port: fc.integer({ min: 0, max: 65_535 }),
});
const times = fc.oneof(fc.constant(UNIX), fc.integer({ min: 0, max: 2 ** 40 }));

/** Handles a payload by a server of two peers, one with a key and one with a token. @returns who was admitted */
function handled(datagram: Datagram, timestamp: number): string[] {
  const registrar = newRegistrar([
    { name: "signs", scheme: VERIFYING },
    { name: "tells", scheme: token("a token") },
  ]);
  registrar.handle(datagram, NOW, timestamp);
  for (let turn = 0; registrar.isSearching; turn++) {
    assert.ok(turn < 10, "the search does not end");
    registrar.search(NOW);
  }
  return [...registrar.admissions.keys()];
}

const authPackets = target(
  "auth packets",
  [
    "lib/auth/ed25519.ts parseSignedPayload",
    "lib/auth/ed25519.ts signedTime",
    "lib/auth/ed25519.ts saltOf",
    "lib/auth/hint.ts hintIn",
    "lib/ipv4.ts isRemoteIpv4",
    "lib/registrar.ts Registrar",
    "lib/registrar/key_hints.ts KeyHints",
  ],
  fc.tuple(payloads, sources, times),
  ([payload, source, timestamp]) => {
    const admitted = handled({ source, destination: SERVER, payload }, timestamp);
    const isGood = GOOD.some((good) => isSame(good.payload, payload)) && isRemoteIpv4(source.ip) &&
      source.ip !== SERVER.ip;
    assert.equal(admitted.length, isGood ? 1 : 0);
  },
);

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

const SERVER_KEYS = keyPairOf(new Uint8Array(32).fill(9));
const SIGNED = ed25519({ privateKey: SERVER_KEYS.privateKey, secret: "s" });
const VERIFIED = ed25519({ remotePublicKey: SERVER_KEYS.publicKey, secret: "s" });
const SENT = GOOD[0]!.payload;
const SIGNED_REPLY = makeReplyPayload(SIGNED, SENT, UNIX, (length) => new Uint8Array(length).fill(7));
const schemes: readonly { readonly scheme: Scheme; readonly reply: Uint8Array }[] = [
  { scheme: VERIFIED, reply: SIGNED_REPLY },
  { scheme: SIGNING, reply: SENT.toReversed() },
  { scheme: token("a token"), reply: SENT.toReversed() },
];

const replies = target(
  "replies",
  ["lib/auth/proof.ts makeReplyVerifier", "lib/auth/ed25519.ts isTimely"],
  fc.tuple(fc.constantFrom(...schemes), bytesLike([SIGNED_REPLY, SENT.toReversed(), SENT]), times),
  ([{ scheme, reply }, bytes, timestamp]) => {
    assert.equal(makeReplyVerifier(scheme, 0)(bytes, SENT, timestamp), isSame(bytes, reply));
    const isProof = makeReplyVerifier(scheme, 10)(bytes, SENT, timestamp);
    if (scheme === VERIFIED && Math.abs(timestamp - UNIX) > 10) assert.equal(isProof, false);
  },
);

const KINDS = ["client stops", "client asks", "server stops", "server starts"] as const;
const KINDS_OF_NEWS = ["stops", "starts"] as const;
const fill = (length: number) => new Uint8Array(length).fill(7);
/** What a server of each scheme tells a client. */
const newsSchemes = [
  { server: SIGNED, client: VERIFIED },
  { server: VERIFYING, client: SIGNING },
  { server: token("a token"), client: token("a token") },
].map(({ server, client }) => ({
  client,
  news: KINDS_OF_NEWS.map((kind) => makeNewsPayload(server, kind, UNIX, fill)),
}));
const NEWS = newsSchemes.flatMap(({ news }) => news);
const GOODBYE = { ...GOOD[0]!, payload: makeGoodbyePayload(SIGNING, UNIX, fill)! };

const FILTER = replyFilter({
  source: { ip: parseIpv4(SERVER.ip)!, port: SERVER.port },
  port: HOME.port,
  payloadLengths: [SIGNED_PAYLOAD_LENGTH, ANNOUNCEMENT_LENGTH],
});
const toClient = [
  { source: SERVER, destination: HOME, payload: SIGNED_REPLY },
  { source: SERVER, destination: HOME, payload: innerPacket(SIGNED_PAYLOAD_LENGTH) },
  ...NEWS.map((payload) => ({ source: SERVER, destination: HOME, payload })),
].map((datagram) => buildUdpPacket(datagram, TTL));

const filter = target("reply filter", ["lib/reply_filter.ts replyFilter"], bytesLike(toClient), (bytes) => {
  const taken = runBpf(FILTER, bytes) > 0;
  const datagram = parseUdpPacket(bytes);
  if (datagram === null) return;
  const { source, destination, payload } = datagram;
  const isReply = source.ip === SERVER.ip && source.port === SERVER.port && destination.port === HOME.port &&
    [SIGNED_PAYLOAD_LENGTH, ANNOUNCEMENT_LENGTH].includes(payload.length) && !looksLikeInnerPacket(payload);
  assert.equal(taken, isReply);
});

const extensions = target(
  "extensions of signed payloads",
  ["lib/auth/extension.ts parseExtension"],
  bytesLike([
    ...KINDS.map((kind) => makeExtension(kind)),
    makeExtension("server sees", new Uint8Array(6)),
    Uint8Array.of(...makeExtension("client stops"), 200, 2, 7, 7),
  ]),
  (bytes) => {
    const said = parseExtension(bytes);
    if (said === null) return;
    // Whatever else is in it, what it says stands there.
    for (const [kind, value] of said) {
      assert.notEqual(indexOf(bytes, makeExtension(kind, value).slice(4)), -1, kind);
    }
  },
);

function indexOf(bytes: Uint8Array, part: Uint8Array): number {
  return bytes.findIndex((_, start) => part.every((byte, index) => bytes[start + index] === byte));
}

const news = target(
  "a server's news",
  ["lib/auth/news.ts makeNewsReader"],
  fc.tuple(fc.constantFrom(...newsSchemes), bytesLike([...NEWS, SIGNED_REPLY, SENT])),
  ([{ client, news }, bytes]) => {
    const read = makeNewsReader(client)(bytes);
    const index = news.findIndex((payload) => isSame(payload, bytes));
    assert.equal(read, index === -1 ? null : KINDS_OF_NEWS[index]);
  },
);

const goodbyes = target(
  "good-byes",
  ["lib/registrar/credentials.ts purposeOf", "lib/auth/ed25519.ts extensionOf"],
  fc.tuple(bytesLike([GOODBYE.payload, GOOD[0]!.payload]), sources),
  ([payload, source]) => {
    const registrar = newRegistrar([{ name: "signs", scheme: VERIFYING }, {
      name: "tells",
      scheme: token("a token"),
    }]);
    const before = UNIX - 5;
    assert.equal(registrar.handle(authPacket(SIGNING, HOME, before), NOW, before).kind, "admitted");
    registrar.handle(authPacket(token("a token"), ELSEWHERE), NOW, UNIX);
    const outcome = registrar.handle({ source, destination: SERVER, payload }, NOW, UNIX);
    const isIt = isSame(payload, GOODBYE.payload) && source.ip === HOME.ip && source.port === HOME.port;
    assert.equal(outcome.kind === "left", isIt);
    assert.deepEqual(registrar.admissions.get("tells")!.remote, ELSEWHERE);
  },
);

const QUESTION = makeQuestionPayload(SIGNING, UNIX, fill)!;
const answerSchemes = [{ server: SIGNED, client: VERIFIED }, { server: VERIFYING, client: SIGNING }].map((
  { server, client },
) => ({ client, answer: makeAnswerPayload(server, QUESTION, HOME, UNIX, fill) }));

const answers = target(
  "a server's answers",
  ["lib/auth/answer.ts readAnswer"],
  fc.tuple(
    fc.constantFrom(...answerSchemes),
    bytesLike([...answerSchemes.map(({ answer }) => answer), ...NEWS, SIGNED_REPLY]),
  ),
  ([{ client, answer }, bytes]) => {
    assert.deepEqual(readAnswer(client, bytes, QUESTION), isSame(bytes, answer) ? HOME : null);
  },
);

const questions = target(
  "questions",
  ["lib/registrar/credentials.ts purposeOf"],
  fc.tuple(bytesLike([QUESTION, GOODBYE.payload, GOOD[0]!.payload]), sources),
  ([payload, source]) => {
    const registrar = newRegistrar([{ name: "signs", scheme: VERIFYING }]);
    const before = UNIX - 5;
    registrar.handle(authPacket(SIGNING, HOME, before), NOW, before);
    const admissions = new Map(registrar.admissions);
    const outcome = registrar.handle({ source, destination: SERVER, payload }, NOW, UNIX);
    if (outcome.kind !== "asked") return;
    assert.ok(isSame(payload, QUESTION));
    assert.deepEqual(registrar.admissions, admissions);
  },
);

/** What comes from the network. */
export const PACKET_TARGETS: readonly Target[] = [
  ...[packet, authPackets, replies, filter],
  ...[extensions, news, goodbyes, answers, questions],
];
