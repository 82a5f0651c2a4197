import assert from "node:assert/strict";
import {
  type ClientFacts,
  judgeClient,
  judgeInstance,
  judgePeer,
  type PeerFacts,
} from "../../../lib/status/verdict.ts";

const PEER: PeerFacts = {
  ...{ admission: "in", fault: null, missingHost: null, refused: null, parkedAs: "it said good-bye" },
  flapping: null,
  replyFault: null,
  ...{ age: 60_000, silence: null, packets: { received: 5, sent: 5 }, ports: [10_001], device: "a" },
};
const CLIENT: ClientFacts = {
  ...{
    server: "192.0.2.1:10001",
    expectsReplies: true,
    replyState: "accepted",
    problem: null,
    isMute: false,
  },
  ...{ acceptedFor: 90_000, acceptedAge: 60_000, receivedAge: 60_000, isDeaf: false },
  packets: { received: 5, sent: 5 },
};
const REFUSED = { refusal: "wrong signature", source: "198.51.100.7:9" } as const;

function ofPeer(facts: Partial<PeerFacts>): string {
  return wordsOf(judgePeer({ ...PEER, ...facts }));
}

function ofClient(facts: Partial<ClientFacts>): string {
  return wordsOf(judgeClient({ ...CLIENT, ...facts }));
}

function wordsOf({ state, ok, why }: ReturnType<typeof judgePeer>): string {
  return `${ok ? "" : "not ok: "}${state}${why === null ? "" : `: ${why}`}`;
}

Deno.test("judgePeer() says how a server's peer is, and what is in its way", () => {
  assert.equal(ofPeer({}), "up");
  assert.equal(ofPeer({ packets: null }), "accepted");
  assert.equal(ofPeer({ packets: { received: 0, sent: 3 }, age: 9_000 }), "accepted");
  assert.equal(ofPeer({ packets: { received: 0, sent: 3 } }), "not ok: authenticated, nothing received");
  // Perhaps nobody uses it.
  assert.equal(ofPeer({ packets: { received: 0, sent: 0 } }), "authenticated, nothing received");
  assert.equal(ofPeer({ silence: 62_000 }), "not ok: silent: nothing came for 62 s");
  const flapping = "A and B";
  const twins =
    "two machines use its key or token, and cut each other off, or its uplink changes all the time";
  assert.equal(ofPeer({ flapping }), `not ok: flapping: between A and B: ${twins}`);
  assert.equal(ofPeer({ flapping, silence: 62_000 }), `not ok: flapping: between A and B: ${twins}`);
  assert.equal(ofPeer({ flapping, admission: "parked" }), "not ok: parked: it said good-bye");
  assert.equal(ofPeer({ admission: "none" }), "not ok: waiting: its first auth packet");
  assert.equal(
    ofPeer({ admission: "none", missingHost: "far.example" }),
    "not ok: waiting: the IPv4 address of far.example",
  );
  assert.equal(ofPeer({ admission: "parked" }), "not ok: parked: it said good-bye");
  assert.equal(ofPeer({ admission: "over" }), "not ok: parked: its authentication has expired");
  const refused = "not ok: refused: wrong signature, from 198.51.100.7:9";
  for (const admission of ["none", "parked", "over"] as const) {
    assert.equal(ofPeer({ admission, refused: REFUSED }), refused);
  }
  assert.equal(ofPeer({ refused: REFUSED }), "up", "somebody repeats an old packet of a peer that is in");
  const replyFault = "Cannot send";
  assert.equal(ofPeer({ replyFault, flapping }), "not ok: faulty: no reply can be sent: Cannot send");
  assert.equal(ofPeer({ replyFault, admission: "parked" }), "not ok: parked: it said good-bye");
  assert.equal(ofPeer({ fault: "File exists", silence: 1 }), "not ok: faulty: File exists");
});

