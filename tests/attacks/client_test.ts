import assert from "node:assert/strict";
import { eventually, PATIENCE, Scenario } from "../e2e/scenario.ts";
import { ADDRESS } from "../lab/network.ts";

/** An IPv4 packet without content, from the server's inner address to the client's, in hexadecimal. */
const INNER_PACKET = "450000140000000040040000ac1c0002ac1c0003";

/** Sends a packet of protocol 4. */
const SEND_IPIP = `import socket, struct, sys
source, destination = map(socket.inet_aton, sys.argv[1:3])
header = struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, 64, 4, 0) + source + destination
raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
raw.sendto(header + bytes.fromhex(sys.argv[3]), (sys.argv[2], 0))`;

Deno.test("a client takes nothing from its server's address but from its port", async (t) => {
  await using scenario = await Scenario.create({ direct: true });
  const { network } = scenario;
  const server = await scenario.server("--auth-token", "open sesame");
  const client = await scenario.client("direct", "--auth-token", "open sesame");
  await server.waitForLine(/tunnel up/, PATIENCE);
  const received = async () =>
    Number(await network.must("direct", ["cat", "/sys/class/net/ipipou1/statistics/rx_packets"]));
  const intrude = async () => {
    const ends = ["--from", `${ADDRESS.server}:9`, "--to", `${ADDRESS.direct}:10001`];
    await scenario.send("server", ...ends, "--hex", INNER_PACKET);
    const argv = [ADDRESS.server, ADDRESS.direct, INNER_PACKET];
    await network.must("server", ["/usr/bin/python3", "-I", "-S", "-c", SEND_IPIP, ...argv]);
  };
  /** Its own tunnel's packets come after those, on the same way. */
  const count = async () => {
    const before = await received();
    await intrude();
    await scenario.ping("direct");
    return await received() - before;
  };
  await t.step("with its gate", async () => assert.equal(await count(), 1));
  await t.step("also soon after the gate was flushed", async () => {
    await network.must("direct", ["nft", "flush", "ruleset"]);
    await client.waitForLine(/the gate is gone from nftables: restoring it/, PATIENCE);
    await eventually("the gate is back", async () => await count() === 1);
  });
  await t.step("and leaves no table when it stops", async () => {
    assert.equal((await client.kill()).code, 0);
    assert.equal(await network.must("direct", ["nft", "list", "tables"]), "");
  });
});
