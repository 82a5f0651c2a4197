import assert from "node:assert/strict";
import fc from "fast-check";
import { formatNetwork, networkOf, parseIpv4, parseNetwork } from "../../../lib/ipv4.ts";
import { freePoolAddress, ownPoolAddress, poolAddress } from "../../../lib/settings/pool.ts";
import { load } from "./memory_files.ts";

const names = fc.stringMatching(/^[A-Za-z0-9_-]{1,15}$/);
const networks = fc.tuple(fc.integer({ min: 0x0a00_0000, max: 0xdfff_ffff }), fc.integer({ min: 8, max: 30 }))
  .map(([address, length]) => networkOf(address, length));

Deno.test("poolAddress() returns a host address of the network other than the server's", () => {
  fc.assert(fc.property(names, networks, fc.nat(), (name, net, offset) => {
    const hosts = 2 ** (32 - net.length) - 2;
    for (const own of [ownPoolAddress(net), `10.0.0.${offset % 256}`]) {
      const address = poolAddress(name, net, own);
      const place = parseIpv4(address)! - net.first;
      assert.ok(place >= 1 && place <= hosts, `${address} of ${formatNetwork(net)}`);
      assert.notEqual(address, own);
    }
  }));
});

Deno.test("poolAddress() returns the same addresses as earlier versions", () => {
  const net = parseNetwork("172.28.16.0/20")!;
  const given = ["office", "b", "c"].map((name) => poolAddress(name, net, "172.28.16.1"));
  assert.deepEqual(given, ["172.28.18.103", "172.28.31.190", "172.28.24.72"]);
});

Deno.test("poolAddress() avoids the server's address without changing other peers' addresses", () => {
  const net = parseNetwork("10.0.0.0/24")!;
  fc.assert(fc.property(names, (name) => {
    const address = poolAddress(name, net, "10.9.9.9");
    assert.notEqual(poolAddress(name, net, address), address);
    assert.equal(
      poolAddress(name, net, "10.0.0.1"),
      address === "10.0.0.1" ? poolAddress(name, net, address) : address,
    );
  }));
});

Deno.test("poolAddress() spreads peers over the network", () => {
  const net = parseNetwork("10.0.0.0/8")!;
  const addresses = Array.from({ length: 1000 }, (_, index) => poolAddress(`peer${index}`, net, "10.0.0.1"));
  assert.ok(new Set(addresses).size >= 999);
});

Deno.test("freePoolAddress() returns the first free address", () => {
  const net = parseNetwork("10.0.0.0/30")!;
  assert.equal(freePoolAddress(net, new Set()), "10.0.0.1");
  assert.equal(freePoolAddress(net, new Set(["10.0.0.1"])), "10.0.0.2");
  assert.equal(freePoolAddress(net, new Set(["10.0.0.1", "10.0.0.2"])), null);
});

Deno.test("loadSettings() gives a peer the same address whichever other peers there are", () => {
  fc.assert(fc.property(fc.uniqueArray(names, { minLength: 1, maxLength: 8 }), fc.nat(), (all, which) => {
    const addressOf = (peers: readonly string[], name: string) => {
      const text = peers.map((peer) => `[[peer]]\nname = "${peer}"\nauth.token = "of ${peer}"\n`).join("");
      const top = 'server = true\nfou.local = "@eth0"\ntunl.net = "10.0.0.0/8"\n';
      const { settings } = load(["--config", "{dir}/h.toml"], { "h.toml": top + text });
      return settings.peers.find((peer) => peer.name === name)?.tunnel.peerIp;
    };
    const name = all[which % all.length]!;
    assert.equal(addressOf(all, name), addressOf([name], name));
    assert.equal(addressOf(all.toReversed(), name), addressOf([name], name));
  }));
});
