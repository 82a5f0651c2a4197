import type { Refusal } from "../refusals.ts";
import type { Verdict } from "./snapshot.ts";

/** Milliseconds in which nobody wonders that no data has come. */
const GRACE_MILLISECONDS = 10_000;

/** Packets through the tunnel. */
interface Packets {
  readonly received: number;
  readonly sent: number;
}

/** A refused auth packet. */
export interface RefusedPacket {
  readonly refusal: Refusal;
  /** IP:PORT */
  readonly source: string;
}

/** What a server knows of one peer. All ages are milliseconds. */
export interface PeerFacts {
  /** Whether it is let in, or was; "none": it never was. */
  readonly admission: "none" | "in" | "parked" | "over";
  /** Why the kernel has no tunnel for it; null: it has. */
  readonly fault: string | null;
  /** The host that identifies it and is not found; null: there is none. */
  readonly missingHost: string | null;
  /** The refusal that came after all else; null: there was none. */
  readonly refused: RefusedPacket | null;
  /** Why it was parked. */
  readonly parkedAs: string;
  /** The two places, as `A and B`, between which it moves all the time; null: it does not. */
  readonly flapping: string | null;
  /** Why the last reply could not be sent; null: it could, or it gets none. */
  readonly replyFault: string | null;
  /** Since it is where it is; null: longer than this run. */
  readonly age: number | null;
  /** Since something came, if that is too long ago; else null. */
  readonly silence: number | null;
  /** Null: it has no device. */
  readonly packets: Packets | null;
  /** The server's UDP ports. */
  readonly ports: readonly number[];
  readonly device: string;
}

/** What a client knows. All ages are milliseconds. */
export interface ClientFacts {
  readonly server: string;
  readonly expectsReplies: boolean;
  readonly replyState: "unknown" | "accepted" | "no reply";
  /** What keeps it from working; null: nothing that is known. */
  readonly problem: string | null;
  /** Whether it cannot send auth packets. */
  readonly isMute: boolean;
  /** Since replies come without a gap, and since the last one. */
  readonly acceptedFor: number | null;
  readonly acceptedAge: number | null;
  /** Since data was last seen. */
  readonly receivedAge: number | null;
  /** Whether nothing answers what is sent into the tunnel, though replies come. */
  readonly isDeaf: boolean;
  readonly packets: Packets | null;
}

/** What to do about auth packets that a server refuses. */
export const CURES: Partial<Record<Refusal, string>> = {
  "wrong signature":
    "compare auth.remote-pubkey-b64 here with the client's public key, which ipipou doctor there names, and the " +
    "secrets of both sides",
  "wrong token": "compare the token on both sides",
  "wrong length": "use the same way to authenticate on both sides",
  "time too far from ours": "set the clocks of both hosts",
  "repeated": "use each key on one host only; set the client's clock",
  "older than one accepted before": "use each key on one host only; set the client's clock",
  "wrong remote address": "compare the peer's fou.remote with where it comes from",
  "wrong remote port": "compare the peer's fou.remote with where it comes from",
  "moved too recently": "wait, or lower auth.move-interval",
};

const CURE_OF_ABSENCE = "start its client; if that runs, ipipou doctor there says why it does not get in";

const FINE = { ok: true, why: null, cure: null } as const;

/** Judges a tunnel of a server. */
export function judgePeer(facts: PeerFacts): Verdict {
  const { admission, fault, refused, replyFault, flapping, silence, packets, age, parkedAs, missingHost } =
    facts;
  if (fault !== null) return faulty(fault);
  if (admission !== "in" && refused !== null) return refusedAs(refused);
  switch (admission) {
    case "none": {
      const why = missingHost === null ? "its first auth packet" : `the IPv4 address of ${missingHost}`;
      return { state: "waiting", ok: false, why, cure: missingHost === null ? CURE_OF_ABSENCE : null };
    }
    case "parked":
      return { state: "parked", ok: false, why: parkedAs, cure: CURE_OF_ABSENCE };
    case "over":
      return { state: "parked", ok: false, why: "its authentication has expired", cure: CURE_OF_ABSENCE };
    case "in":
      if (replyFault !== null) return faulty(`no reply can be sent: ${replyFault}`);
      if (flapping !== null) return flappingBetween(flapping);
      if (silence !== null) return silent(silence);
      return judgeTraffic(packets, age, cureAtServer(facts));
  }
}

