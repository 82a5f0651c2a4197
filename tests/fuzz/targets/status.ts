import assert from "node:assert/strict";
import fc from "fast-check";
import { formatReports } from "../../../lib/status/format.ts";
import { LineReader } from "../../../lib/status/lines.ts";
import { parseInstance, parseRequest, parseTunnel } from "../../../lib/status/protocol.ts";
import { Screen } from "../../../lib/status/screen.ts";
import { sampleHub, sampleInstance, samplePeerStatus, sampleTunnel } from "../../unit/status/samples.ts";
import { bytesLike, jsonLike, textLike } from "../mutate.ts";
import { outcomeOf, type Target, target } from "../target.ts";

const refused = { count: 2, last: { address: "203.0.113.9", port: 7, why: "wrong token", age: 1 } };
const INSTANCES = [{ ...sampleInstance(), tunnels: 1 }, { ...sampleHub({ refused }), tunnels: 2 }];
const TUNNELS = [sampleTunnel(), samplePeerStatus("a", { state: "silent", why: "nothing came for 7 s" })];
const REQUESTS = [{ get: "status" }, { get: "status", peer: "a" }];

/** Lines that an instance says, or asks are made of: good ones, and such that are damaged. */
function linesLike(samples: readonly object[]): fc.Arbitrary<string> {
  return fc.oneof(
    {
      weight: 3,
      arbitrary: jsonLike([...samples], ["error", "state"]).map((value) => JSON.stringify(value)),
    },
    {
      weight: 1,
      arbitrary: textLike(samples.map((sample) => JSON.stringify(sample)), ["{", "null", "1e999", "\\u001b"]),
    },
  );
}

const requests = target(
  "requests for a status",
  ["lib/status/protocol.ts parseRequest"],
  linesLike(REQUESTS),
  (line) => {
    const request = parseRequest(line);
    if (request === null) return;
    assert.equal(request.get, "status");
    assert.ok(request.peer === null || typeof request.peer === "string");
  },
);

// deno-lint-ignore no-control-regex
const CONTROL_REGEXP = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;

const answers = target(
  "what an instance says of itself",
  ["lib/status/protocol.ts parseInstance", "lib/status/protocol.ts parseTunnel"],
  fc.tuple(linesLike(INSTANCES), linesLike(TUNNELS)),
  ([first, second]) => {
    const outcomes = [outcomeOf(() => parseInstance(first).instance), outcomeOf(() => parseTunnel(second))];
    const [instance, tunnel] = outcomes.map((outcome) => "value" in outcome ? outcome.value : null);
    if (instance === null || tunnel === null) return;
    const report = { instance, tunnels: [tunnel] } as Parameters<typeof formatReports>[0][number];
    // Whoever says it, the terminal obeys nothing of it.
    assert.doesNotMatch(formatReports([report], new Map()), CONTROL_REGEXP);
    const screen = new Screen();
    screen.show([report], new Map());
    assert.ok(screen.lines({ columns: 80, rows: 24 }).every((line) => [...line].length <= 80));
  },
);

const LONGEST = 100;

const lines = target(
  "lines on a socket",
  ["lib/status/lines.ts LineReader.next"],
  fc.tuple(
    bytesLike([new TextEncoder().encode('{"get":"status"}\n'), Uint8Array.of(10)]),
    fc.integer({ min: 1, max: 200 }),
  ),
  async ([bytes, portion]) => {
    let position = 0;
    const reader = new LineReader({
      read: (into) => {
        const part = bytes.subarray(position, position + Math.min(portion, into.length));
        position += part.length;
        into.set(part);
        return Promise.resolve(part.length === 0 ? null : part.length);
      },
    }, LONGEST);
    const read: string[] = [];
    for (let line = await reader.next(); line !== null; line = await reader.next()) read.push(line);
    const whole = new TextDecoder().decode(bytes).split("\n");
    assert.ok(read.length < whole.length);
    assert.ok(read.every((line) => new TextEncoder().encode(line).length <= 3 * LONGEST));
  },
);

/** What is said on the unix sockets of instances. */
export const STATUS_TARGETS: readonly Target[] = [requests, answers, lines];
