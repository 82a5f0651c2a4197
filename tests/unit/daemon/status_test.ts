import assert from "node:assert/strict";
import { EXIT, IpipouError } from "../../../lib/errors.ts";
import { type ClientStatus, describeStatus, type ServerStatus } from "../../../lib/daemon/status.ts";

const SERVER: ServerStatus = {
  role: "server",
  places: [{ ip: "192.0.2.1", port: 10_001 }],
  peers: 3,
  admitted: 2,
  missingHosts: [],
  faults: new Map(),
  silent: [],
  problem: null,
};

const CLIENT: ClientStatus = {
  role: "client",
  remote: { ip: "192.0.2.1", port: 10_001 },
  replyState: "unknown",
  expectsReplies: true,
  knowledge: { sentAt: null, acceptedAt: null, acceptedSince: null, heardAt: null, isDeaf: false },
  problem: null,
};

Deno.test("describeStatus() says first what is wrong", () => {
  assert.equal(
    describeStatus({ ...CLIENT, problem: "Cannot send to 192.0.2.1" }),
    "Cannot send to 192.0.2.1; tunnel to 192.0.2.1:10001 set up, not yet accepted",
  );
  assert.match(describeStatus({ ...SERVER, problem: "No address" }), /^No address; waiting for clients at /);
});

Deno.test("describeStatus() says where a server waits, and how many of its peers are admitted", () => {
  assert.equal(describeStatus(SERVER), "waiting for clients at 192.0.2.1:10001; 2 of 3 peers admitted");
  const places = [10_001, 10_002].map((port) => ({ ip: "192.0.2.1", port }));
  assert.match(
    describeStatus({ ...SERVER, places }),
    /^waiting for clients at 192\.0\.2\.1:10001, 192\.0\.2\.1:10002; /,
  );
});

Deno.test("describeStatus() names one missing host, and counts the others", () => {
  const words = (...missingHosts: string[]) =>
    describeStatus({ ...SERVER, missingHosts }).split("; ").slice(2);
  assert.deepEqual(words("a.example"), ["cannot find a.example"]);
  assert.deepEqual(words("a.example", "b.example", "c.example"), ["cannot find a.example and 2 more"]);
});

Deno.test("describeStatus() names one peer that is kept out and why, and counts the others", () => {
  const words = (...names: string[]) => {
    const faults = new Map(names.map((name) => [name, new IpipouError(`Cannot make ${name}`, EXIT.ipLink)]));
    return describeStatus({ ...SERVER, faults }).split("; ").slice(2);
  };
  assert.deepEqual(words("a"), ["kept out: a: Cannot make a"]);
  assert.deepEqual(words("a", "b", "c"), ["kept out: a and 2 more: Cannot make a"]);
});

Deno.test("describeStatus() names one silent peer, and counts the others", () => {
  const words = (...silent: string[]) => describeStatus({ ...SERVER, silent }).split("; ").slice(2);
  assert.deepEqual(words("a"), ["nothing comes from a"]);
  assert.deepEqual(words("a", "b", "c"), ["nothing comes from a and 2 more"]);
});

Deno.test("describeStatus() says whether a client's server replies", () => {
  const words = (["unknown", "accepted", "no reply"] as const).map((replyState) =>
    describeStatus({ ...CLIENT, replyState })
  );
  assert.deepEqual(words, [
    "tunnel to 192.0.2.1:10001 set up, not yet accepted",
    "accepted by 192.0.2.1:10001",
    "no reply from 192.0.2.1:10001",
  ]);
  assert.equal(describeStatus({ ...CLIENT, expectsReplies: false }), "tunnel to 192.0.2.1:10001 set up");
});
