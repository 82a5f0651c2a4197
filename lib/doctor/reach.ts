import { type Finding, fine, unseen } from "./finding.ts";

/** What became of a client's auth packets. */
export type Reach =
  /** @property after milliseconds until the reply */
  | { readonly kind: "accepted"; readonly after: number }
  /** Something came that does not prove to be the server's. */
  | { readonly kind: "unproven" }
  /** @property from who says so @property why what that means */
  | { readonly kind: "refused"; readonly from: string; readonly why: string }
  /** @property echoes whether the host answers pings @property publicKey this client's, in base64; null: it has none */
  | { readonly kind: "silent"; readonly echoes: boolean; readonly publicKey: string | null }
  /** @property cure null: the reason says it */
  | { readonly kind: "unsent"; readonly why: string; readonly cure: string | null }
  | { readonly kind: "unresolved" };

/** What was seen of a client's server. */
export interface ReachFacts {
  /** HOST:PORT, or IP:PORT. */
  readonly server: string;
  readonly expectsReplies: boolean;
  /** Null: this user may not send auth packets, or has no secret. */
  readonly reach: Reach | null;
}

/** Why the server cannot be asked for more; null: it lets this client in. */
export function whyUnasked({ reach }: ReachFacts): string | null {
  if (reach === null) return "only root can ask the server";
  return reach.kind === "accepted" ? null : "the server does not let this client in";
}

/** Judges whether the server lets this client in. */
export function judgeReach({ server, expectsReplies, reach }: ReachFacts): Finding {
  switch (reach?.kind) {
    case undefined:
      return unseen(
        "server",
        `whether ${server} accepts this client`,
        "only root can send an auth packet",
        "run it as root",
      );
    case "accepted":
      return fine("server", `${server} accepts this client, after ${Math.round(reach.after)} ms`);
    case "unproven":
      return fault(
        `${server} answers, and does not prove to be the server`,
        "its key or its way to reply is another one than in these settings",
        "compare auth.remote-pubkey-b64 here with auth.key-file there: both or neither; and the secrets",
      );
    case "refused":
      return fault(
        `${server} cannot be reached: ${reach.why} (${reach.from} says so)`,
        "auth packets do not arrive",
        "compare fou.remote with the server's address and UDP port, see whether it runs, and what firewalls in front of " +
          "it forbid",
      );
    case "silent":
      return judgeSilence(server, expectsReplies, reach);
    case "unsent":
      return fault(
        `no auth packet can be sent: ${reach.why}`,
        "the server knows nothing of this client",
        reach.cure ?? "mend that; a client that runs then goes on by itself",
      );
    case "unresolved":
      return fault(
        `${server}: this name has no IPv4 address`,
        "the client waits until it has one",
        "compare fou.remote with its name; see what the resolver says: getent ahostsv4 NAME",
      );
  }
}

function fault(what: string, why: string, cure: string): Finding {
  return { topic: "server", level: "fault", what, why, cure };
}

function judgeSilence(
  server: string,
  expectsReplies: boolean,
  { echoes, publicKey }: Extract<Reach, { kind: "silent" }>,
): Finding {
  if (!expectsReplies) {
    return unseen(
      "server",
      `${server} gave no answer`,
      "these settings expect none, so nothing tells whether it accepts this client",
      "reply-on-auth-ok = true on both sides",
    );
  }
  const host = echoes
    ? "the host answers pings, so it is there"
    : "the host answers no pings either: it is down, or something on the way drops both";
  const key = publicKey === null
    ? ""
    : ` (its auth.remote-pubkey-b64 for this client must be "${publicKey}")`;
  return fault(
    `${server} gave no answer`,
    `it refuses this client without a word, does not reply, or auth packets do not arrive; ${host}`,
    "ipipou doctor there says whether it refused auth packets, and why: another key or secret, a wrong clock" +
      `${key}; if it refused none, let its UDP port in, and see that it has reply-on-auth-ok`,
  );
}
