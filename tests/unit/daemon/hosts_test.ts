import assert from "node:assert/strict";
import { CLOCK } from "../../../lib/clock.ts";
import {
  awaitHosts,
  findHosts,
  HostSearch,
  hostsOf,
  remotesOf,
  resolveHost,
} from "../../../lib/daemon/hosts.ts";
import { Service } from "../../../lib/daemon/service.ts";
import { EXIT } from "../../../lib/errors.ts";
import { Log } from "../../../lib/log.ts";
import { lookUpHost } from "../../../lib/resolve_host.ts";
import type { System } from "../../../lib/ports.ts";
import { FakeTime } from "../fake_time.ts";
import { samplePeer } from "../samples.ts";

/** A label of 64 characters is one too long: no name server is asked. */
const NO_HOST = "x".repeat(64);
const UNKNOWN = "no such name, or it has no IPv4 address (ENOTFOUND)";
/** The parts of a system that looking up hosts needs. */
const SYSTEM = { clock: CLOCK, resolve: lookUpHost } as System;

/** Names that can be resolved from some time on, and a search for them. */
class Bench implements Disposable {
  readonly time = new FakeTime();
  readonly stop = new AbortController();
  readonly addresses = new Map<string, string>();
  /** Looked-up hosts, in order. */
  readonly asked: string[] = [];
  /** What each `take()` returned. */
  readonly taken: Record<string, string>[] = [];
  readonly search: HostSearch;

  constructor({ takes }: { takes: boolean } = { takes: true }) {
    const log = new Log({ verbosity: 0, time: false, pid: null, write: assert.fail, now: () => new Date() });
    const onFound = () => {
      if (takes) this.take();
    };
    const system = { clock: CLOCK, resolve: this.resolve };
    this.search = new HostSearch(onFound, { system, log, stop: this.stop.signal });
  }

  readonly resolve = (host: string): Promise<string> => {
    this.asked.push(host);
    const ip = this.addresses.get(host);
    return ip === undefined ? Promise.reject(notFound()) : Promise.resolve(ip);
  };

  take(): void {
    this.taken.push(Object.fromEntries(this.search.take()));
  }

  /** Looks for these hosts for this many milliseconds. */
  async lookFor(hosts: readonly string[], milliseconds: number): Promise<void> {
    this.search.lookFor(new Set(hosts));
    await this.time.advance(milliseconds);
  }

  [Symbol.dispose](): void {
    this.stop.abort();
    this.time[Symbol.dispose]();
  }
}

function notFound(): Error {
  return Object.assign(new Error("not found"), { code: "ENOTFOUND" });
}

/** A log that keeps its warnings in `warnings`. */
function warningLog() {
  const warnings: string[] = [];
  return { warnings, warning: (line: string) => void warnings.push(line) };
}

Deno.test("resolveHost() returns an address unchanged, and a name's address", async () => {
  assert.equal(await resolveHost("192.0.2.7", SYSTEM), "192.0.2.7");
  assert.equal(await resolveHost("localhost", SYSTEM), "127.0.0.1");
});

Deno.test("resolveHost() says which name has no address", async () => {
  await assert.rejects(resolveHost(NO_HOST, SYSTEM), {
    name: "IpipouError",
    exitCode: EXIT.failure,
    message: `Cannot find the IPv4 address of ${NO_HOST}: ${UNKNOWN}`,
  });
});

Deno.test("resolveHost() says in words why, as far as it knows", async () => {
  const codes = {
    ENOTFOUND: UNKNOWN,
    EAI_AGAIN: "no name server gives an answer for now (EAI_AGAIN)",
    EAI_FAIL: "the look-up failed (EAI_FAIL)",
  };
  for (const [code, words] of Object.entries(codes)) {
    const resolve = () => Promise.reject(Object.assign(new Error("not shown"), { code }));
    const message = `Cannot find the IPv4 address of vpn.example: ${words}`;
    await assert.rejects(resolveHost("vpn.example", { resolve }), { message });
  }
});

