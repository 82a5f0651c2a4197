import assert from "node:assert/strict";
import { judgeOffloads, type OffloadFacts } from "../../../lib/doctor/offloads.ts";

function judge(fields: Partial<OffloadFacts>): string[] {
  const features = new Set(["rx-gro", "tx-generic-segmentation"]);
  return judgeOffloads({
    device: "eth0",
    isVirtual: false,
    features,
    wrong: { before: 7, after: 7 },
    ...fields,
  })
    .map(({ level, what, cure }) => `${level}: ${what}: ${cure}`);
}

Deno.test("judgeOffloads() minds features that are off, and checksums that are wrong now", () => {
  assert.deepEqual(judge({}), ["ok: GRO and GSO of eth0 are on, and no checksum was wrong: null"]);
  assert.deepEqual(judge({ features: new Set(["rx-gro"]) }), [
    "warning: tx-generic-segmentation of eth0 is off: ethtool -K eth0 gso on",
  ]);
  assert.deepEqual(judge({ features: new Set(["tx-generic-segmentation"]) }), [
    "warning: rx-gro of eth0 is off: ethtool -K eth0 gro on",
  ]);
  assert.deepEqual(judge({ wrong: { before: 7, after: 9 } }), [
    "fault: 2 UDP datagrams with a wrong checksum came meanwhile: csum = false in [encap], at the other end",
  ]);
  assert.deepEqual(judge({ features: null, wrong: null }), ["unseen: the features of eth0: ethtool -k eth0"]);
  assert.deepEqual(judge({ isVirtual: true, features: new Set() }), [
    "ok: eth0 is a virtual device, and no checksum was wrong: null",
  ]);
  const card = new Set(["rx-gro", "tx-generic-segmentation", "tx-udp_tnl-segmentation"]);
  assert.match(judge({ features: card })[0]!, /its card segments packets of tunnels/);
});