/** Judges a client's tunnel. */
export function judgeClient(facts: ClientFacts): Verdict {
  const { expectsReplies, replyState, problem, isMute, packets } = facts;
  if (problem !== null && packets === null) return faulty(problem);
  if (replyState === "accepted" && !isMute) return judgeAccepted(facts);
  if (problem !== null) return faulty(problem);
  if (expectsReplies) return judgeUnanswered(facts);
  if ((packets?.received ?? 0) > 0) return { state: "up", ...FINE };
  return {
    state: "set up, not yet accepted",
    ok: false,
    why: "nothing has come, and no replies are expected",
    cure: "give --reply-on-auth-ok on both sides, and ping through the tunnel",
  };
}

/** Judges an instance by what keeps it from working, if anything is known. */
export function judgeInstance(waitsFor: string | null, problem: string | null, isReady: boolean): Verdict {
  if (problem !== null) return faulty(problem);
  if (isReady) return { state: "up", ...FINE };
  return { state: "waiting", ok: false, why: waitsFor ?? "the kernel", cure: null };
}

function judgeAccepted({ acceptedFor, receivedAge, isDeaf, packets, server }: ClientFacts): Verdict {
  const cure = cureAtClient(server);
  if (!isDeaf || packets?.received === 0) return judgeTraffic(packets, isDeaf ? null : acceptedFor, cure);
  const { why, ...verdict } = silent(receivedAge);
  return { ...verdict, why: `${why}, though something was sent`, cure };
}

function judgeUnanswered({ replyState, acceptedAge, receivedAge, server }: ClientFacts): Verdict {
  if (replyState === "unknown") return { state: "authenticating", ok: false, why: null, cure: null };
  const cure = cureOfSilence(server);
  const why = `no reply from ${server}`;
  // Whose data gets through was let in, whatever became of the replies.
  if (receivedAge !== null && receivedAge < GRACE_MILLISECONDS) {
    return { state: "up", ok: true, why: `${why}, though data comes`, cure };
  }
  const age = Math.min(acceptedAge ?? Infinity, receivedAge ?? Infinity);
  if (age !== Infinity) return { ...silent(age), cure };
  return { state: "set up, not yet accepted", ok: false, why, cure };
}

function judgeTraffic(packets: Packets | null, age: number | null, cure: string): Verdict {
  if (packets !== null && packets.received > 0) return { state: "up", ...FINE };
  if (packets === null || age !== null && age < GRACE_MILLISECONDS) return { state: "accepted", ...FINE };
  // Where nothing was sent either, perhaps nobody uses the tunnel.
  return { state: "authenticated, nothing received", ok: packets.sent === 0, why: null, cure };
}

function cureAtServer({ ports, device }: PeerFacts): string {
  return `ping through the tunnel; if nothing comes, let UDP port ${ports.join(", ")} in ` +
    `('udp dport ${ports[0]} ct state new,untracked accept'), and what comes out of ${device} ` +
    `('iifname ${device} accept')`;
}

function cureAtClient(server: string): string {
  return `ping through the tunnel; if nothing comes, see what the firewall of ${server} lets in: its UDP port, ` +
    "and what comes out of the tunnel; and whether another machine uses the same key or token";
}

function cureOfSilence(server: string): string {
  return `see whether the server runs and replies (reply-on-auth-ok), whether UDP reaches ${server}, and ` +
    "what the server's log says of this client: another key or secret is refused there";
}

function refusedAs({ refusal, source }: RefusedPacket): Verdict {
  return { state: "refused", ok: false, why: `${refusal}, from ${source}`, cure: CURES[refusal] ?? null };
}

function flappingBetween(places: string): Verdict {
  const why =
    `between ${places}: two machines use its key or token, and cut each other off, or its uplink changes all ` +
    "the time";
  return { state: "flapping", ok: false, why, cure: "give each machine a key or token of its own" };
}

function silent(milliseconds: number | null): Verdict {
  const why = milliseconds === null
    ? "nothing comes"
    : `nothing came for ${Math.round(milliseconds / 1000)} s`;
  return { state: "silent", ok: false, why, cure: null };
}

function faulty(why: string): Verdict {
  return { state: "faulty", ok: false, why, cure: null };
}
