import assert from "node:assert/strict";
import { PATIENCE, Scenario } from "../e2e/scenario.ts";
import { ADDRESS } from "../lab/network.ts";

/** Tries to take UDP port 10001 at addresses, on each of some devices, and prints what it could take. */
const TAKE = `import errno, itertools, socket, sys
for address, device in itertools.product((sys.argv[1], "0.0.0.0"), ("lo", "ipipou1", "eth0")):
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, device.encode())
    try:
        udp.bind((address, 10001))
        print(address, device)
    except OSError as error:
        if error.errno != errno.EADDRINUSE: raise`;

Deno.test("no other user of a host can take the tunnel's UDP port on any device, and send from it to the far side", async () => {
  await using scenario = await Scenario.create();
  const server = await scenario.server("--auth-token", "open sesame");
  await scenario.client("client", "--auth-token", "open sesame");
  await server.waitForLine(/tunnel up/, PATIENCE);
  for (const host of ["server", "client"] as const) {
    const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const python = ["/usr/bin/python3", "-I", "-S", "-c", TAKE, ADDRESS[host]];
    assert.equal(await scenario.network.must(host, [...nobody, ...python]), "", host);
  }
  await scenario.ping("client");
});
