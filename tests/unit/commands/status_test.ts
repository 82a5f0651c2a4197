import assert from "node:assert/strict";
import { setImmediate } from "node:timers";
import { showStatus } from "../../../lib/commands/status.ts";
import type { StatusSystem } from "../../../lib/commands/status_system.ts";
import { watchStatus } from "../../../lib/commands/watch.ts";
import { IpipouError } from "../../../lib/errors.ts";
import type { IpDevice } from "../../../lib/listing.ts";
import type { StatusConnection } from "../../../lib/ports.ts";
import type { StatusRequest } from "../../../lib/settings/invocation.ts";
import { LineReader } from "../../../lib/status/lines.ts";
import type { Report } from "../../../lib/status/snapshot.ts";
import { VirtualClock } from "../fake/clock.ts";
import { FakeStatusSocket } from "../fake/status_socket.ts";
import { sampleHub, sampleInstance, samplePeerStatus, sampleTunnel } from "../status/samples.ts";

const ALL: StatusRequest = { name: null, peer: null, json: false, watch: false };
const OFFICE: Report = { instance: sampleInstance(), tunnels: [sampleTunnel()] };
const WAITING = samplePeerStatus("b", { state: "waiting", ok: false, why: "its first auth packet" });
const HUB: Report = { instance: sampleHub(), tunnels: [samplePeerStatus("a"), WAITING] };

/** A device as a killed hub leaves it. */
const DEVICE: IpDevice = {
  ...{ ifindex: 7, ifname: "a", flags: [], mtu: 1472, "link_type": "ipip" },
  linkinfo: {
    "info_kind": "ipip",
    "info_data": {
      ...{ local: "192.0.2.1", remote: "198.51.100.2" },
      encap: { type: "fou", sport: 10_001, dport: 4_001, csum: false },
    },
  },
  "addr_info": [{ local: "172.28.0.2", address: "172.28.0.11" }],
};

/** What answers at a socket: an instance, a text, or who refuses everybody; "silence": nothing in time; null: nobody. */
type There = Report | string | Error | null;

/** A second that is waited for passes at once; an answer comes before the time for it is over. */
class LeapingClock extends VirtualClock {
  override waitUntil(moment: number | null, ...signals: readonly AbortSignal[]): Promise<void> {
    const waiting = super.waitUntil(moment, ...signals);
    const wait = (moment ?? Infinity) - this.now();
    if (wait <= 1_000) void this.advance(wait);
    return waiting;
  }
}

function reportsIn(there: readonly There[]): Report[] {
  return there.flatMap((each) => each instanceof Object && "tunnels" in each ? [each] : []);
}

/** All that answer run in this network namespace. */
function systemOf(there: readonly There[], fields: Partial<StatusSystem> = {}): StatusSystem {
  const clock = new LeapingClock();
  return {
    clock,
    sockets: () => there.map((_, index) => `/run/ipipou/${index}/status.sock`),
    connect: (path) => connect(there[Number(path.split("/")[3])]!, clock),
    standing: () => new Map(),
    countsOf: () => null,
    holderOf: (name) => reportsIn(there).find(({ instance }) => instance.name === name)?.instance.pid ?? null,
    instanceOf: () => null,
    ...fields,
  };
}

function connect(there: There, clock: VirtualClock): Promise<StatusConnection | null> {
  if (there instanceof Error) return Promise.reject(there);
  if (there === null) return Promise.resolve(null);
  const socket = new FakeStatusSocket(new Map(), "");
  const end = socket.connect();
  socket.accept().then((connection) => answer(connection!, there, clock));
  return Promise.resolve(end);
}

