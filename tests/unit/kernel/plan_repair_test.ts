import assert from "node:assert/strict";
import { samplePeer, sampleSettings } from "../samples.ts";
import { admission, HUB, newKernel, PEERS, plan, planRemoval } from "./plan_scene.ts";

Deno.test("planTransition() replaces a gate that lost a rule", () => {
  const kernel = newKernel();
  kernel.run(plan(kernel, sampleSettings(), new Map()));
  kernel.tables.get("ipipou")!.chains.get("fou-ipipou0")!.rules.pop();
  const repair = plan(kernel, sampleSettings(), new Map());
  assert.ok(repair.open.some((line) => line.startsWith("add rule ip ipipou fou-ipipou0")));
  kernel.run(repair);
  assert.deepEqual(plan(kernel, sampleSettings(), new Map()).open, []);
});

Deno.test("planTransition() puts a tunnel's address back, and leaves those of networks that others gave to its device", () => {
  const admissions = new Map([["ipipou0", admission("198.51.100.2", 40_001)]]);
  for (const theirs of ["10.9.9.1/24", "10.9.9.1/32", "172.28.0.0/20"]) {
    const kernel = newKernel();
    kernel.run(plan(kernel, sampleSettings(), admissions));
    kernel.ip("address delete 172.28.0.0 peer 172.28.0.1 dev ipipou0");
    kernel.ip(`address add ${theirs} dev ipipou0`);
    assert.deepEqual(plan(kernel, sampleSettings(), admissions).ip, [
      "address add 172.28.0.0 peer 172.28.0.1 dev ipipou0",
    ], theirs);
    kernel.run(plan(kernel, sampleSettings(), admissions));
    assert.deepEqual(plan(kernel, sampleSettings(), admissions).ip, []);
    assert.equal(kernel.devices.get("ipipou0")!.addresses.length, 2);
  }
});

Deno.test("planTransition() makes a tunnel of ours FOU again that others made plain, or another kind of it", () => {
  const admissions = new Map([["ipipou0", admission("198.51.100.2", 40_001)]]);
  for (const encap of ["encap none", "encap gue encap-sport 10000 encap-dport 40001"]) {
    const kernel = newKernel();
    kernel.run(plan(kernel, sampleSettings(), admissions));
    const before = kernel.devices.get("ipipou0")!.outer;
    kernel.ip(`link set dev ipipou0 type ipip remote 198.51.100.2 local 192.0.2.1 ${encap}`);
    kernel.run(plan(kernel, sampleSettings(), admissions));
    assert.deepEqual(kernel.devices.get("ipipou0")!.outer, before, encap);
    kernel.ip(`link set dev ipipou0 type ipip remote 198.51.100.2 local 192.0.2.1 ${encap}`);
    kernel.run(planRemoval(kernel, sampleSettings()));
    assert.ok(!kernel.devices.has("ipipou0"));
  }
});

Deno.test("planTransition() keeps a tunnel's MTU when its mark changes", () => {
  const kernel = newKernel();
  const admissions = new Map([["ipipou0", admission("198.51.100.2", 40_001)]]);
  const peers = [samplePeer({ tunnel: { mtu: 1_300 } })];
  for (const fouMark of [0, 0x66, 7, 0]) {
    kernel.run(plan(kernel, sampleSettings({ peers, fouMark }), admissions));
    assert.equal(kernel.devices.get("ipipou0")!.mtu, 1_300, `${fouMark}`);
    assert.deepEqual(plan(kernel, sampleSettings({ peers, fouMark }), admissions).ip, []);
  }
});

Deno.test("planTransition() lets peers exchange their inner addresses that are at no place, or wait for each other's", () => {
  for (const place of [null, { ip: "198.51.100.1", port: 40_000 }]) {
    const kernel = newKernel();
    const admissions = new Map(
      PEERS.map(({ name }, index) => [
        name,
        { remote: place && { ...place, port: place.port + index }, port: 10_000, expiresAt: null },
      ]),
    );
    kernel.run(plan(kernel, HUB, admissions));
    const peerIps = PEERS.map(({ tunnel }) => tunnel.peerIp);
    const peers = PEERS.map((peer, index) => ({
      ...peer,
      tunnel: { ...peer.tunnel, peerIp: peerIps[(index + 1) % peerIps.length]! },
      allowedIps: null,
    }));
    kernel.run(plan(kernel, { ...HUB, peers }, admissions));
    assert.deepEqual(plan(kernel, { ...HUB, peers }, admissions).ip, []);
  }
});
