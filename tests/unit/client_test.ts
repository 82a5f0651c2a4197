import assert from "node:assert/strict";
import { Client } from "../../lib/client.ts";

const NOW = 1_795_219_200_000;

Deno.test("Client has an auth packet due at once", () => {
  assert.equal(new Client(0, NOW).nextSend, NOW);
  assert.equal(new Client(25, NOW).nextSend, NOW);
});

Deno.test("handleSent() makes the next one due a keepalive later", () => {
  const client = new Client(25, NOW);
  client.handleSent(NOW + 3);
  assert.equal(client.nextSend, NOW + 3 + 25_000);
  client.handleSent(NOW + 25_009);
  assert.equal(client.nextSend, NOW + 50_009);
});

Deno.test("handleSent() leaves nothing due without keepalive", () => {
  const client = new Client(0, NOW);
  client.handleSent(NOW);
  assert.equal(client.nextSend, null);
});

Deno.test("handleRequest() makes one due now, with or without keepalive", () => {
  for (const keepalive of [0, 25]) {
    const client = new Client(keepalive, NOW);
    client.handleSent(NOW);
    client.handleRequest(NOW + 7);
    assert.equal(client.nextSend, NOW + 7);
  }
});

Deno.test("handleSendFailure() makes it due again, each time later", () => {
  const client = new Client(0, NOW);
  client.handleSendFailure(NOW);
  assert.equal(client.nextSend, NOW + 1_000);
  client.handleSendFailure(NOW + 1_000);
  assert.equal(client.nextSend, NOW + 3_000);
  client.handleSendFailure(NOW + 3_000);
  assert.equal(client.nextSend, NOW + 7_000);
});

Deno.test("handleSendFailure() starts with a short wait again once a packet has left", () => {
  const client = new Client(25, NOW);
  client.handleSendFailure(NOW);
  client.handleSendFailure(NOW);
  client.handleSent(NOW);
  client.handleSendFailure(NOW);
  assert.equal(client.nextSend, NOW + 1_000);
});
