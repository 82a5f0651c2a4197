import assert from "node:assert/strict";
import { NftTrace } from "../../ffi/nft_trace.ts";
import { enter, FAR, listen, makeLink, openSocket, PASSED_TTL, PORT, removeLink, udpPacket } from "./link.ts";

const DROPPED = 5;

Deno.test.beforeAll(makeLink);
Deno.test.afterAll(removeLink);

function openTrace(): NftTrace {
  using _ = enter(FAR.namespace);
  return new NftTrace({ ends: [{ ip: FAR.ip, port: PORT }], devices: [] });
}

Deno.test("events() tells what became of each packet that came before stop(), though nobody read until then", async () => {
  await using receiver = await listen();
  using socket = openSocket();
  using trace = openTrace();
  const payload = new Uint8Array(1);
  for (let count = 0; count < DROPPED; count++) {
    socket.send(udpPacket({ ttl: PASSED_TTL - 10, payload }), FAR.ip);
  }
  // Once this one is here, those before it have met all rules.
  socket.send(udpPacket({ ttl: PASSED_TTL, payload }), FAR.ip);
  await receiver.receive();
  trace.stop();
  const events = await Array.fromAsync(trace.events());
  const ends = events.filter(({ table, isDropped }) => table === "t" && isDropped);
  assert.equal(ends.length, DROPPED, JSON.stringify(events));
});
