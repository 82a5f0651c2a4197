import assert from "node:assert/strict";
import { chooseMtu } from "../../../lib/kernel/mtu.ts";
import type { Tunnel } from "../../../lib/kernel/state.ts";

const NEW = { given: null, path: 1500, device: 1500, fwmark: 0, found: undefined };

/** A tunnel with this MTU. @param marked the one in its mark; null: none */
function tunnel(mtu: number, marked: number | null, fwmark = 0): Tunnel {
  return { mtu, fwmark, alias: `ipipou:a${marked === null ? "" : `:mtu-${marked}`}` } as Tunnel;
}

Deno.test("chooseMtu() takes what the settings give, or what fits the route, and notes it as ours", () => {
  for (const found of [undefined, tunnel(1472, 1472), tunnel(1300, 1472), tunnel(1472, null)]) {
    assert.deepEqual(chooseMtu({ ...NEW, given: 1280, found }), { mtu: 1280, marked: 1280 });
  }
  assert.deepEqual(chooseMtu({ ...NEW, path: 1400 }), { mtu: 1372, marked: 1372 });
  assert.deepEqual(chooseMtu({ ...NEW, path: null, device: 1492 }), { mtu: 1464, marked: 1464 });
  assert.deepEqual(chooseMtu({ ...NEW, path: 65_536 }).mtu, 65_507);
  assert.deepEqual(chooseMtu({ ...NEW, path: 68 }).mtu, 68);
});

Deno.test("chooseMtu() follows the route where the tunnel has what we gave it, and keeps that without a route", () => {
  const found = tunnel(1300, 1300);
  assert.deepEqual(chooseMtu({ ...NEW, path: 1400, found }), { mtu: 1372, marked: 1372 });
  assert.deepEqual(chooseMtu({ ...NEW, path: null, found }), { mtu: 1300, marked: 1300 });
});

Deno.test("chooseMtu() leaves what was set by hand, whatever the route does meanwhile", () => {
  const found = tunnel(1300, 1472);
  for (const path of [1500, 1400, 1328, null]) {
    assert.deepEqual(chooseMtu({ ...NEW, path, found }), { mtu: 1300, marked: 1472 });
  }
});

Deno.test("chooseMtu() takes for nobody's wish what the kernel derives when somebody changes the firewall mark", () => {
  const found = tunnel(1472, 1372, 7);
  assert.deepEqual(chooseMtu({ ...NEW, path: 1400, found }), { mtu: 1372, marked: 1372 });
  assert.deepEqual(chooseMtu({ ...NEW, path: null, found }), { mtu: 1372, marked: 1372 });
  assert.deepEqual(chooseMtu({ ...NEW, path: 1400, fwmark: 7, found }), { mtu: 1472, marked: 1372 });
  assert.deepEqual(chooseMtu({ ...NEW, path: 1400, found: tunnel(1300, 1372, 7) }), {
    mtu: 1300,
    marked: 1372,
  });
});

Deno.test("chooseMtu() takes over a tunnel whose mark shows no MTU, unless the kernel did not choose the one it has", () => {
  const path = 1400;
  for (const mtu of [1472, 1372]) {
    assert.deepEqual(chooseMtu({ ...NEW, path, found: tunnel(mtu, null) }), { mtu: 1372, marked: 1372 });
  }
  assert.deepEqual(chooseMtu({ ...NEW, path, found: tunnel(1300, null) }), { mtu: 1300, marked: 1472 });
});