Deno.test("awaitHosts() returns an address at once if there is one", async () => {
  const log = new Log({
    verbosity: 3,
    time: false,
    pid: null,
    write: (line) => assert.fail(line),
    now: () => new Date(),
  });
  using service = new Service(null, CLOCK, log);
  const context = { system: SYSTEM, log, service, stop: new AbortController().signal };
  assert.deepEqual(await awaitHosts(["192.0.2.7"], context), { index: 0, ip: "192.0.2.7" });
  assert.deepEqual(await awaitHosts([NO_HOST, "192.0.2.7", "192.0.2.8"], context), {
    index: 1,
    ip: "192.0.2.7",
  });
});

Deno.test("awaitHosts() retries, with growing pauses, until the program stops", async () => {
  using time = new FakeTime();
  const stop = new AbortController();
  const waiting: (() => void)[] = [];
  const lines: string[] = [];
  const write = (line: string) => {
    lines.push(line);
    waiting.shift()?.();
  };
  const nextLine = () => new Promise<void>((resolve) => waiting.push(resolve));
  const log = new Log({ verbosity: 3, time: false, pid: null, write, now: () => new Date() });
  using service = new Service(null, CLOCK, log);
  const first = nextLine();
  const asking = awaitHosts([NO_HOST], { system: SYSTEM, log, service, stop: stop.signal });
  await first;
  for (const delay of [1_000, 2_000, 4_000]) {
    const next = nextLine();
    await time.advance(delay);
    await next;
  }
  stop.abort("SIGTERM");
  await assert.rejects(asking, (reason) => reason === "SIGTERM");
  assert.equal(time.pending, 0);
  const why = `Warning: Cannot find the IPv4 address of ${NO_HOST}: ${UNKNOWN}; trying again in`;
  assert.deepEqual(lines, [1, 2, 4, 8].map((seconds) => `${why} ${seconds} s`));
});

Deno.test("hostsOf() and remotesOf() cover only peers that are identified by their address", () => {
  const peer = (name: string, host: string | null, ip: boolean) =>
    samplePeer({ name, remote: { host, port: 1 }, byRemote: { ip, port: true } });
  const peers = [
    peer("a", "a.example", true),
    peer("b", "b.example", true),
    peer("again", "a.example", true),
    peer("c", "c.example", false),
    peer("d", null, false),
  ];
  assert.deepEqual(hostsOf(peers), new Set(["a.example", "b.example"]));
  const addresses = new Map([["a.example", "192.0.2.1"], ["c.example", "192.0.2.3"]]);
  assert.deepEqual(remotesOf(peers, addresses), new Map([["a", "192.0.2.1"], ["again", "192.0.2.1"]]));
});

Deno.test("findHosts() leaves out hosts that are not found, and warns", async () => {
  const log = warningLog();
  assert.deepEqual(
    await findHosts(new Set(["192.0.2.7", NO_HOST]), new Map(), { system: SYSTEM, log }),
    new Map([["192.0.2.7", "192.0.2.7"]]),
  );
  assert.deepEqual(log.warnings, [
    `Cannot find the IPv4 address of ${NO_HOST}: ${UNKNOWN}; peers identified by it are shut out until it is found`,
  ]);
});

Deno.test("findHosts() keeps the address that a host had, and warns", async () => {
  const log = warningLog();
  const known = new Map([["moved", "192.0.2.8"], ["lost", "192.0.2.9"], ["other", "192.0.2.10"]]);
  const resolve = (host: string) =>
    host === "moved" ? Promise.resolve("192.0.2.7") : Promise.reject(notFound());
  assert.deepEqual(
    await findHosts(new Set(["moved", "lost"]), known, { system: { resolve }, log }),
    new Map([["moved", "192.0.2.7"], ["lost", "192.0.2.9"]]),
  );
  assert.deepEqual(log.warnings, [`Cannot find the IPv4 address of lost: ${UNKNOWN}; keeping 192.0.2.9`]);
});

