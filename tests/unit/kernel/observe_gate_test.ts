import assert from "node:assert/strict";
import type { ListedObject } from "../fake/listed.ts";
import { HUB, hub, NOW, sortOut, withoutNft } from "./observe_scene.ts";
import { ADMIN_TABLE } from "./fixtures/admin_table.ts";
import { partsOf } from "../../../lib/kernel/gate_names.ts";
import type { GateRules } from "../../../lib/kernel/state.ts";

Deno.test("sortOut() reads the gate", () => {
  const { gate } = sortOut(hub(), HUB, NOW).own;
  assert.ok(gate);
  assert.equal(gate.fingerprint, "e3aaf24c2cdf.28");
  assert.equal(gate.mark, "ipipou:p0");
  assert.deepEqual([gate.ip, gate.ports], ["192.0.2.1", [10_000]]);
  const at = (last: number, port: number) => ({ ip: `198.51.100.${last}`, port });
  const expiresAt = NOW + 294_000;
  assert.deepEqual(Object.fromEntries(gate.remotes), {
    "198.51.100.2:40000 10000": { endpoint: at(2, 40_000), port: 10_000, alt: null, expiresAt: null },
    "198.51.100.3:40001 10000": { endpoint: at(3, 40_001), port: 10_000, alt: null, expiresAt },
    "198.51.100.2:40002 10000": { endpoint: at(2, 40_002), port: 10_000, alt: "172.29.0.2", expiresAt: null },
    "198.51.100.3:40003 10000": { endpoint: at(3, 40_003), port: 10_000, alt: "172.29.0.3", expiresAt },
  });
  assert.deepEqual(gate.addresses, new Set(["198.51.100.2", "198.51.100.3"]));
  const endpoints = ["2 . 40000", "2 . 40002", "3 . 40001", "3 . 40003"].map((end) => `198.51.100.${end}`);
  assert.deepEqual(gate.endpoints, new Set(endpoints));
  assert.deepEqual(gate.alts, new Set(["172.29.0.2", "172.29.0.3"]));
  const parts = partsOf(
    { name: "p0", server: null, readdresses: true, hintQueue: null, clamp: null } as GateRules,
  );
  // Gates had this chain up to version 0.2.
  assert.deepEqual(gate.parts, parts.union(new Set(["alt-p0"])));
});

Deno.test("sortOut() sees that a gate lost a rule, its first rule, or everything but a set", () => {
  const gateOf = (isGone: (object: ListedObject) => boolean) =>
    sortOut(withoutNft(isGone), HUB, NOW).own.gate;
  assert.equal(gateOf(({ rule }) => rule?.chain === "untrack-p0")?.fingerprint, "");
  assert.equal(gateOf(({ rule }) => rule?.comment !== undefined)?.fingerprint, "");
  assert.deepEqual(gateOf((object) => object.set?.name !== "alts-p0")?.parts, new Set(["alts-p0"]));
  assert.equal(gateOf(() => true), null);
});

Deno.test("sortOut() reads the allowed source addresses, and several ports of a gate", () => {
  const ports = { match: { left: { payload: { protocol: "udp", field: "dport" } }, right: { set: [1, 2] } } };
  const nft: ListedObject[] = [
    { chain: { name: "gate-p0" } },
    { rule: { chain: "gate-p0", comment: "ipipou:p0 192.0.2.1 0123456789ab.1", expr: [ports] } },
    { set: { name: "devices-p0", elem: ["p0", "p1"] } },
    {
      set: {
        name: "sources-p0",
        elem: [
          { concat: ["p0", { prefix: { addr: "10.0.0.0", len: 8 } }] },
          { concat: ["p1", "172.28.0.3"] },
        ],
      },
    },
  ];
  const { gate } = sortOut({ ...hub(), nft }, HUB, NOW).own;
  assert.deepEqual(gate?.devices, new Set(["p0", "p1"]));
  assert.deepEqual(gate?.sources, new Set(['"p0" . 10.0.0.0/8', '"p1" . 172.28.0.3']));
  assert.deepEqual([gate?.ports, gate?.fingerprint], [[1, 2], "0123456789ab.1"]);
});

Deno.test("sortOut() reads elements with comments, and ranges that others added", () => {
  const { gate } = sortOut({ ...hub(), nft: ADMIN_TABLE.nftables as ListedObject[] }, HUB, NOW).own;
  assert.deepEqual(gate?.addresses, new Set(["198.51.100.2", "198.51.100.3"]));
  assert.deepEqual(gate?.endpoints, new Set(["198.51.100.2 . 40000"]));
  assert.deepEqual(gate?.devices, new Set(["p0"]));
  assert.deepEqual(
    gate?.sources,
    new Set(['"p0" . 10.0.0.1-10.0.0.9', '"p1" . 10.1.0.0/16', '"p2" . 10.2.0.0/16']),
  );
  const [one, other] = [...gate!.remotes.values()];
  assert.deepEqual([one?.alt, one?.expiresAt], ["172.29.0.1", null]);
  assert.deepEqual([other?.alt, other?.expiresAt], [null, NOW + 299_000]);
  // No rule in it is ours.
  assert.deepEqual([gate?.fingerprint, gate?.ports], ["", []]);
});

Deno.test("sortOut() finds the gate's own first rule behind one that others put before it", () => {
  const { nft, ...listing } = hub();
  const port = {
    match: { left: { payload: { protocol: "udp", field: "dport" } }, right: { range: [1, 9] } },
  };
  const added = { rule: { chain: "gate-p0", handle: 99, comment: "mine", expr: [port] } };
  const { gate } = sortOut({ ...listing, nft: [added, ...nft] }, HUB, NOW).own;
  assert.deepEqual([gate?.mark, gate?.ip, gate?.ports], ["ipipou:p0", "192.0.2.1", [10_000]]);
  assert.equal(gate?.fingerprint, "", "and sees that there is one too many");
});

Deno.test("sortOut() takes a gate for damaged that has elements it cannot read", () => {
  const { nft, ...listing } = hub();
  const withElement = (name: string, element: unknown) =>
    nft.map((object) => {
      if (object.map?.name === name) {
        return { map: { ...object.map, elem: [...object.map.elem ?? [], element] } };
      }
      if (object.set?.name !== name) return object;
      return { set: { ...object.set, elem: [...object.set.elem ?? [], element] } };
    });
  const strange = [
    ["addresses-p0", { future: 1 }],
    ["addresses-p0", null],
    ["endpoints-p0", { concat: [] }],
    ["endpoints-p0", { concat: ["198.51.100.9", { set: [1] }] }],
    ["addresses-p0", "1.2.3.4 } ; flush ruleset"],
    ["remotes-p0", [{ concat: ["198.51.100.9", 1] }, { accept: null }]],
    ["remotes-p0", [{ concat: ["198.51.100.9", 0, 1] }, { accept: null }]],
    ["remotes-p0", null],
    ["locals-p0", [{ concat: ["198.51.100.2", 40_000, 10_000] }, { toString: 1 }]],
  ] as const;
  for (const [name, element] of strange) {
    const { gate } = sortOut({ ...listing, nft: withElement(name, element) as ListedObject[] }, HUB, NOW).own;
    assert.equal(gate?.fingerprint, "", JSON.stringify(element));
    assert.equal(gate?.remotes.size, 4);
  }
});
