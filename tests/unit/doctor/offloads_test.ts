import assert from "node:assert/strict";
import { judgeOffloads, type OffloadFacts } from "../../../lib/doctor/offloads.ts";

const GROUPING = ["rx-gro", "tx-generic-segmentation"];

function judge(fields: Partial<OffloadFacts>): string[] {
  const facts = {
    device: "eth0",
    isVirtual: false,
    features: features(GROUPING),
    wrong: { before: 7, after: 7 },
  };
  return judgeOffloads({ ...facts, ...fields }).map(({ level, what, cure }) => `${level}: ${what}: ${cure}`);
}

function features(on: readonly string[], more: readonly string[] = []) {
  return { on: new Set(on), changeable: new Set([...GROUPING, ...more]) };
}

Deno.test("judgeOffloads() minds features that are off, and checksums that are wrong now", () => {
  assert.deepEqual(judge({}), ["ok: GRO and GSO of eth0 are on, and no checksum was wrong: null"]);
  assert.deepEqual(judge({ features: features(["rx-gro", "tx-scatter-gather"]) }), [
    "warning: tx-generic-segmentation of eth0 is off: ethtool -K eth0 gso on",
  ]);
  assert.deepEqual(judge({ features: features(["tx-generic-segmentation"]) }), [
    "warning: rx-gro of eth0 is off: ethtool -K eth0 gro on",
  ]);
  assert.deepEqual(judge({ wrong: { before: 7, after: 9 } }), [
    "fault: 2 UDP datagrams with a wrong checksum came meanwhile: csum = false in [encap], at the other end",
  ]);
  assert.deepEqual(judge({ features: null, wrong: null }), ["unseen: the features of eth0: ethtool -k eth0"]);
  assert.deepEqual(judge({ isVirtual: true, features: features([]) }), [
    "ok: eth0 is a virtual device, and no checksum was wrong: null",
  ]);
  const card = features([...GROUPING, "tx-udp_tnl-segmentation"]);
  assert.match(judge({ features: card })[0]!, /its card segments packets of tunnels/);
});

Deno.test("judgeOffloads() names a cure that the card can do, or none", () => {
  assert.deepEqual(judge({ features: features(["rx-gro"], ["tx-scatter-gather"]) }), [
    "warning: tx-generic-segmentation of eth0 is off: ethtool -K eth0 sg on gso on",
  ]);
  assert.deepEqual(judge({ features: features(["rx-gro"]) }), [
    "ok: GRO of eth0 is on, and its card cannot group packets to send, and no checksum was wrong: null",
  ]);
  assert.deepEqual(judge({ features: features([]) }), [
    "warning: rx-gro of eth0 is off: ethtool -K eth0 gro on",
  ]);
});
