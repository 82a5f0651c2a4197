import { type Admission, isLive } from "../admission.ts";
import { signedTime } from "../auth/ed25519.ts";
import { epochOf, hintIn, keyHint } from "../auth/hint.ts";
import { publicKeyOf } from "../auth/keys.ts";
import { makeProof } from "../auth/proof.ts";
import type { Scheme } from "../auth/scheme.ts";
import type { Clock } from "../ports.ts";
import { DEFAULT_SECRET } from "../settings/option.ts";
import type { Peer } from "../settings/settings.ts";

/** Peers whose keys are tried: what this costs must not depend on how many there are. */
const MOST_PEERS = 16;
/** Secrets that are tried with each. */
const MOST_SECRETS = 8;
/** Candidates that are named. */
const MOST_NAMES = 3;

type KeyScheme = Extract<Scheme, { kind: "ed25519" }>;

/**
 * Finds out what is wrong with a signed payload that none of the peers' keys fits, for a line in the log. It takes some
 * hundred signatures' time: it is for few packets.
 *
 * @param admissions by name; a client that cannot get in is one that is not in
 * @returns words for after "wrong signature"; they reveal no secret
 */
export function explainWrongSignature(
  payload: Uint8Array,
  peers: readonly Peer[],
  admissions: ReadonlyMap<string, Admission>,
  clock: Pick<Clock, "now" | "unixTime">,
): string {
  const [now, timestamp] = [clock.now(), clock.unixTime()];
  const isIn = ({ name }: { name: string }) => {
    const admission = admissions.get(name);
    return Number(admission !== undefined && admission.remote !== null && isLive(admission, now));
  };
  const likely = peers.flatMap(({ name, scheme }) => scheme.kind === "ed25519" ? [{ name, scheme }] : [])
    .sort((a, b) => isIn(a) - isIn(b));
  const secrets = [...new Set([DEFAULT_SECRET, ...likely.map(({ scheme }) => scheme.secret)])];
  for (const { name, scheme } of likely.slice(0, MOST_PEERS)) {
    const why = explainBy(name, scheme, payload, secrets.slice(0, MOST_SECRETS));
    if (why !== null) return why;
  }
  const hinted = likely.slice(0, MOST_PEERS).find(({ scheme }) => isHintOf(scheme, payload, timestamp));
  if (hinted !== undefined) {
    return `it names the key and secret of ${hinted.name}, but does not fit them: changed on its way, or forged`;
  }
  const names = likely.slice(0, MOST_NAMES).map(({ name }) => name).join(", ");
  const more = likely.length > MOST_NAMES ? ` and ${likely.length - MOST_NAMES} more` : "";
  return `neither key nor secret can be told; if it is a client of yours (${names}${more}), compare its public key ` +
    "with auth.remote-pubkey-b64 here, and the secrets of both sides";
}

function explainBy(
  name: string,
  scheme: KeyScheme,
  payload: Uint8Array,
  secrets: readonly string[],
): string | null {
  const isSignedBy = (fields: Partial<KeyScheme>) => makeProof({ ...scheme, ...fields }).verify(payload);
  const secret = secrets.find((secret) => secret !== scheme.secret && isSignedBy({ secret }));
  if (secret !== undefined) {
    const which = secret === DEFAULT_SECRET ? "the default secret" : "the secret of another peer";
    return `it has the key of ${name}, but ${which}: give both sides the same auth.secret-file`;
  }
  const privateKey = new Uint8Array(scheme.remotePublicKey!);
  const isPrivate = isSignedBy({ remotePublicKey: publicKeyOf(privateKey) });
  return isPrivate
    ? `it is signed with what is given here as the public key of ${name}: either the client's auth.key-file has that ` +
      "public key, and needs the first line of --auth-keygen; or what is given here is its private key: then make a " +
      "new pair, as that one has been shown, and give the second line of --auth-keygen here"
    : null;
}

function isHintOf({ remotePublicKey, secret }: KeyScheme, payload: Uint8Array, timestamp: number): boolean {
  const time = signedTime(payload);
  const isRecent = Math.abs(epochOf(time) - epochOf(timestamp)) <= 1;
  return isRecent && hintIn(payload) === keyHint(remotePublicKey!, secret, epochOf(time));
}
