import assert from "node:assert/strict";
import { eventually, PATIENCE, Scenario } from "../e2e/scenario.ts";
import { ADDRESS } from "../lab/network.ts";

/** An IPv4 packet of protocol 253 without content, from the server's inner address to the client's, in hexadecimal. */
const INNER_PACKET = "450000140000000040fd21b0ac1c0002ac1c0003";

/** Counts the packets of protocol 253 that come out of a device. */
const watch = (device: string) =>
  `table ip watch {
  chain in {
    type filter hook prerouting priority filter;
    iifname ${device} ip protocol 253 counter
  }
}
`;

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
  const intrude = async () => {
    const ends = ["--from", `${ADDRESS.server}:9`, "--to", `${ADDRESS.direct}:10001`];
    await scenario.send("server", ...ends, "--hex", INNER_PACKET);
    const argv = [ADDRESS.server, ADDRESS.direct, INNER_PACKET];
    await network.must("server", ["/usr/bin/python3", "-I", "-S", "-c", SEND_IPIP, ...argv]);
  };
  /** How many packets come out of a device meanwhile. */
  const counted = async (device: string, send: () => Promise<void>) => {
    await network.must("direct", ["nft", "-f", "-"], { stdin: watch(device) });
    await send();
    // Its own tunnel's packets come after those, on the same way.
    await scenario.ping("direct");
    const table = await network.must("direct", ["nft", "list", "table", "ip", "watch"]);
    await network.must("direct", ["nft", "delete", "table", "ip", "watch"]);
    return Number(/counter packets (\d+)/.exec(table)![1]);
  };
  /** How many of two intruders get in. */
  const intruders = () => counted("ipipou1", intrude);
  await t.step("with its gate", async () => assert.equal(await intruders(), 0));
  await t.step("also soon after the gate was flushed", async () => {
    await network.must("direct", ["nft", "flush", "ruleset"]);
    await client.waitForLine(/the gate is gone from nftables: restoring it/, PATIENCE);
    await eventually("the gate is back", async () => await intruders() === 0);
  });
  await t.step("a stranger's packets do not come out of tunl0 by the client's port", async () => {
    const ends = ["--from", "203.0.113.66:9", "--to", `${ADDRESS.direct}:10001`];
    const ofStranger = () => counted("tunl0", () => scenario.send("router", ...ends, "--hex", INNER_PACKET));
    await network.must("direct", ["ip", "link", "set", "tunl0", "up"]);
    await eventually("the gate knows of tunl0", async () => await ofStranger() === 0);
    await network.must("direct", ["ip", "link", "set", "tunl0", "down"]);
  });
  await t.step("without the gate both would get in, when nobody puts it back", async () => {
    await client.kill("SIGKILL");
    await network.must("direct", ["nft", "flush", "ruleset"]);
    assert.equal(await intruders(), 2);
  });
  await t.step("the next run has its gate again, and leaves no table when it stops", async () => {
    const next = await scenario.client("direct", "--auth-token", "open sesame");
    assert.equal(await intruders(), 0);
    assert.equal((await next.kill()).code, 0);
    assert.equal(await network.must("direct", ["nft", "list", "tables"]), "");
  });
});
