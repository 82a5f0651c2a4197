// Asks a real kernel for routes. Needs root: the lab, or a disposable machine.
import assert from "node:assert/strict";
import { findRoute, hasRuleFor } from "../../ffi/route_lookup.ts";
import type { RouteQuery } from "../../lib/ports.ts";
import { enter, FAR, makeLink, NEAR, removeLink, run } from "./link.ts";

const FARTHER = "203.0.113.1";

Deno.test.beforeAll(makeLink);
Deno.test.afterAll(removeLink);

/** Asks in NEAR. @returns the source address; "none" for no route */
function sourceTo(destination: string, query: Partial<RouteQuery> = {}): string | null {
  using _ = enter(NEAR.namespace);
  const route = findRoute({ destination, source: null, device: null, mark: 0, ...query });
  return route === null ? "none" : route.source;
}

async function inNear(...commands: readonly string[]): Promise<void> {
  for (const command of commands) await run(`ip -netns ${NEAR.namespace} ${command}`);
}

Deno.test("findRoute() finds the route and its source as the kernel would, by device, own address and mark", async () => {
  const { device } = NEAR;
  assert.equal(sourceTo(FAR.ip), NEAR.ip);
  assert.equal(sourceTo(FAR.ip, { device }), NEAR.ip);
  assert.equal(sourceTo(FARTHER), "none");
  assert.equal(sourceTo(FARTHER, { device }), "none", "it is no neighbour");
  assert.equal(sourceTo(FAR.ip, { device: "none0" }), "none");
  assert.equal(sourceTo(FAR.ip, { source: "10.9.0.99" }), "none");
  await inNear(
    `address add 10.9.7.1/32 dev ${device}`,
    `route add default via ${FAR.ip} dev ${device} table 102 src 10.9.7.1`,
    "rule add fwmark 0x66 lookup 102",
  );
  assert.equal(sourceTo(FARTHER, { device }), "none");
  assert.equal(sourceTo(FARTHER, { device, mark: 0x66 }), "10.9.7.1");
  assert.equal(sourceTo(FARTHER, { mark: 0x66 }), "10.9.7.1");
  assert.equal(sourceTo(FARTHER, { source: NEAR.ip, device }), "none");
  await inNear(`rule add from ${NEAR.ip} lookup 102`);
  assert.equal(sourceTo(FARTHER, { source: NEAR.ip, device }), NEAR.ip);
});

Deno.test("findRoute() takes every host for reachable by a device without neighbours", async () => {
  await inNear(
    `link add p0 type ipip remote ${FAR.ip} local ${NEAR.ip}`,
    "address add 10.9.8.1/32 dev p0",
    "link set p0 up",
  );
  assert.equal(sourceTo(FARTHER, { device: "p0" }), "10.9.8.1");
});

Deno.test("hasRuleFor() tells whether routing rules ask for a source address, among many", async () => {
  const has = (source: string) => {
    using _ = enter(NEAR.namespace);
    return hasRuleFor(source);
  };
  assert.equal(has("10.9.200.77"), false);
  await inNear("rule add from 10.9.200.64/26 lookup 102", "rule add to 10.9.201.1 lookup 102");
  assert.deepEqual(["10.9.200.63", "10.9.200.64", "10.9.200.127", "10.9.200.128", "10.9.201.1"].map(has), [
    ...[false, true, true, false, false],
  ]);
  const rules = Array.from(
    { length: 700 },
    (_, index) => `rule add to 10.8.${index >> 8}.${index & 255} lookup 102`,
  );
  const batch = new Deno.Command("ip", {
    args: ["-netns", NEAR.namespace, "-batch", "-"],
    stdin: "piped",
  }).spawn();
  const writer = batch.stdin.getWriter();
  await writer.write(
    new TextEncoder().encode([...rules, "rule add from 10.9.202.1 lookup 102", ""].join("\n")),
  );
  await writer.close();
  assert.equal((await batch.status).code, 0);
  assert.deepEqual(["10.9.202.1", "10.9.202.2"].map(has), [true, false]);
});
