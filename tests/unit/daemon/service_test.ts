import assert from "node:assert/strict";
import { CLOCK } from "../../../lib/clock.ts";
import { Service } from "../../../lib/daemon/service.ts";
import { Log } from "../../../lib/log.ts";
import { FakeTime } from "../fake_time.ts";

const PERIOD = 40;

/** A service manager that records its messages. */
class Manager {
  readonly messages: string[] = [];
  readonly time = 1_234_567n;
  readonly period = PERIOD;
  /** If set, `send()` fails with it. */
  failure: Error | null = null;
  isDisposed = false;

  send(message: string): void {
    if (this.failure !== null) throw this.failure;
    this.messages.push(message);
  }

  [Symbol.dispose](): void {
    this.isDisposed = true;
  }
}

function makeLog(lines: string[]): Log {
  const write = (line: string) => lines.push(line);
  return new Log({ verbosity: 3, time: false, pid: null, write, now: () => new Date() });
}

const SILENT = makeLog([]);

Deno.test("Service tells what it waits for, that it is ready, and its status, each once", () => {
  const manager = new Manager();
  using service = new Service(manager, CLOCK, SILENT);
  let admitted = 0;
  service.waitingFor("the network device eth7");
  service.waitingFor("the network device eth7");
  service.waitingFor("the IPv4 address of example.org");
  service.ready(() => `${admitted} admitted`);
  service.update();
  admitted = 1;
  service.update();
  service.update();
  assert.deepEqual(manager.messages, [
    "STATUS=waiting for the network device eth7",
    "STATUS=waiting for the IPv4 address of example.org",
    "READY=1\nSTATUS=0 admitted",
    "STATUS=1 admitted",
  ]);
});

Deno.test("Service tells of a reload with the manager's time, of its end, and of the stop", () => {
  const manager = new Manager();
  using service = new Service(manager, CLOCK, SILENT);
  service.ready(() => "up");
  service.reloading();
  service.ready(() => "up");
  service.stopping();
  assert.deepEqual(manager.messages, [
    "READY=1\nSTATUS=up",
    "RELOADING=1\nMONOTONIC_USEC=1234567\nSTATUS=reloading",
    "READY=1\nSTATUS=up",
    "STOPPING=1\nSTATUS=stopping",
  ]);
});

Deno.test("Service asks for more time until it is ready, then shows signs of life twice in each period", async () => {
  using time = new FakeTime();
  const manager = new Manager();
  using service = new Service(manager, CLOCK, SILENT);
  await time.advance(PERIOD / 2 - 1);
  assert.deepEqual(manager.messages, []);
  await time.advance(1);
  assert.deepEqual(manager.messages, [`EXTEND_TIMEOUT_USEC=${PERIOD * 1000}`, "STATUS=starting"]);
  manager.messages.length = 0;
  service.ready(() => "up");
  await time.advance(PERIOD);
  assert.deepEqual(manager.messages, ["READY=1\nSTATUS=up", "WATCHDOG=1", "WATCHDOG=1"]);
});

Deno.test("Service notices a changed status by itself", async () => {
  using time = new FakeTime();
  const manager = new Manager();
  using service = new Service(manager, CLOCK, SILENT);
  let status = "1 admitted";
  service.ready(() => status);
  status = "0 admitted";
  await time.advance(PERIOD / 2);
  assert.deepEqual(manager.messages.slice(1), ["WATCHDOG=1", "STATUS=0 admitted"]);
});

Deno.test("Service shows no signs of life once it is disposed", async () => {
  using time = new FakeTime();
  const manager = new Manager();
  new Service(manager, CLOCK, SILENT)[Symbol.dispose]();
  await time.advance(PERIOD);
  assert.deepEqual([manager.messages, time.pending], [[], 0]);
});

Deno.test("Service continues when its manager cannot be told, logs why once, and tells it later", async () => {
  using time = new FakeTime();
  const manager = new Manager();
  const lines: string[] = [];
  using service = new Service(manager, CLOCK, makeLog(lines));
  const { message } = manager.failure = new Error("Cannot notify the service manager: EAGAIN (Try again)");
  service.waitingFor("the network device eth7");
  await time.advance(PERIOD);
  assert.deepEqual([lines, manager.messages], [[`Warning: ${message}; trying again`], []]);
  manager.failure = null;
  await time.advance(PERIOD / 2);
  const waiting = "STATUS=waiting for the network device eth7";
  assert.deepEqual(manager.messages.splice(0), [waiting, `EXTEND_TIMEOUT_USEC=${PERIOD * 1000}`]);
  manager.failure = new Error("again");
  service.ready(() => "up");
  await time.advance(PERIOD);
  manager.failure = null;
  await time.advance(PERIOD / 2);
  assert.deepEqual(manager.messages.splice(0), ["READY=1\nSTATUS=up", "WATCHDOG=1"]);
  manager.failure = new Error("again");
  service.ready(() => "up");
  manager.failure = null;
  service.update();
  assert.deepEqual(manager.messages, ["READY=1\nSTATUS=up"]);
  assert.equal(lines.length, 3);
});

Deno.test("Service closes the connection to its manager", () => {
  const manager = new Manager();
  new Service(manager, CLOCK, SILENT)[Symbol.dispose]();
  assert.ok(manager.isDisposed);
});

Deno.test("Service without a manager does nothing", () => {
  using service = new Service(null, CLOCK, SILENT);
  assert.equal(service.isManaged, false);
  service.waitingFor("the network device eth7");
  service.ready(() => "up");
  service.reloading();
  service.stopping();
});
