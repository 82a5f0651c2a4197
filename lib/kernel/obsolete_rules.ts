import type { Identity } from "./identity.ts";
import type { NftExpression, NftObject } from "./listing.ts";

const CHAINS: readonly string[] = ["nat-prerouting", "nfq", "nat-postrouting"];

/**
 * Finds the rules that a server of version 0.1 left for this instance's port and queue, as "CHAIN handle N". Its queue
 * rule would drop an admitted client's data: conntrack calls a flow new until a packet of it gets through, and this
 * program drops everything in its queue. As this program has the queue, no such server runs any more.
 */
export function findObsoleteRules(
  objects: readonly NftObject[],
  { ports, queue }: Identity,
): ReadonlySet<string> {
  const rules = objects.flatMap(({ rule }) =>
    rule === undefined ? [] : [{ rule, does: read(rule.expr ?? []) }]
  );
  const queueRules = rules.filter(({ rule: { chain }, does }) =>
    chain === "nfq" && ports.has(does["udp dport"] as number) && does.queue === queue
  );
  const keyOf = (ip: unknown, port: unknown) => `${ip} ${port}`;
  const keys = new Set(queueRules.map(({ does }) => keyOf(does["ip daddr"], does["udp dport"])));
  const natRules = rules.filter(({ rule: { chain }, does }) => {
    const [own, alt, port] = chain === "nat-prerouting"
      ? [does["ip daddr"], does.dnat, does["udp dport"]]
      : [does.snat, does["ip saddr"], does["udp sport"]];
    return /^nat-(prerouting|postrouting)$/.test(chain) && alt !== undefined && keys.has(keyOf(own, port));
  });
  return new Set([...queueRules, ...natRules].map(({ rule }) => `${rule.chain} handle ${rule.handle}`));
}

/** Finds the chains of version 0.1, unless one has a rule that is not obsolete: a running server always has one. */
export function findEmptyChains(objects: readonly NftObject[], obsoleteRules: ReadonlySet<string>): string[] {
  const isInUse = objects.some(({ rule }) =>
    rule !== undefined && CHAINS.includes(rule.chain) &&
    !obsoleteRules.has(`${rule.chain} handle ${rule.handle}`)
  );
  const chains = objects.flatMap(({ chain }) => chain === undefined ? [] : [chain.name]);
  return isInUse ? [] : chains.filter((chain) => CHAINS.includes(chain));
}

/** A rule's matches and statements by name: "ip daddr", "queue". */
function read(expressions: readonly NftExpression[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(expressions.flatMap(({ match, queue, dnat, snat }) => {
    const { payload } = match?.left ?? {};
    if (payload !== undefined) return [[`${payload.protocol} ${payload.field}`, match!.right]];
    if (queue !== undefined) return [["queue", queue.num]];
    if (dnat !== undefined) return [["dnat", dnat.addr]];
    return snat === undefined ? [] : [["snat", snat.addr]];
  }));
}