Deno.test("lookFor() looks up a host with growing pauses until it is found", async () => {
  using bench = new Bench();
  await bench.lookFor(["a"], 0);
  for (
    const [delay, times] of [[1_000, 2], [1_999, 2], [1, 3], [4_000, 4], [8_000, 5], [16_000, 6]] as const
  ) {
    await bench.time.advance(delay);
    assert.equal(bench.asked.length, times);
  }
  await bench.time.advance(30_000);
  assert.equal(bench.asked.length, 7, "never more rarely than every 30 s");
  assert.deepEqual([bench.taken, bench.search.missing], [[], ["a"]]);
  bench.addresses.set("a", "192.0.2.1");
  await bench.time.advance(30_000);
  assert.deepEqual([bench.taken, bench.search.missing], [[{ a: "192.0.2.1" }], []]);
  assert.equal(bench.time.pending, 0);
});

Deno.test("lookFor() continues with hosts that it already looks for, and drops the others", async () => {
  using bench = new Bench();
  await bench.lookFor(["a", "b"], 1_000);
  assert.deepEqual(bench.asked, ["a", "b", "a", "b"]);
  await bench.lookFor(["b", "c"], 0);
  assert.deepEqual(bench.asked.slice(4), ["c"]);
  assert.deepEqual(bench.search.missing, ["b", "c"]);
  bench.addresses.set("a", "192.0.2.1").set("b", "192.0.2.2").set("c", "192.0.2.3");
  await bench.time.advance(60_000);
  assert.deepEqual(bench.asked.slice(5), ["c", "b"]);
  assert.deepEqual(bench.taken, [{ c: "192.0.2.3" }, { b: "192.0.2.2" }]);
});

Deno.test("lookFor() drops a host even while its answer is awaited", async () => {
  using bench = new Bench();
  bench.addresses.set("a", "192.0.2.1");
  bench.search.lookFor(new Set(["a"]));
  await bench.lookFor([], 60_000);
  assert.deepEqual([bench.asked, bench.taken, bench.search.missing], [["a"], [], []]);
});

Deno.test("take() returns what was found once, and nothing that is no longer wanted", async () => {
  using bench = new Bench({ takes: false });
  bench.addresses.set("a", "192.0.2.1").set("b", "192.0.2.2").set("c", "192.0.2.3");
  await bench.lookFor(["a", "b", "c"], 0);
  assert.deepEqual(bench.search.missing, ["a", "b", "c"], "not taken yet");
  await bench.lookFor(["a", "b"], 60_000);
  assert.deepEqual(bench.asked, ["a", "b", "c"], "what is found is not asked for again");
  bench.take();
  bench.take();
  assert.deepEqual(bench.taken, [{ a: "192.0.2.1", b: "192.0.2.2" }, {}]);
  assert.deepEqual(bench.search.missing, []);
});

Deno.test("lookFor() looks nothing up once the program is to stop", async () => {
  using bench = new Bench();
  await bench.lookFor(["a"], 1_000);
  bench.stop.abort();
  bench.addresses.set("a", "192.0.2.1");
  await bench.time.advance(60_000);
  assert.deepEqual([bench.asked, bench.taken, bench.time.pending], [["a", "a"], [], 0]);
});

Deno.test("awaitHosts() does not wait for an answer when the program is to stop", async () => {
  const stop = new AbortController();
  const log = new Log({ verbosity: 3, time: false, pid: null, write: assert.fail, now: () => new Date() });
  using service = new Service(null, CLOCK, log);
  const resolve = () => new Promise<string>(() => {});
  const asking = awaitHosts(["a"], { system: { ...SYSTEM, resolve }, log, service, stop: stop.signal });
  stop.abort("SIGTERM");
  await assert.rejects(asking, (reason) => reason === "SIGTERM");
});
