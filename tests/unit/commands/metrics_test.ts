import assert from "node:assert/strict";
import { Metrics } from "../../../lib/commands/metrics.ts";
import type { StatusSystem } from "../../../lib/commands/status_system.ts";
import { DEVICE, HUB, systemOf as systemWith, type There } from "./status_scene.ts";
import { CLOCK } from "../../../lib/clock.ts";
import { replaceMetricsFile, serveMetrics } from "../../../lib/metrics_output.ts";
import { FakeStatusSocket } from "../fake/status_socket.ts";
import { sampleInstance, samplePeerStatus } from "../status/samples.ts";

/** A host without instances. @param looks gets a line for each look */
function systemOf(looks: string[] = [], fields: Partial<StatusSystem> = {}): StatusSystem {
  return {
    clock: CLOCK,
    sockets: () => [],
    connect: () => Promise.resolve(null),
    standing: () => {
      looks.push("look");
      return new Map();
    },
    countsOf: () => null,
    holderOf: () => null,
    instanceOf: () => null,
    ...fields,
  };
}

Deno.test("Metrics answers at /metrics alone, in the form that is asked for", async () => {
  const metrics = new Metrics(null, systemOf());
  const statusOf = async (...request: [string, string, string]) => (await metrics.answer(...request)).status;
  assert.equal(await statusOf("GET", "/", ""), 404);
  assert.equal(await statusOf("POST", "/metrics", ""), 405);
  const text = await metrics.answer("GET", "/metrics", "*/*");
  assert.deepEqual([text.status, text.type, text.text], [
    200,
    "text/plain; version=0.0.4; charset=utf-8",
    "",
  ]);
  const open = await metrics.answer(
    "GET",
    "/metrics",
    "application/openmetrics-text;version=1.0.0,text/plain;q=0.5",
  );
  assert.deepEqual([open.type.split(";")[0], open.text], ["application/openmetrics-text", "# EOF\n"]);
  const refused = { sockets: () => ["x"], connect: () => Promise.reject(new Error("Permission denied")) };
  const broken = await new Metrics(null, systemOf([], refused)).answer("GET", "/metrics", "");
  assert.deepEqual([broken.status, broken.text], [500, "Cannot ask x: Permission denied\n"]);
});

Deno.test("Metrics tells who reads them that there are none", async () => {
  assert.deepEqual(await new Metrics("office", systemOf()).show(), {
    text: "",
    notes: ['"office" does not run, and left no tunnel here; ipipou status shows all that run'],
  });
  const none = "no instance of ipipou runs here, and none left a tunnel";
  assert.deepEqual((await new Metrics(null, systemOf()).show()).notes, [none]);
});

Deno.test("Metrics looks once for all who ask at the same time", async () => {
  const looks: string[] = [];
  const metrics = new Metrics(null, systemOf(looks));
  await Promise.all(Array.from({ length: 50 }, () => metrics.answer("GET", "/metrics", "")));
  assert.equal(looks.length, 1);
  await metrics.make();
  assert.equal(looks.length, 2);
});

Deno.test("Metrics has each once, also where another network namespace has an instance of the same name", async () => {
  const sockets = new FakeStatusSocket(new Map(), "");
  const answering = sockets.connect();
  const connection = (await sockets.accept())!;
  const instance = JSON.stringify({ ...sampleInstance(), tunnels: 0 });
  await connection.write(new TextEncoder().encode(`${instance}\n`));
  const standing = () => new Map([["ipipou1", []], ["other", []]]);
  const fields = { standing, sockets: () => ["x"], connect: () => Promise.resolve(answering) };
  const text = await new Metrics(null, systemOf([], fields)).make();
  assert.deepEqual(text.match(/^ipipou_instance_healthy.*$/gm), [
    'ipipou_instance_healthy{name="ipipou1"} 1',
    'ipipou_instance_healthy{name="other"} 0',
  ]);
});

/** Connects to the socket that somebody is about to make in place of another one. */
async function connected(path: string): Promise<Deno.UnixConn> {
  using news = Deno.watchFs(path.slice(0, path.lastIndexOf("/")));
  const connect = () => Deno.connect({ transport: "unix", path }).catch(() => null);
  const early = await connect();
  if (early !== null) return early;
  // One event when it is made, and another when it listens and is given its mode.
  for await (const _event of news) {
    const connection = await connect();
    if (connection !== null) return connection;
  }
  throw new Error(`nobody listens at ${path}`);
}

Deno.test("serveMetrics() answers at a socket until told to stop, and says where it cannot", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/metrics.sock`;
  // A killed run left it.
  Deno.listen({ transport: "unix", path }).close();
  const stop = new AbortController();
  const metrics = new Metrics(null, systemOf());
  const serving = serveMetrics(path, (...request) => metrics.answer(...request), stop.signal);
  const connection = await connected(path);
  assert.equal((await Deno.stat(path)).mode! & 0o777, 0o660);
  const request =
    "GET /metrics HTTP/1.1\r\nHost: x\r\nAccept: application/openmetrics-text\r\nConnection: close\r\n\r\n";
  await connection.write(new TextEncoder().encode(request));
  assert.match(await new Response(connection.readable).text(), /^HTTP\/1\.1 200 OK[^]*# EOF\n/);
  stop.abort();
  await serving;
  assert.deepEqual([...Deno.readDirSync(folder)], []);
  await assert.rejects(
    serveMetrics(
      `${folder}/none/x.sock`,
      (...request) => metrics.answer(...request),
      new AbortController().signal,
    ),
    /Cannot listen at .*none\/x\.sock \(--listen\): /,
  );
  await Deno.remove(folder, { recursive: true });
});

Deno.test("replaceMetricsFile() replaces a file in one step, which all can read, and leaves nothing else", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/ipipou.prom`;
  for (const text of ["old\n", "new\n"]) await replaceMetricsFile(path, text);
  assert.deepEqual([await Deno.readTextFile(path), [...Deno.readDirSync(folder)].length], ["new\n", 1]);
  assert.equal((await Deno.stat(path)).mode! & 0o777, 0o644);
  await assert.rejects(
    replaceMetricsFile(`${folder}/none/x.prom`, ""),
    /Cannot write .*x\.prom \(--file\): /,
  );
  await Deno.mkdir(`${folder}/taken.prom`);
  await assert.rejects(replaceMetricsFile(`${folder}/taken.prom`, ""), /Cannot write/);
  assert.equal([...Deno.readDirSync(folder)].length, 2);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("Metrics has no counter that goes back while an instance does not answer", async () => {
  const up = { ...HUB, tunnels: [samplePeerStatus("a", { moves: 5 })] };
  const { name, pid } = HUB.instance;
  const looks: Map<string, number>[] = [];
  for (const there of [up, "silence", up] satisfies There[]) {
    const text = await new Metrics(
      null,
      systemWith([there], {
        standing: () => new Map([[name, [DEVICE]]]),
        holderOf: () => pid,
        instanceOf: () => name,
        countsOf: () => ({ received: 1, receivedBytes: 2, sent: 1_000_000, sentBytes: 1_000_000_000 }),
      }),
    ).make();
    looks.push(
      new Map([...text.matchAll(/^(\w+_total\{.*\}) (\S+)$/gm)].map(([, of, value]) => [of!, Number(value)])),
    );
  }
  const [before, meanwhile] = looks as [Map<string, number>, Map<string, number>];
  assert.ok(before.size > meanwhile.size && meanwhile.size > 0);
  for (const [counter, value] of meanwhile) assert.ok(value >= before.get(counter)!, counter);
});