async function answer(
  connection: StatusConnection,
  there: Report | string,
  clock: VirtualClock,
): Promise<void> {
  if (there === "silence") return await clock.advance(5_000);
  const { peer } = JSON.parse((await new LineReader(connection, 1_000).next())!);
  const tunnels = typeof there === "string"
    ? []
    : there.tunnels.filter(({ name }) => peer === null || name === peer);
  const text = typeof there === "string"
    ? there
    : [{ ...there.instance, tunnels: tunnels.length }, ...tunnels].map((line) => `${JSON.stringify(line)}\n`)
      .join("");
  await connection.write(new TextEncoder().encode(text));
  connection[Symbol.dispose]();
}

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
  assert.deepEqual(await namesOf({ name: "office" }), ["ipipou1 ipipou1"]);
  assert.deepEqual(await namesOf({ name: "ipipou1" }), ["ipipou1 ipipou1"]);
  assert.deepEqual(await namesOf({ peer: "b" }), ["hub b"]);
  assert.deepEqual(await namesOf({ name: "nobody" }), []);
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

Deno.test("showStatus() shows what the kernel has of those that do not answer, and says that it is the kernel's", async () => {
  const standing = () => new Map([["hub", [DEVICE]]]);
  const { text, exitCode } = await showStatus(ALL, systemOf([null, OFFICE], { standing }));
  assert.equal(exitCode, 3);
  assert.match(
    text,
    /^hub: instance\n {2}not running: no process runs it in this network namespace: this is what the kernel has\n {2}start it, or remove this: ipipou cleanup --tunl-dev hub\n/m,
  );
  assert.match(text, /outside +192\.0\.2\.1:10001 to 198\.51\.100\.2:4001\n/);
  const running = await showStatus({ ...ALL, json: true }, systemOf([HUB], { standing }));
  assert.deepEqual(JSON.parse(running.text).map(({ source }: { source: string }) => source), ["instance"]);
  const byFile = { standing, instanceOf: () => "hub" };
  const named = await showStatus({ ...ALL, name: "main", json: true }, systemOf([OFFICE], byFile));
  assert.deepEqual(JSON.parse(named.text).map(({ name }: { name: string }) => name), ["hub"]);
  const parked = { ...DEVICE.linkinfo!.info_data!, local: "127.172.28.0", remote: "0.0.1.11" };
  const device = { ...DEVICE, linkinfo: { "info_kind": "ipip", "info_data": parked } };
  const nowhere = await showStatus(
    { ...ALL, json: true },
    systemOf([], {
      standing: () => new Map([["hub", [device]]]),
    }),
  );
  assert.equal(JSON.parse(nowhere.text)[0].tunnels[0].remote, null);
});

Deno.test("showStatus() shows what a killed instance left beside one of its name in another network namespace", async () => {
  const left = { standing: () => new Map([["hub", [DEVICE]]]), instanceOf: () => "hub" };
  for (const name of [null, "hub", "main"]) {
    for (const [holder, state] of [[null, "not running"], [77, "not answering"]] as const) {
      const system = systemOf([HUB], { ...left, holderOf: (name) => name === "hub" ? holder : null });
      const { text, exitCode } = await showStatus({ ...ALL, name, json: true }, system);
      const states = JSON.parse(text).map((
        { name, state }: { name: string; state: string },
      ) => [name, state]);
      assert.deepEqual(states, [...name === "main" ? [] : [["hub", "up"]], ["hub", state]]);
      assert.equal(exitCode, holder === null ? 3 : 5);
    }
    const here = await showStatus({ ...ALL, name: "hub", peer: "b", json: true }, systemOf([HUB], left));
    assert.deepEqual(JSON.parse(here.text).map(({ source }: { source: string }) => source), ["instance"]);
  }
});

Deno.test("showStatus() names the command that removes what a killed instance left", async () => {
  const cureOf = async (instance: string, name: string | null, files: Readonly<Record<string, string>>) => {
    const fields = {
      standing: () => new Map([[instance, [DEVICE]]]),
      instanceOf: (config: string) => files[config] ?? null,
    };
    const { text } = await showStatus({ ...ALL, name }, systemOf([null], fields));
    return /ipipou cleanup (.*)$/m.exec(text)![1];
  };
  assert.equal(await cureOf("ipipou7", null, {}), "-n 7");
  assert.equal(await cureOf("ipipou7", "ipipou7", {}), "-n 7");
  assert.equal(await cureOf("ipipou7", "office", { office: "ipipou7" }), "office");
  // It left its socket in a folder of its file's name.
  assert.equal(await cureOf("ipipou7", null, { "0": "ipipou7" }), "0");
  assert.equal(await cureOf("ipipou7", null, { "0": "ipipou8" }), "-n 7");
});

