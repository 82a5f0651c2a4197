import assert from "node:assert/strict";
import { formatNetwork } from "../../../lib/ipv4.ts";
import { describeInnerClashes, NetworksInUse } from "../../../lib/kernel/networks_in_use.ts";
import type { FoundRoute } from "../../../lib/kernel_ports.ts";
import { samplePeer, sampleSettings } from "../samples.ts";

/** A kernel with these routes, by the address that they are found for. @param asked gets what was asked */
function routesWith(found: Readonly<Record<string, Partial<FoundRoute>>>, asked: string[] = []) {
  const findRoute = (ip: string): FoundRoute | null => {
    asked.push(ip);
    const route = found[ip];
    return route === undefined ? null : { isLocal: false, network: ip, device: 2, ...route };
  };
  return { findRoute };
}

const SETTINGS = sampleSettings({ peers: [samplePeer({ routes: ["10.1.0.0/16", "0.0.0.0/1"] })] });

function namesOf(networks: NetworksInUse, settings = SETTINGS): string[] {
  return networks.of(settings).map(formatNetwork);
}

Deno.test("NetworksInUse finds the network of each address once, but for those that lead everywhere, until routes change", () => {
  const networks = new NetworksInUse();
  const asked: string[] = [];
  const routes = routesWith({
    "172.29.0.1": { network: "172.29.0.0/24" },
    "172.30.0.1": { network: "128.0.0.0/1" },
    "172.31.0.1": { network: "172.31.0.1", isLocal: true },
  }, asked);
  assert.deepEqual(namesOf(networks), ["10.1.0.0/16"]);
  const ips = ["172.29.0.1", "172.30.0.1", "172.31.0.1", "172.28.0.1"];
  assert.equal(networks.ask(ips, routes), true);
  assert.deepEqual(namesOf(networks), ["10.1.0.0/16", "172.29.0.0/24"]);
  assert.equal(networks.ask(ips, routes), false, "that was said");
  assert.deepEqual(asked, ips);
  assert.equal(networks.ask(["172.28.0.2"], routes), false);
  const others = sampleSettings({ peers: [samplePeer({ routes: ["10.2.0.0/16"] })] });
  assert.deepEqual(namesOf(networks, others), ["10.2.0.0/16", "172.29.0.0/24"]);
  networks.forget();
  assert.deepEqual(namesOf(networks), ["10.1.0.0/16"]);
  assert.equal(networks.ask(ips, routes), true);
});

Deno.test("NetworksInUse knows which hidden addresses the host is known by, until they are hidden again", () => {
  const networks = new NetworksInUse();
  const alts = new Map([["172.29.0.1", "lo"], ["172.29.0.2", "eth0"], ["172.29.0.3", "lo"]]);
  const routes = routesWith({ "172.29.0.1": { isLocal: true }, "172.29.0.2": { isLocal: true } });
  assert.equal(networks.ask(alts.keys(), routes), false);
  assert.deepEqual(networks.toldOf(alts), ["172.29.0.1"]);
  networks.hid();
  assert.deepEqual(networks.toldOf(alts), []);
});

Deno.test("describeInnerClashes() tells of others' networks, not of the tunnels' own routes nor of default routes", () => {
  const links = new Map([[2, { name: "docker0", mtu: 1500, isUp: true }]]);
  const describe = (found: Parameters<typeof routesWith>[0]) =>
    describeInnerClashes(SETTINGS, { links, ownIndexes: new Set([9]) }, routesWith(found));
  assert.deepEqual(describe({ "172.28.0.1": { network: "172.28.0.0/16" } }), [
    "tunnel address 172.28.0.0 and 1 more: 172.28.0.0/16 (dev docker0) is in use here, and its hosts with the same " +
    "address are cut off; choose another --tunl-ip and --tunl-peer-ip",
  ]);
  assert.deepEqual(describe({ "172.28.0.1": { network: "172.28.0.1/32", device: 9 } }), []);
  assert.deepEqual(describe({ "172.28.0.1": { network: "default" } }), []);
  assert.deepEqual(describe({ "172.28.0.1": { network: "128.0.0.0/1" } }), []);
  assert.deepEqual(describe({ "172.28.0.0": { isLocal: true } }), []);
  assert.deepEqual(
    describe({ "172.28.0.0": { network: "10.0.0.0/8" } }),
    [],
    "an answer to another question",
  );
});
