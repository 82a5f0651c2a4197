import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isPortFree } from "../../../ffi/port_probe.ts";

Deno.test("isPortFree() tells whether something has a UDP port, and leaves it free", async () => {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  const place = { ip: "127.0.0.1", port: socket.address().port };
  assert.equal(isPortFree(place, null), false);
  socket.close();
  await once(socket, "close");
  for (let time = 0; time < 2; time++) assert.equal(isPortFree(place, null), true);
});

Deno.test("isPortFree() says no where that cannot be told", () => {
  assert.equal(isPortFree({ ip: "192.0.2.222", port: 10_000 }, null), false, "the address is not here");
  assert.equal(isPortFree({ ip: "127.0.0.1", port: 10_000 }, "no-such-device"), false);
});
