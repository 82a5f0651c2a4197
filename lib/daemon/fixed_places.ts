import type { Admission } from "../admission.ts";
import { expiryOf } from "../registrar/lifetime.ts";
import type { ServerView } from "./view.ts";

/**
 * What peers that are not admitted would be admitted as, by peer name, if they authenticated now: of those that can do so
 * from one address and port alone.
 */
export function admissionsToCome(
  { settings, hosts, admissions }: Pick<ServerView, "settings" | "hosts" | "admissions">,
  now: number,
): ReadonlyMap<string, Admission> {
  const { peers, local: { ports } } = settings;
  return new Map(peers.flatMap((peer): [string, Admission][] => {
    const { name, byRemote, remote: { host, port } } = peer;
    const ip = byRemote.ip && byRemote.port ? hosts.get(host ?? "") : undefined;
    if (ip === undefined || port === null || admissions.has(name)) return [];
    return [[name, { remote: { ip, port }, port: ports[0], expiresAt: expiryOf(peer, now) }]];
  }));
}