Deno.test("showStatus() tells a process that does not answer from none, with exit code 5", async () => {
  const standing = () => new Map([["hub", [DEVICE]]]);
  const late = "silence" as const;
  const forbidden = new Deno.errors.PermissionDenied("Permission denied");
  const cases: [There, RegExp][] = [
    [late, /process 77 runs it: no answer within 5 s\n {2}if it stays so: kill -9 77, and start it again, /],
    [forbidden, /process 77 runs it: Permission denied\n {2}ask as root, or as one of its folder's group\n/],
    [null, /process 77 runs it: it has no socket to be asked at\n {2}what it logged at its start says why\n/],
  ];
  for (const [there, text] of cases) {
    const fields = {
      standing,
      // As the folder of the socket is that of its file.
      instanceOf: (config: string) => config === "0" ? "hub" : null,
      holderOf: (name: string) => name === "hub" ? 77 : null,
    };
    for (const name of [null, "hub", "0"]) {
      const outcome = await showStatus({ ...ALL, name }, systemOf([there, OFFICE], fields));
      assert.match(outcome.text, new RegExp(`hub: instance\n  not answering: ${text.source}`));
      assert.match(outcome.text, /state +not answering\n/);
      assert.equal(outcome.exitCode, 5);
    }
    const bare = await showStatus(
      { ...ALL, name: "hub", json: true },
      systemOf([there], { ...fields, standing: () => new Map() }),
    );
    const [{ state, pid, source, tunnels }] = JSON.parse(bare.text);
    assert.deepEqual([state, pid, source, tunnels], ["not answering", 77, "kernel", []]);
    assert.equal(bare.exitCode, 5);
  }
  const also = { standing: () => new Map([["hub", [DEVICE]], ["other", [{ ...DEVICE, ifname: "x" }]]]) };
  const holderOf = (name: string) => name === "hub" ? 77 : null;
  assert.equal((await showStatus(ALL, systemOf([late], { ...also, holderOf }))).exitCode, 3);
});

Deno.test("showStatus() takes a socket whose folder says nothing for that of the process that has none", async () => {
  const standing = () => new Map([["hub", [DEVICE, { ...DEVICE, ifname: "b" }]]]);
  const lookOf = async (holders: Readonly<Record<string, number>>) => {
    const fields = { standing, holderOf: (name: string) => holders[name] ?? null };
    const { text } = await showStatus({ ...ALL, name: "hub", json: true }, systemOf(["silence"], fields));
    return JSON.parse(text)[0];
  };
  assert.match((await lookOf({ hub: 77 })).why, /: no answer within 5 s$/);
  assert.match((await lookOf({ hub: 77, "0": 5 })).why, /: it has no socket to be asked at$/);
  assert.equal((await lookOf({ hub: 77 })).hub, true);
});

Deno.test("showStatus() finds what is left by the name of the instance, also where a file is called so", async () => {
  const devices = new Map([["hub", [DEVICE]], ["third", [{ ...DEVICE, ifname: "x" }]]]);
  const fields = { standing: () => devices, instanceOf: () => "other" };
  const { text } = await showStatus({ ...ALL, name: "hub", json: true }, systemOf([], fields));
  assert.deepEqual(JSON.parse(text).map(({ name }: { name: string }) => name), ["hub"]);
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

Deno.test("watchStatus() writes a line each second, and ends when nobody reads", async () => {
  const written: string[] = [];
  const terminal = {
    size: () => null,
    write: (text: string) => Promise.resolve(written.push(text) < 2),
    onKeys: () => ({ [Symbol.dispose]: () => {} }),
    stop: new AbortController().signal,
    now: () => new Date("2026-11-29T15:00:00.5Z"),
  };
  assert.equal(await watchStatus({ ...ALL, watch: true }, systemOf([OFFICE]), terminal), 0);
  assert.deepEqual(written, [
    "2026-11-29T15:00:00Z ipipou1 ipipou1: up\n",
    "2026-11-29T15:00:00Z ipipou1 ipipou1 rx 0 B/s tx 0 B/s: up\n",
  ]);
  written.length = 0;
  await watchStatus({ ...ALL, watch: true, json: true }, systemOf([HUB]), terminal);
  assert.deepEqual(written.map((line) => JSON.parse(line)[0].tunnels.length), [2, 2]);
});

Deno.test("watchStatus() leaves a terminal as it was, also when looking fails", async () => {
  for (const isBroken of [false, true]) {
    const written: string[] = [];
    let press: ((keys: string) => void) | null = null;
    const terminal = {
      size: () => ({ columns: 80, rows: 24 }),
      write: (text: string) => {
        written.push(text);
        // Once the tunnels are shown.
        if (text.includes("ipipou1")) press?.("q");
        return Promise.resolve(true);
      },
      onKeys: (handle: (keys: string) => void) => {
        press = handle;
        return { [Symbol.dispose]: () => press = null };
      },
      stop: new AbortController().signal,
      now: () => new Date(),
    };
    const standing = () => {
      if (isBroken) throw new Error("EPERM");
      return new Map();
    };
    const watching = watchStatus({ ...ALL, watch: true }, systemOf([OFFICE], { standing }), terminal);
    if (isBroken) await assert.rejects(watching, /EPERM/);
    else assert.equal(await watching, 0);
    assert.equal(press, null);
    assert.equal(written[0], "\x1b[?1049h\x1b[?25l");
    assert.equal(written.at(-1), "\x1b[?25h\x1b[?1049l");
  }
});

Deno.test("watchStatus() ends when told to, also while nobody reads", async () => {
  for (const size of [null, { columns: 80, rows: 24 }]) {
    const stop = new AbortController();
    const written: string[] = [];
    const terminal = {
      size: () => size,
      write: (text: string) => {
        written.push(text);
        return text.includes("ipipou1") ? new Promise<never>(() => {}) : Promise.resolve(true);
      },
      onKeys: () => ({ [Symbol.dispose]: () => {} }),
      stop: stop.signal,
      now: () => new Date(),
    };
    const watching = watchStatus({ ...ALL, watch: true }, systemOf([OFFICE]), terminal);
    while (!written.some((text) => text.includes("ipipou1"))) {
      await new Promise((resolve) => setImmediate(resolve));
    }
    stop.abort();
    assert.equal(await watching, 0);
  }
});

Deno.test("watchStatus() draws no more frames than are read, and after many keys the last", async () => {
  let press: (keys: string) => void = () => {};
  let goOn = () => {};
  const written: string[] = [];
  const terminal = {
    size: () => ({ columns: 80, rows: 24 }),
    write: (text: string) => {
      written.push(text);
      if (!text.includes("ipipou1")) return Promise.resolve(true);
      return new Promise<boolean>((resolve) => goOn = () => resolve(true));
    },
    onKeys: (handle: (keys: string) => void) => {
      press = handle;
      return { [Symbol.dispose]: () => {} };
    },
    stop: new AbortController().signal,
    now: () => new Date(),
  };
  const watching = watchStatus({ ...ALL, watch: true }, systemOf([OFFICE]), terminal);
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  while (written.length < 2) await turn();
  for (const key of "/up and more") press(key);
  await turn();
  assert.equal(written.length, 2);
  goOn();
  await turn();
  assert.match(written[2]!, /\/up and more_/);
  press("\x03");
  assert.equal(await watching, 0);
  assert.equal(written.length, 4);
});
