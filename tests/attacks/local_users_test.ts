import assert from "node:assert/strict";
import { PATIENCE, Scenario } from "../e2e/scenario.ts";
import { ADDRESS } from "../lab/network.ts";

/** Takes a UDP port on one device. */
const TAKE = `import socket, sys
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
udp.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, sys.argv[2].encode())
udp.bind((sys.argv[1], 10001))`;

Deno.test("no other user of a host can take the tunnel's UDP port on any device, and send from it to the far side", async () => {
  await using scenario = await Scenario.create();
  const server = await scenario.server("--auth-token", "open sesame");
  await scenario.client("client", "--auth-token", "open sesame");
  await server.waitForLine(/tunnel up/, PATIENCE);
  for (const host of ["server", "client"] as const) {
    for (const address of [ADDRESS[host], "0.0.0.0"]) {
      for (const device of ["lo", "ipipou1", "eth0"]) {
        const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
        const { code, stderr } = await scenario.network.run(
          host,
          [...nobody, "/usr/bin/python3", "-I", "-S", "-c", TAKE, address, device],
        );
        assert.deepEqual(
          [code, /Address already in use/.test(stderr)],
          [1, true],
          `${host} ${address} ${device}`,
        );
      }
    }
  }
  await scenario.ping("client");
});
