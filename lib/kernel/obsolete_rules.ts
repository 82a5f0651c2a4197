import type { Identity } from "./identity.ts";
import type { NftExpression, NftTable } from "../listing.ts";

const CHAINS: readonly string[] = ["nat-prerouting", "nfq", "nat-postrouting"];

/**
 * Finds the rules that a server of version 0.1 left for this instance's port and queue, as "CHAIN handle N". Its queue
 * rule would drop an admitted client's data: conntrack calls a flow new until a packet of it gets through, and this
 * program drops everything in its queue. As this program has the queue, no such server runs any more.
 */
export function findObsoleteRules(
  table: Pick<NftTable, "rules">,
  { ports, queue }: Identity,
): ReadonlySet<string> {
  const rules = table.rules.filter(({ handle }) => handle !== null)
    .map((rule) => ({ rule, does: actionsOf(rule.expressions) }));
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
export function findEmptyChains(
  { chains, rules }: Pick<NftTable, "chains" | "rules">,
  obsoleteRules: ReadonlySet<string>,
): string[] {
  const isInUse = rules.some(({ chain, handle }) =>
    CHAINS.includes(chain) && !obsoleteRules.has(`${chain} handle ${handle}`)
  );
  return isInUse ? [] : chains.filter((chain) => CHAINS.includes(chain));
}

/** A rule's matches and statements by name: "ip daddr", "queue". */
function actionsOf(expressions: readonly NftExpression[]): Readonly<Record<string, unknown>> {
  const simple = expressions.filter(({ value }) => ["string", "number"].includes(typeof value));
  return Object.fromEntries(simple.map(({ name, value }) => [name, value]));
}
