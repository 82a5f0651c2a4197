import { EXIT, IpipouError, showInvisible } from "../errors.ts";
import {
  type Counts,
  type InstanceStatus,
  type Place,
  type State,
  STATES,
  STATUS_VERSION,
  type TunnelStatus,
  type Verdict,
} from "./snapshot.ts";

/**
 * What is said on an instance's unix socket, as docs/status.md has it: one JSON object a line. To a request come an
 * InstanceStatus and the number of tunnels, then a TunnelStatus for each; or an error.
 */

/** Most bytes of a request, and of one line of an answer, without the end of the line. */
export const LONGEST_REQUEST = 1_024;
export const LONGEST_LINE = 16 * 1024;

/** What is asked. */
export interface Request {
  readonly get: "status";
  /** The one peer to tell of; null: all. */
  readonly peer: string | null;
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads a request. Fields that mean nothing are ignored. @returns null: it is none */
export function parseRequest(line: string): Request | null {
  const { get, peer = null } = fieldsIn(line) ?? {};
  if (get !== "status" || peer !== null && typeof peer !== "string") return null;
  return { get, peer };
}

/**
 * Reads the first line of an answer. What is not of its type counts as not known.
 *
 * @returns the instance, and how many tunnels follow
 * @throws {IpipouError} when it is an error, no such line, or of another version
 */
export function parseInstance(line: string): { readonly instance: InstanceStatus; readonly tunnels: number } {
  const fields = fieldsIn(line);
  if (typeof fields?.["error"] === "string") throw badAnswer(`it says: ${shortText(fields["error"])}`);
  const [name, tunnels] = [textIn(fields?.["name"]), numberIn(fields?.["tunnels"])];
  if (fields === null || name === null || tunnels === null) throw badAnswer("it is no status");
  if (fields["version"] !== STATUS_VERSION) {
    throw badAnswer("it runs another version of ipipou: restart it, or ask with its own");
  }
  const role = fields["role"];
  const instance: InstanceStatus = {
    ...{ version: STATUS_VERSION, name, config: textIn(fields["config"]), source: "instance" },
    ...verdictIn(fields),
    role: role === "server" || role === "client" ? role : null,
    pid: numberIn(fields["pid"]),
    release: textIn(fields["release"]),
    uptime: numberIn(fields["uptime"]),
    time: numberIn(fields["time"]),
    local: listIn(fields["local"]).flatMap((place) => placeIn(place) ?? []),
    dev: textIn(fields["dev"]),
    hub: fields["hub"] === true,
    heals: numberIn(fields["heals"]),
    "reload_failed": failureIn(fields["reload_failed"]),
    refused: refusedIn(fields["refused"]),
  };
  return { instance, tunnels };
}

/** Reads a tunnel's line. What is not of its type counts as not known. @throws {IpipouError} when it is no such line */
export function parseTunnel(line: string): TunnelStatus {
  const fields = fieldsIn(line);
  const [name, ifname] = [textIn(fields?.["name"]), textIn(fields?.["ifname"])];
  if (fields === null || name === null || ifname === null) throw badAnswer("it is no tunnel's status");
  const stats = fieldsOf(fields["stats64"]);
  const [rx, tx] = [countsIn(stats["rx"]), countsIn(stats["tx"])];
  return {
    ...{ name, ifname, ...verdictIn(fields) },
    address: textIn(fields["address"]) ?? "",
    peer: textIn(fields["peer"]) ?? "",
    local: placeIn(fields["local"]),
    remote: placeIn(fields["remote"]),
    private: textIn(fields["private"]),
    mtu: numberIn(fields["mtu"]),
    "auth_age": numberIn(fields["auth_age"]),
    "reply_age": numberIn(fields["reply_age"]),
    "received_age": numberIn(fields["received_age"]),
    "expires_in": numberIn(fields["expires_in"]),
    moves: numberIn(fields["moves"]),
    sharing: numberIn(fields["sharing"]) ?? 0,
    "shares_with": listIn(fields["shares_with"]).flatMap((name) => textIn(name) ?? []),
    stats64: rx === null || tx === null ? null : { rx, tx },
  };
}

function badAnswer(why: string): IpipouError {
  return new IpipouError(`Cannot read what the instance answers: ${why}`, EXIT.failure);
}

function verdictIn({ state, ok, why, cure }: Fields): Verdict {
  const known = STATES.find((word) => word === state);
  return { state: known ?? "faulty" satisfies State, ok: ok === true, why: textIn(why), cure: textIn(cure) };
}

function refusedIn(value: unknown): InstanceStatus["refused"] {
  const { count, last } = fieldsOf(value);
  const number = numberIn(count);
  if (number === null) return null;
  const [place, why, age] = [placeIn(last), textIn(fieldsOf(last)["why"]), numberIn(fieldsOf(last)["age"])];
  return {
    count: number,
    last: place === null || why === null || age === null ? null : { ...place, why, age },
  };
}

function failureIn(value: unknown): InstanceStatus["reload_failed"] {
  const [why, age] = [textIn(fieldsOf(value)["why"]), numberIn(fieldsOf(value)["age"])];
  return why === null || age === null ? null : { why, age };
}

function placeIn(value: unknown): Place | null {
  const [address, port] = [textIn(fieldsOf(value)["address"]), numberIn(fieldsOf(value)["port"])];
  return address === null || port === null ? null : { address, port };
}

function countsIn(value: unknown): Counts | null {
  const [bytes, packets] = [numberIn(fieldsOf(value)["bytes"]), numberIn(fieldsOf(value)["packets"])];
  return bytes === null || packets === null ? null : { bytes, packets };
}

function fieldsIn(line: string): Fields | null {
  try {
    const value: unknown = JSON.parse(line);
    return value !== null && typeof value === "object" && !Array.isArray(value) ? value as Fields : null;
  } catch {
    return null;
  }
}

function fieldsOf(value: unknown): Fields {
  return value !== null && typeof value === "object" ? value as Fields : {};
}

function listIn(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function numberIn(value: unknown): number | null {
  return typeof value === "number" && value >= 0 && value <= Number.MAX_SAFE_INTEGER ? value : null;
}

/** A text in one line, as it will be shown. */
function textIn(value: unknown): string | null {
  return typeof value === "string" ? showInvisible(value) : null;
}

function shortText(text: string): string {
  return text.slice(0, 200);
}
