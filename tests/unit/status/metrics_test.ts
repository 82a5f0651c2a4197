import assert from "node:assert/strict";
import { formatMetrics } from "../../../lib/status/metrics.ts";
import { STATES } from "../../../lib/status/snapshot.ts";
import { sampleHub, sampleInstance, samplePeerStatus, sampleTunnel } from "./samples.ts";

const OFFICE = { instance: sampleInstance({ heals: 2 }), tunnels: [sampleTunnel()] };
const refused = { count: 3, last: null };
const HUB = {
  instance: sampleHub({ refused }),
  tunnels: [samplePeerStatus("a", { state: "parked", ok: false })],
};

/** The lines without those that tell of each state. */
function briefly(text: string): string {
  return text.replace(/^ipipou_tunnel_state\{.* 0\n/gm, "");
}

Deno.test("formatMetrics() makes Prometheus' text of a client", () => {
  assert.equal(
    briefly(formatMetrics([OFFICE], "text")),
    `\
# HELP ipipou_instance_info What runs.
# TYPE ipipou_instance_info gauge
ipipou_instance_info{name="ipipou1",role="client",version="1.0.0"} 1
# HELP ipipou_instance_healthy Whether an instance runs, and nothing keeps it from working; its tunnels are not asked.
# TYPE ipipou_instance_healthy gauge
ipipou_instance_healthy{name="ipipou1"} 1
# HELP ipipou_instance_start_time_seconds When an instance was started.
# TYPE ipipou_instance_start_time_seconds gauge
ipipou_instance_start_time_seconds{name="ipipou1"} 1795211700
# HELP ipipou_instance_last_reload_successful Whether the last reload was not refused, so that the settings of the file are in use.
# TYPE ipipou_instance_last_reload_successful gauge
ipipou_instance_last_reload_successful{name="ipipou1"} 1
# HELP ipipou_instance_repairs_total Things that others had changed and that were put back.
# TYPE ipipou_instance_repairs_total counter
ipipou_instance_repairs_total{name="ipipou1"} 2
# HELP ipipou_tunnel_healthy Whether a tunnel is as it should be.
# TYPE ipipou_tunnel_healthy gauge
ipipou_tunnel_healthy{name="ipipou1",tunnel="ipipou1",device="ipipou1"} 1
# HELP ipipou_tunnel_state How a tunnel is.
# TYPE ipipou_tunnel_state gauge
ipipou_tunnel_state{name="ipipou1",tunnel="ipipou1",device="ipipou1",state="up"} 1
# HELP ipipou_tunnel_receive_bytes_total Bytes out of the tunnel's device.
# TYPE ipipou_tunnel_receive_bytes_total counter
ipipou_tunnel_receive_bytes_total{name="ipipou1",tunnel="ipipou1",device="ipipou1"} 1300000
# HELP ipipou_tunnel_receive_packets_total Packets out of the tunnel's device.
# TYPE ipipou_tunnel_receive_packets_total counter
ipipou_tunnel_receive_packets_total{name="ipipou1",tunnel="ipipou1",device="ipipou1"} 900
# HELP ipipou_tunnel_transmit_bytes_total Bytes into the tunnel's device.
# TYPE ipipou_tunnel_transmit_bytes_total counter
ipipou_tunnel_transmit_bytes_total{name="ipipou1",tunnel="ipipou1",device="ipipou1"} 12000
# HELP ipipou_tunnel_transmit_packets_total Packets into the tunnel's device.
# TYPE ipipou_tunnel_transmit_packets_total counter
ipipou_tunnel_transmit_packets_total{name="ipipou1",tunnel="ipipou1",device="ipipou1"} 80
# HELP ipipou_tunnel_mtu_bytes MTU of the tunnel's device.
# TYPE ipipou_tunnel_mtu_bytes gauge
ipipou_tunnel_mtu_bytes{name="ipipou1",tunnel="ipipou1",device="ipipou1"} 1472
# HELP ipipou_tunnel_moves_total Changes of a tunnel's outer place.
# TYPE ipipou_tunnel_moves_total counter
ipipou_tunnel_moves_total{name="ipipou1",tunnel="ipipou1",device="ipipou1"} 0
# HELP ipipou_tunnel_last_authentication_timestamp_seconds When a client last sent an auth packet, or a server accepted one.
# TYPE ipipou_tunnel_last_authentication_timestamp_seconds gauge
ipipou_tunnel_last_authentication_timestamp_seconds{name="ipipou1",tunnel="ipipou1",device="ipipou1"} 1795219196.8
# HELP ipipou_tunnel_last_reply_timestamp_seconds When a client last got a reply, or a server sent one.
# TYPE ipipou_tunnel_last_reply_timestamp_seconds gauge
ipipou_tunnel_last_reply_timestamp_seconds{name="ipipou1",tunnel="ipipou1",device="ipipou1"} 1795219196.9
`,
  );
});

Deno.test("formatMetrics() makes OpenMetrics: counters without their suffix where they are described, units, and an end", () => {
  const text = formatMetrics([OFFICE, HUB], "openMetrics");
  assert.match(
    text,
    /^# HELP ipipou_tunnel_receive_bytes .*\n# TYPE ipipou_tunnel_receive_bytes counter\n# UNIT ipipou_tunnel_receive_bytes bytes\nipipou_tunnel_receive_bytes_total\{/m,
  );
  assert.match(text, /^ipipou_instance_refused_packets_total\{name="hub"\} 3$/m);
  assert.ok(text.endsWith("\n# EOF\n"));
});

Deno.test("formatMetrics() tells of a reload that was refused", () => {
  const instance = sampleInstance({ "reload_failed": { why: "office.toml:3:1: unknown key", age: 60 } });
  const text = formatMetrics([{ instance, tunnels: [] }], "text");
  assert.match(text, /^ipipou_instance_last_reload_successful\{name="ipipou1"\} 0$/m);
  assert.match(text, /^ipipou_instance_healthy\{name="ipipou1"\} 1$/m);
});

Deno.test("formatMetrics() has one state of each tunnel, and nothing that is not known", () => {
  const unknown = { mtu: null, stats64: null, "auth_age": null, "reply_age": null };
  const text = formatMetrics([{ ...HUB, tunnels: [samplePeerStatus("a", unknown)] }], "text");
  const states = [...text.matchAll(/^ipipou_tunnel_state\{.*state="(.*)"\} (\d)$/gm)];
  assert.deepEqual(states.map(([, state]) => state), [...STATES]);
  assert.deepEqual(states.filter(([, , value]) => value === "1").map(([, state]) => state), ["up"]);
  assert.doesNotMatch(text, /null|NaN|mtu|bytes|timestamp/);
  assert.equal(formatMetrics([], "openMetrics"), "# EOF\n");
  const gone = sampleInstance({ source: "kernel", uptime: null, time: null, heals: null });
  const tunnel = sampleTunnel({ moves: null, "auth_age": null, "reply_age": null });
  const kernels = formatMetrics([{ instance: gone, tunnels: [tunnel] }], "text");
  assert.doesNotMatch(kernels, /null|NaN|start_time|reload|repairs|refused_packets|moves|timestamp/);
  assert.doesNotMatch(kernels, /receive_/, "with replies it would go back when the instance answers again");
  assert.match(kernels, /^ipipou_tunnel_transmit_bytes_total\{/m);
  assert.match(kernels, /^ipipou_instance_info\{name="ipipou1"/m);
});

Deno.test("formatMetrics() escapes what a name may have", () => {
  const text = formatMetrics([{ instance: sampleInstance({ name: 'a"\\b' }), tunnels: [] }], "text");
  assert.match(text, /^ipipou_instance_healthy\{name="a\\"\\\\b"\} 1$/m);
});
