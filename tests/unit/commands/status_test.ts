import assert from "node:assert/strict";
import { showStatus } from "../../../lib/commands/status.ts";
import { IpipouError } from "../../../lib/errors.ts";
import type { StatusRequest } from "../../../lib/settings/invocation.ts";
import type { Report } from "../../../lib/status/snapshot.ts";
import { VirtualClock } from "../fake/clock.ts";
import { sampleHub, sampleInstance, sampleTunnel } from "../status/samples.ts";
import { ALL, connect, HUB, OFFICE, systemOf, type There } from "./status_scene.ts";

Deno.test("showStatus() ends with 0 if all is up, with 4 if not, and with 3 if nobody answers", async () => {
  const cases: [There[], number][] = [
    [[OFFICE], 0],
    [[OFFICE, null], 0],
    [[OFFICE, HUB], 4],
    [[{ ...OFFICE, instance: sampleInstance({ ok: false, state: "faulty", why: "No queue" }) }], 4],
    [[{ instance: sampleHub(), tunnels: [] }], 0],
    [[null], 3],
    [[], 3],
  ];
  for (const [there, code] of cases) {
    assert.equal(
      (await showStatus({ ...ALL, json: true }, systemOf(there))).exitCode,
      code,
      JSON.stringify(there),
    );
  }
  assert.equal(
    (await showStatus(ALL, systemOf([null]))).text,
    "no instance of ipipou runs here, and none left a tunnel\n",
  );
});

Deno.test("showStatus() shows one instance by its name or its file's, and one of its peers", async () => {
  const namesOf = async (request: Partial<StatusRequest>) => {
    const { text } = await showStatus({ ...ALL, ...request, json: true }, systemOf([OFFICE, HUB]));
    return JSON.parse(text).map((found: { name: string; tunnels: { name: string }[] }) =>
      [found.name, ...found.tunnels.map(({ name }) => name)].join(" ")
    );
  };
  assert.deepEqual(await namesOf({}), ["ipipou1 ipipou1", "hub a b"]);
  for (const name of ["office", "office.toml", "/etc/ipipou/office.toml"]) {
    assert.deepEqual(await namesOf({ name }), ["ipipou1 ipipou1"]);
  }
  assert.deepEqual(await namesOf({ name: "ipipou1" }), ["ipipou1 ipipou1"]);
  assert.deepEqual(await namesOf({ peer: "b" }), ["hub b"]);
  assert.deepEqual(await namesOf({ name: "nobody" }), []);
  await assert.rejects(namesOf({ peer: "c" }), /: it is no peer of any instance; ipipou status lists them$/);
  await assert.rejects(namesOf({ name: "hub", peer: "c" }), (error) => {
    assert.ok(error instanceof IpipouError);
    assert.equal(error.message, 'Cannot show "c" (--peer): it is no peer of hub; ipipou status lists them');
    return error.exitCode === 2;
  });
});

Deno.test("showStatus() shows by the name of a file what runs by options and has the same name", async () => {
  const byOptions = { ...OFFICE, instance: sampleInstance({ config: null }) };
  const named = { instanceOf: (config: string) => config === "office" ? "ipipou1" : null };
  const { text, exitCode } = await showStatus({ ...ALL, name: "office" }, systemOf([byOptions, HUB], named));
  assert.match(text, /^ipipou1: client /);
  assert.equal(exitCode, 0);
});

Deno.test("showStatus() tells rates from two looks", async () => {
  let bytes = 0;
  const moving = (): Report => {
    const stats64 = { rx: { bytes: bytes += 1_000_000, packets: 1 }, tx: { bytes: 0, packets: 0 } };
    return { ...OFFICE, tunnels: [sampleTunnel({ stats64 })] };
  };
  const system = systemOf([OFFICE], { connect: () => connect(moving(), new VirtualClock()) });
  const { text } = await showStatus(ALL, system);
  assert.match(text, /received +1\.91 MiB, 3\.18 MiB\/s/);
});

Deno.test("showStatus() says whom it could not ask, and why", async () => {
  const cases: [There, RegExp][] = [
    [
      new Deno.errors.PermissionDenied("Permission denied"),
      /1\/status\.sock: Permission denied; ask as root, or as one of its folder's group$/,
    ],
    ["", /1\/status\.sock: it hangs up/],
    ["nonsense\n", /it is no status$/],
    ['{"version":1,"error":"not a request"}\n', /it says: not a request$/],
    ['{"version":2,"name":"x","tunnels":0}\n', /another version of ipipou/],
    ['{"version":1,"name":"x","tunnels":7}\n', /it stopped in the middle$/],
  ];
  for (const [there, problem] of cases) {
    const { notes, exitCode } = await showStatus({ ...ALL, json: true }, systemOf([OFFICE, there]));
    assert.equal(notes.length, 1);
    assert.match(notes[0]!, problem);
    assert.equal(exitCode, 4);
    await assert.rejects(showStatus({ ...ALL, name: "hub" }, systemOf([OFFICE, there])), problem);
  }
});

Deno.test("showStatus() keeps no connection, whatever came of it", async () => {
  for (const there of [OFFICE, "nonsense\n", ""]) {
    let open = 0;
    const connectTo = async () => {
      const connection = (await connect(there, new VirtualClock()))!;
      open++;
      return { ...connection, [Symbol.dispose]: () => (open--, connection[Symbol.dispose]()) };
    };
    await showStatus({ ...ALL, json: true }, systemOf([OFFICE, HUB], { connect: connectTo })).catch(() => {});
    assert.equal(open, 0, JSON.stringify(there));
  }
});
