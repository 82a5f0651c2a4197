import { gateNames } from "./gate_names.ts";
import type { Remote } from "./state.ts";

/** A command that adds elements to a set or map or deletes them; none for no elements. */
export function changeElements(
  verb: "add" | "delete",
  table: string,
  set: string,
  elements: Iterable<string>,
): string[] {
  const list = [...elements].join(", ");
  return list === "" ? [] : [`${verb} element ip ${table} ${set} { ${list} }`];
}

/** Commands that let remotes in. @param now milliseconds of `Clock.now()` */
export function addRemotes(table: string, name: string, remotes: readonly Remote[], now: number): string[] {
  const names = gateNames(name);
  const element = (remote: Remote, value: string) =>
    `${elementKey(remote)}${timeoutFor(remote.expiresAt, now)} : ${value}`;
  const locals = remotes.flatMap((remote) => remote.alt === null ? [] : element(remote, remote.alt));
  const verdicts = remotes.map((remote) => element(remote, "accept"));
  return [
    ...changeElements("add", table, names.locals, locals),
    ...changeElements("add", table, names.remotes, verdicts),
  ];
}

function elementKey({ endpoint, port }: Remote): string {
  return `${endpoint.ip} . ${endpoint.port} . ${port}`;
}

/** `nft` takes at most eight digits before a unit: milliseconds alone would end at 27 hours. */
function timeoutFor(expiresAt: number | null, now: number): string {
  if (expiresAt === null) return "";
  const whole = Math.max(1, Math.round(expiresAt - now));
  return ` timeout ${Math.floor(whole / 1000)}s${whole % 1000}ms`;
}

/** Commands that shut remotes out. */
export function deleteRemotes(table: string, name: string, remotes: readonly Remote[]): string[] {
  const names = gateNames(name);
  // An element with a timeout may have expired meanwhile. Adding it first keeps its deletion from failing.
  const timed = remotes.filter(({ expiresAt }) => expiresAt !== null);
  const readdressed = remotes.filter(({ alt }) => alt !== null);
  return [
    ...addRemotes(table, name, timed.map((remote) => ({ ...remote, expiresAt: null })), 0),
    ...changeElements("delete", table, names.remotes, remotes.map(elementKey)),
    ...changeElements("delete", table, names.locals, readdressed.map(elementKey)),
  ];
}
