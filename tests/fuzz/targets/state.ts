import assert from "node:assert/strict";
import fc from "fast-check";
import { readPlaces } from "../../../lib/daemon/places.ts";
import { isRemoteIpv4 } from "../../../lib/ipv4.ts";
import { isPort } from "../../../lib/packet.ts";
import { Registrar } from "../../../lib/registrar.ts";
import { Replays } from "../../../lib/registrar/replays.ts";
import { readManager } from "../../../lib/service_manager.ts";
import {
  authPacket,
  HOME,
  NOW,
  settings,
  SIGNING,
  UNIX,
  VERIFYING,
} from "../../unit/registrar/small_registrar.ts";
import { jsonLike, textLike } from "../mutate.ts";
import { outcomeOf, type Target, target } from "../target.ts";

const SERVER = settings([{ scheme: VERIFYING }]);
const PACKETS = [0, 1, 2, 30].map((time) => authPacket(SIGNING, HOME, UNIX + time));

function accepts(replays: Replays, packet: typeof PACKETS[number], timestamp: number): boolean {
  const registrar = new Registrar(SERVER, new Map(), replays);
  return registrar.handle(packet, NOW, timestamp).kind === "admitted";
}

/** What a run leaves that accepted some packets. */
function recordOf(packets: typeof PACKETS): string {
  const replays = Replays.parse('{"isWhole":true,"keys":[]}', UNIX);
  for (const packet of packets) assert.ok(accepts(replays, packet, UNIX));
  return replays.format(true);
}

const RECORD = recordOf(PACKETS);
const records = fc.oneof(
  {
    weight: 3,
    arbitrary: jsonLike([JSON.parse(RECORD)], ["floor", "newest", "ahead"]).map((value) =>
      JSON.stringify(value)
    ),
  },
  {
    weight: 1,
    arbitrary: textLike([RECORD, recordOf(PACKETS.slice(0, 1))], [
      "1e999",
      "-1e999",
      "0.5",
      "null",
      ",",
      "[",
    ]),
  },
);

const replays = target(
  "records of used auth packets",
  ["lib/registrar/replays.ts Replays.parse"],
  fc.tuple(records, fc.constantFrom(UNIX, UNIX + 40, UNIX - 1_000_000, 0), fc.constantFrom(...PACKETS)),
  ([text, start, packet]) => {
    const read = Replays.parse(text, start);
    const record = read.format(true);
    assert.ok(record.length <= 2 * text.length + 100);
    const again = Replays.parse(record, start);
    assert.deepEqual([again.format(true), again.past], [record, "whole"]);
    // Whatever it says, no packet is good twice, also after the next run has read what this one leaves.
    if (!accepts(read, packet, UNIX)) return;
    assert.equal(accepts(Replays.parse(read.format(true), UNIX), packet, UNIX), false);
    assert.equal(accepts(read, packet, UNIX), false);
  },
);

const variables = fc.record({
  NOTIFY_SOCKET: textLike(["/run/systemd/notify", "@abstract", "vsock:2:1234"], ["/", "@", "\0"]),
  WATCHDOG_USEC: fc.option(textLike(["30000000", "0", "18446744073709551615"], ["-", "e9", "."]), {
    nil: undefined,
  }),
  WATCHDOG_PID: fc.option(textLike(["7", "1"]), { nil: undefined }),
});

const manager = target(
  "environment of a service",
  ["lib/service_manager.ts readManager"],
  variables,
  (environment) => {
    const outcome = outcomeOf(() => readManager(environment, 7));
    if ("message" in outcome || outcome.value === null) return;
    const { period } = outcome.value;
    assert.ok(period >= 100 && Number.isFinite(period), String(period));
  },
);

const PLACES = JSON.stringify([["p0", "198.51.100.2", 40_001, 10_000], ["p1", "203.0.113.9", 1, 65_535]]);

const places = target(
  "records of places",
  ["lib/daemon/places.ts readPlaces"],
  fc.oneof(
    jsonLike([JSON.parse(PLACES)], []).map((value) => JSON.stringify(value)),
    textLike([PLACES], ["[", "0"]),
  ),
  (text) => {
    for (const [peer, { remote, port }] of readPlaces(text)) {
      assert.equal(typeof peer, "string");
      assert.ok(isRemoteIpv4(remote.ip) && isPort(remote.port) && isPort(port), JSON.stringify(remote));
    }
  },
);

/** What earlier runs and the service manager leave. */
export const STATE_TARGETS: readonly Target[] = [replays, places, manager];
