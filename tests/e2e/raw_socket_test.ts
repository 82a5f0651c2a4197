// Sends real packets between two network namespaces. Needs root and a kernel with nftables: the lab, or a disposable
// machine.
import assert from "node:assert/strict";
import {
  CAP_NET_RAW,
  FAR,
  listen,
  makeLink,
  NEAR,
  openSocket,
  PASSED_TTL,
  removeLink,
  udpPacket,
  withoutCapability,
} from "./link.ts";

Deno.test.beforeAll(makeLink);
Deno.test.afterAll(removeLink);

Deno.test("RawSocket sends a packet unchanged: payload, source and TTL arrive", async () => {
  await using receiver = await listen();
  for (const device of [null, NEAR.device]) {
    using socket = openSocket(device);
    const payload = crypto.getRandomValues(new Uint8Array(73));
    socket.send(udpPacket({ ttl: PASSED_TTL - 10, payload: new Uint8Array(1) }), FAR.ip); // dropped
    socket.send(udpPacket({ ttl: PASSED_TTL, payload }), FAR.ip);
    const [received, from] = await receiver.receive();
    assert.deepEqual(new Uint8Array(received), payload);
    assert.deepEqual([from.address, from.port], [NEAR.ip, 4242]);
  }
});

Deno.test("RawSocket reports why it cannot open or send", () => {
  assert.throws(() => openSocket("ffi-none"), {
    message: "Cannot bind the raw socket to device ffi-none: ENODEV (No such device)",
  });
  {
    using _ = withoutCapability(CAP_NET_RAW);
    assert.throws(() => openSocket(), {
      message: "Cannot open a raw socket: EPERM (Operation not permitted); " +
        "run as root, or with CAP_NET_ADMIN and CAP_NET_RAW",
    });
  }
  const socket = openSocket();
  const packet = udpPacket({ ttl: PASSED_TTL, payload: new Uint8Array(4) });
  assert.throws(() => socket.send(packet, "203.0.113.1"), {
    message: "Cannot send to 203.0.113.1: ENETUNREACH (Network is unreachable)",
    call: "sendto",
  });
  assert.throws(() => socket.send(packet, "10.9.0.256"), TypeError);
  socket[Symbol.dispose]();
  socket[Symbol.dispose]();
  assert.throws(() => socket.send(packet, FAR.ip), /the raw socket is closed/);
});
