import assert from "node:assert/strict";
import type { TraceEvent } from "../../../lib/doctor_ports.ts";
import { buildUdpPacket } from "../../../lib/packet.ts";
import { FakeSysError } from "../fake/sys_error.ts";
import { PORT } from "../pair/world.ts";
import { OFFICE, Patient, PROC } from "./patient.ts";

/** What nftables does with a datagram of the server's, at the hooks before and after routing. */
function eventsOf(id: number, isDropped: boolean): TraceEvent[] {
  const source = { ip: "192.0.2.1", port: PORT };
  const packet = buildUdpPacket({
    source,
    destination: { ip: "10.0.0.2", port: PORT },
    payload: new Uint8Array(9),
  }, 64);
  const place = { id, from: 2, to: 0, isQueued: false, header: packet.slice(0, 20), body: packet.slice(20) };
  return [
    { ...place, family: "ip", table: "ipipou-doctor-1", chain: "prerouting", handle: 4, isDropped: false },
    { ...place, family: "inet", table: "fw", chain: "input", handle: 7, isDropped },
  ];
}

Deno.test("doctor names the rule of a firewall that drops packets of the instance, and what lets them in", async () => {
  const patient = await Patient.begin();
  patient.rules =
    "table inet fw {\n\tchain input { # handle 1\n\t\taccept # handle 70\n\t\tct state invalid drop # handle 7\n\t}\n}\n";
  patient.modules = ["ipip", "nf_tables"];
  for (const event of [...eventsOf(1, true), ...eventsOf(2, true)]) patient.events.put(event);
  const { text, exitCode } = await patient.examine();
  assert.deepEqual(patient.traces, [{ ends: [{ ip: "10.0.0.2", port: PORT }], devices: ["ipipou1"] }]);
  assert.match(
    text,
    new RegExp(
      ` {2}FAULT +firewall +inet fw input drops UDP from the other side to port ${PORT}: ct state invalid drop\n` +
        ` +why: 2 of 2 such packets that were traced ended there\n` +
        ` +cure: nft insert rule inet fw input udp dport ${PORT} accept\n`,
    ),
  );
  assert.equal(exitCode, 3);
  assert.ok(patient.events.isClosed);
});

Deno.test("doctor says who keeps a rule, and shows a bounded part of rules", async () => {
  const findingOf = async (patient: Patient) => {
    patient.modules = ["ipip", "nf_tables"];
    for (const event of eventsOf(1, true)) patient.events.put(event);
    return / {2}\w+ +firewall +(.*)\n.*\n +cure: (.*)\n/.exec((await patient.examine()).text)!.slice(1);
  };
  const patient = await Patient.begin();
  patient.rules = `# Warning: table inet fw is managed by iptables-nft\n\t${
    "x".repeat(300)
  } drop # handle 7\n`;
  const [what, cure] = await findingOf(patient);
  assert.match(what!, /: x{160}$/);
  assert.equal(cure, `iptables -t fw -I input -p udp --dport ${PORT} -j ACCEPT`);
  // Without nft, and without a tunnel.
  const bare = await Patient.begin();
  await bare.node.stop();
  bare.host.programs.missing.add("nft");
  assert.match((await findingOf(bare))[0]!, /to port 10000: rule 7$/);
  assert.ok(!bare.runs.some((run) => /list/.test(run)));
});

Deno.test("doctor lists some of many rules, and waits no longer when something came out of the tunnel", async () => {
  const elapsedOf = async (patient: Patient) => {
    patient.modules = ["ipip", "nf_tables"];
    const { clock } = patient.world;
    const began = clock.now();
    await patient.examine();
    return clock.now() - began;
  };
  const many = await Patient.begin();
  for (let handle = 0; handle < 20; handle++) {
    const [first, last] = eventsOf(handle, true);
    for (const event of [first!, { ...last!, handle }]) many.events.put(event);
  }
  const elapsed = await elapsedOf(many);
  assert.equal(many.runs.filter((run) => /^nft -a list chain inet fw input$/.test(run)).length, 8);
  const heard = await Patient.begin();
  const { index } = heard.host.kernel.devices.get("ipipou1")!;
  for (const event of eventsOf(1, false)) heard.events.put({ ...event, from: index });
  assert.ok(elapsed - await elapsedOf(heard) > 2_000);
});

Deno.test("doctor says why nothing can be traced, and traces nothing where there is no own address", async () => {
  const patient = await Patient.begin();
  patient.modules = ["ipip", "nf_tables"];
  for (
    const [code, why] of [["EOPNOTSUPP", "this kernel is older than 5.12"], ["EPERM", ".*EPERM"]] as const
  ) {
    patient.traceError = new FakeSysError("trace", "sendto", code);
    assert.match(
      (await patient.examine()).text,
      new RegExp(`unseen +firewall +packets cannot be traced through nftables\\n +why: ${why}`),
    );
  }
  patient.traceError = null;
  await patient.node.stop();
  await patient.examine([], { "/etc/ipipou/office.toml": OFFICE.replace("@eth0", "@eth9") });
  assert.deepEqual(patient.traces, []);
});

Deno.test("doctor names rules of the older iptables also where nftables is not there", async () => {
  const patient = await Patient.begin();
  patient.proc = { ...PROC, "/proc/net/ip_tables_names": "filter\n" };
  const { text } = await patient.examine();
  assert.match(text, /unseen +firewall +rules of the older iptables \(filter\)\n/);
});

Deno.test("doctor traces also where nobody knows whether the kernel has nftables built in", async () => {
  const patient = await Patient.begin();
  patient.unread.add("/lib/modules/6.1.0-13-amd64/modules.dep");
  await patient.examine();
  assert.equal(patient.traces.length, 1);
});
