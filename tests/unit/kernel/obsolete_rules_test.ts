import assert from "node:assert/strict";
import { findEmptyChains, findObsoleteRules } from "../../../lib/kernel/obsolete_rules.ts";
import type { Identity } from "../../../lib/kernel/identity.ts";
import { readTable } from "../../read_listing.ts";

const IDENTITY: Identity = {
  name: "ipipou1",
  table: "ipipou",
  devices: new Set(["ipipou1"]),
  ports: new Set([10_001]),
  queue: 1,
  made: new Set(),
};

/** What `nft -j list table` (1.0.6) printed of the rules two servers of version 0.1 had made: queues 1 and 2. */
function leftovers() {
  const match = (protocol: string, field: string, right: unknown) => ({
    match: { op: "==", left: { payload: { protocol, field } }, right },
  });
  const on = (key: string) => ({ match: { op: "==", left: { meta: { key } }, right: "eth0" } });
  const counter = { counter: { packets: 0, bytes: 0 } };
  const of = (n: number, [nfq, dnat, snat]: number[]) => {
    const to = [match("ip", "daddr", "192.0.2.1"), match("udp", "dport", 10_000 + n)];
    const from = [match("ip", "saddr", "198.51.100.2"), match("udp", "sport", 4444)];
    const back = [match("ip", "saddr", `172.29.0.${n}`), match("udp", "sport", 10_000 + n)];
    const queue = { queue: { num: n, flags: "bypass" } };
    const toAlt = { dnat: { addr: `172.29.0.${n}` } };
    const fromMain = { snat: { addr: "192.0.2.1" } };
    return [
      { rule: { chain: "nfq", handle: nfq!, expr: [on("iifname"), ...to, counter, queue] } },
      {
        rule: {
          chain: "nat-prerouting",
          handle: dnat!,
          expr: [on("iifname"), ...to, ...from, counter, toAlt],
        },
      },
      { rule: { chain: "nat-postrouting", handle: snat!, expr: [on("oifname"), ...back, fromMain] } },
    ];
  };
  return [{ chain: { name: "nfq" } }, ...of(1, [4, 6, 7]), ...of(2, [8, 9, 10])];
}

Deno.test("findObsoleteRules() finds the rules of one server of version 0.1, and not those of another", () => {
  const found = findObsoleteRules(readTable(leftovers()), IDENTITY);
  assert.deepEqual(
    found,
    new Set(["nfq handle 4", "nat-prerouting handle 6", "nat-postrouting handle 7"]),
  );
});

Deno.test("findObsoleteRules() ignores a server with another queue or port", () => {
  assert.deepEqual(findObsoleteRules(readTable(leftovers()), { ...IDENTITY, queue: 2 }), new Set());
  assert.deepEqual(
    findObsoleteRules(readTable(leftovers()), { ...IDENTITY, ports: new Set([10_003]) }),
    new Set(),
  );
});

Deno.test("findObsoleteRules() ignores NAT rules without a queue rule that proves their server gone", () => {
  const withoutQueueRule = leftovers().filter((object) => !("rule" in object) || object.rule.handle !== 4);
  assert.deepEqual(findObsoleteRules(readTable(withoutQueueRule), IDENTITY), new Set());
});

Deno.test("findEmptyChains() finds the chains of version 0.1 once all rules in them are obsolete", () => {
  const ours = findObsoleteRules(readTable(leftovers()), IDENTITY);
  assert.deepEqual(findEmptyChains(readTable(leftovers()), ours), []);
  const others = findObsoleteRules(readTable(leftovers()), {
    ...IDENTITY,
    ports: new Set([10_002]),
    queue: 2,
    made: new Set(),
  });
  assert.deepEqual(findEmptyChains(readTable(leftovers()), ours.union(others)), ["nfq"]);
  const foreign = [{ chain: { name: "gate-ipipou2" } }, { rule: { chain: "gate-ipipou2", handle: 20 } }];
  assert.deepEqual(findEmptyChains(readTable([{ chain: { name: "nfq" } }, ...foreign]), new Set()), ["nfq"]);
});
