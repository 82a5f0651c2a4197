import assert from "node:assert/strict";
import { Sender } from "../../../lib/daemon/sender.ts";
import type { RawSocket } from "../../../lib/ports.ts";

const DATAGRAM = {
  source: { ip: "192.0.2.1", port: 10_000 },
  destination: { ip: "198.51.100.2", port: 40_001 },
  payload: new Uint8Array(73),
};
const OPTIONS = { source: "192.0.2.1", device: "eth0", mark: 0 };

/** A sender whose sockets, one after the other, send or fail. @returns also how many are open, and were opened */
function senderWith(...works: readonly boolean[]) {
  const sockets = { open: 0, opened: 0, sent: 0 };
  const openRawSocket = (): RawSocket => {
    const isGood = works[sockets.opened++] ?? true;
    sockets.open++;
    return {
      defaultTtl: 64,
      send: () => {
        if (!isGood) throw new Error("No such device");
        sockets.sent++;
      },
      [Symbol.dispose]: () => void sockets.open--,
    };
  };
  return { sender: new Sender({ openRawSocket }, OPTIONS), sockets };
}

Deno.test("send() tries once more with a new socket, as the old one may be bound to a device that is gone", () => {
  const { sender, sockets } = senderWith(false, true);
  sender.send(DATAGRAM, null);
  sender.send(DATAGRAM, null);
  assert.deepEqual(sockets, { open: 1, opened: 2, sent: 2 });
  sender[Symbol.dispose]();
  assert.equal(sockets.open, 0);
});

Deno.test("send() passes on that a route is known, but not to a new socket, which may have another device", () => {
  const known: (boolean | undefined)[] = [];
  const openRawSocket = (): RawSocket => ({
    defaultTtl: 64,
    send: (_packet, _destination, isRouted) => {
      if (known.push(isRouted) === 2) throw new Error("No such device");
    },
    [Symbol.dispose]: () => {},
  });
  const sender = new Sender({ openRawSocket }, OPTIONS);
  for (const isRouted of [true, true, false]) sender.send(DATAGRAM, null, isRouted);
  assert.deepEqual(known, [true, true, false, false]);
});

Deno.test("send() that fails leaves no socket open, and the next one begins anew", () => {
  const { sender, sockets } = senderWith(false, false, true);
  assert.throws(() => sender.send(DATAGRAM, null), /No such device/);
  assert.deepEqual(sockets, { open: 0, opened: 2, sent: 0 });
  sender.send(DATAGRAM, null);
  assert.deepEqual(sockets, { open: 1, opened: 3, sent: 1 });
});
