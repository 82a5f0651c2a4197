import assert from "node:assert/strict";
import { admissionsToCome } from "../../../lib/daemon/fixed_places.ts";
import type { Peer } from "../../../lib/settings/settings.ts";
import { samplePeer, sampleSettings } from "../samples.ts";

const NOW = 1_700_000_000_000;

function peerAt(name: string, host: string, byRemote: Peer["byRemote"] = { ip: true, port: true }): Peer {
  return samplePeer({ name, remote: { host, port: 40_000 }, byRemote, lifetime: 60 });
}

Deno.test("admissionsToCome() tells of peers that have one place only, whose address is known, and that are not there yet", () => {
  const settings = sampleSettings({
    peers: [
      peerAt("office", "office.example"),
      peerAt("here", "here.example"),
      peerAt("lost", "lost.example"),
      peerAt("roaming", "roaming.example", { ip: true, port: false }),
    ],
  });
  const ips = { office: "198.51.100.7", here: "198.51.100.8", roaming: "198.51.100.9" };
  const hosts = new Map(Object.entries(ips).map(([name, ip]) => [`${name}.example`, ip]));
  const remote = { ip: "198.51.100.7", port: 40_000 };
  const admissions = new Map([["here", { remote, port: 10_000, expiresAt: null }]]);
  assert.deepEqual([...admissionsToCome({ settings, hosts, admissions }, NOW)], [
    ["office", { remote, port: settings.local.ports[0], expiresAt: NOW + 60_000 }],
  ]);
});
