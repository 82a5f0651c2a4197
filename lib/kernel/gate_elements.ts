import { ACCEPT, type Element, type KeyPart } from "../requests.ts";
import { parseIpv4, parseNetwork } from "../ipv4.ts";
import { isPort } from "../packet.ts";
import { gateNames, type KeySet } from "./gate_names.ts";
import type { Gate, Remote } from "./state.ts";
import { command, type Step, stepOf } from "./step.ts";

/** A step that adds elements to a set or map or deletes them; none for no elements. */
function changeElements(
  verb: "add" | "delete",
  table: string,
  set: string,
  elements: readonly Element[],
): Step[] {
  return elements.length === 0 ? [] : [stepOf({ kind: "elements", verb, table, set, elements })];
}

/** Steps that let remotes in. @param now milliseconds of `Clock.now()` */
export function addRemotes(table: string, name: string, remotes: readonly Remote[], now: number): Step[] {
  const names = gateNames(name);
  const element = (remote: Remote, value: string): Element => ({
    key: keyOf(remote),
    timeout: remote.expiresAt === null ? null : Math.max(1, Math.round(remote.expiresAt - now)),
    value,
  });
  const locals = remotes.flatMap((remote) => remote.alt === null ? [] : element(remote, remote.alt));
  const verdicts = remotes.map((remote) => element(remote, ACCEPT));
  return [
    ...changeElements("add", table, names.locals, locals),
    ...changeElements("add", table, names.remotes, verdicts),
  ];
}

/** Steps that shut remotes out. */
export function deleteRemotes(table: string, name: string, remotes: readonly Remote[]): Step[] {
  const names = gateNames(name);
  // An element with a timeout may have expired meanwhile. Adding it first keeps its deletion from failing.
  const timed = remotes.filter(({ expiresAt }) => expiresAt !== null);
  const readdressed = remotes.filter(({ alt }) => alt !== null);
  const bare = (remote: Remote): Element => ({ key: keyOf(remote), timeout: null, value: null });
  return [
    ...addRemotes(table, name, timed.map((remote) => ({ ...remote, expiresAt: null })), 0),
    ...changeElements("delete", table, names.remotes, remotes.map(bare)),
    ...changeElements("delete", table, names.locals, readdressed.map(bare)),
  ];
}

function keyOf({ endpoint, port }: Remote): KeyPart[] {
  return [endpoint.ip, endpoint.port, port];
}

/** A step that changes keys of one of the gate's sets, which are as its state has them; none for no keys. */
export function changeKeys(
  verb: "add" | "delete",
  { table, name }: Pick<Gate, "table" | "name">,
  set: KeySet,
  keys: readonly string[],
): Step[] {
  const setName = gateNames(name)[set];
  const elements = keys.map((key) => readKey(set, key));
  if (!elements.includes(null)) {
    const bare = elements.map((key) => ({ key: key!, timeout: null, value: null }));
    return changeElements(verb, table, setName, bare);
  }
  // Somebody put another kind of key there.
  const words = keys.map((key) => isOfDevices(set) ? `"${key}"` : key);
  return [command(`${verb} element ip ${table} ${setName} { ${words.join(", ")} }`)];
}

/** @returns null: it is not of the set's type */
function readKey(set: KeySet, key: string): KeyPart[] | null {
  if (isOfDevices(set)) return [{ device: key }];
  if (set === "sources") {
    const [, device, network] = /^"([^"]*)" \. (\S+)$/.exec(key) ?? [];
    return device === undefined || parseNetwork(network!) === null
      ? null
      : [{ device }, { network: network! }];
  }
  if (set === "hints") return readHint(key);
  const [ip = "", port, ...more] = key.split(" . ");
  if (parseIpv4(ip) === null || more.length > 0) return null;
  if (port === undefined) return [ip];
  return isPort(Number(port)) ? [ip, Number(port)] : null;
}

function readHint(key: string): KeyPart[] | null {
  const [epoch, hint, ...more] = key.split(" . ").map(Number);
  const isHint = more.length === 0 && isWithin(epoch, 32) && isWithin(hint, 16);
  return isHint ? [{ word: epoch }, hint] : null;
}

function isWithin(value: number | undefined, bits: number): value is number {
  return Number.isInteger(value) && value! >= 0 && value! < 2 ** bits;
}

function isOfDevices(set: KeySet): boolean {
  return set === "devices" || set === "clamped";
}