Deno.test("judgePeer() names the cure where one is known", () => {
  const cureOf = (facts: Partial<PeerFacts>) => judgePeer({ ...PEER, ...facts }).cure;
  assert.equal(
    cureOf({ admission: "none", refused: REFUSED }),
    "compare auth.remote-pubkey-b64 here with the client's public key, which ipipou doctor there names, and the " +
      "secrets of both sides",
  );
  for (const admission of ["none", "parked", "over"] as const) {
    assert.match(cureOf({ admission })!, /^start its client; if that runs, ipipou doctor there /, admission);
  }
  assert.equal(
    cureOf({ admission: "none", missingHost: "b.example" }),
    null,
    "its client has no part in that",
  );
  assert.equal(
    cureOf({ packets: { received: 0, sent: 3 } }),
    "ping through the tunnel; if nothing comes, let UDP port 10001 in " +
      "('udp dport 10001 ct state new,untracked accept'), and what comes out of a ('iifname a accept')",
  );
  assert.equal(cureOf({}), null);
});

Deno.test("judgeClient() tells a tunnel that is only set up from one that works", () => {
  assert.equal(ofClient({}), "up");
  assert.equal(ofClient({ packets: { received: 0, sent: 0 }, acceptedFor: 500 }), "accepted");
  assert.equal(
    ofClient({ packets: { received: 0, sent: 9 } }),
    "not ok: authenticated, nothing received",
  );
  assert.equal(
    ofClient({ packets: { received: 0, sent: 9 }, acceptedFor: 500, isDeaf: true }),
    "not ok: authenticated, nothing received",
  );
  const deaf = { acceptedAge: 500, isDeaf: true };
  const ofDeaf = "though something was sent";
  assert.equal(ofClient(deaf), `not ok: silent: nothing came for 60 s, ${ofDeaf}`);
  assert.equal(ofClient({ ...deaf, receivedAge: null }), `not ok: silent: nothing comes, ${ofDeaf}`);
  const never = { acceptedAge: null, receivedAge: null };
  assert.equal(ofClient({ replyState: "unknown", ...never }), "not ok: authenticating");
  assert.equal(
    ofClient({ replyState: "no reply", ...never }),
    "not ok: set up, not yet accepted: no reply from 192.0.2.1:10001",
  );
  assert.equal(
    ofClient({ replyState: "no reply", acceptedAge: 90_000, receivedAge: 70_400 }),
    "not ok: silent: nothing came for 70 s",
  );
  const problem = "Cannot use 10.0.0.2: its network device eth0 is down";
  assert.equal(ofClient({ replyState: "no reply", problem }), `not ok: faulty: ${problem}`);
  assert.equal(ofClient({ problem }), "up", "replies come all the same");
  assert.equal(ofClient({ problem, isMute: true }), `not ok: faulty: ${problem}`, "replies came before");
  const unreplied = "no reply from 192.0.2.1:10001, though data comes";
  assert.equal(ofClient({ replyState: "no reply", acceptedAge: null, receivedAge: 400 }), `up: ${unreplied}`);
  assert.equal(ofClient({ replyState: "no reply", receivedAge: 400 }), `up: ${unreplied}`);
  assert.equal(ofClient({ replyState: "no reply", receivedAge: 9_999 }), `up: ${unreplied}`);
  const quiet = "not ok: silent: nothing came for 10 s";
  assert.equal(ofClient({ replyState: "no reply", receivedAge: 10_000 }), quiet);
});

Deno.test("judgeClient() without replies goes by what came", () => {
  const without = { expectsReplies: false, replyState: "unknown", acceptedAge: null } as const;
  assert.equal(ofClient(without), "up");
  assert.equal(
    ofClient({ ...without, packets: { received: 0, sent: 2 } }),
    "not ok: set up, not yet accepted: nothing has come, and no replies are expected",
  );
});

Deno.test("judgeInstance() says what is waited for, and what keeps it from working", () => {
  assert.equal(wordsOf(judgeInstance(null, null, true)), "up");
  assert.equal(wordsOf(judgeInstance(null, null, false)), "not ok: waiting: the kernel");
  const what = "the network device eth7: there is no such device";
  assert.equal(wordsOf(judgeInstance(what, null, false)), `not ok: waiting: ${what}`);
  assert.equal(wordsOf(judgeInstance(null, "No queue", true)), "not ok: faulty: No queue");
});
