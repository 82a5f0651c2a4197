import assert from "node:assert/strict";
import { type Change, type News, Vigil } from "../../../lib/kernel/news.ts";
import type { Transition } from "../../../lib/kernel/plan.ts";
import { EMPTY_STATE, type KernelState, type Tunnel } from "../../../lib/kernel/state.ts";

/** News that a test makes up. */
class FakeNews implements News {
  next: Change[] = [];
  count: number | null = 7;
  room = 0;

  changes(): readonly Change[] {
    return this.next.splice(0);
  }

  makeRoom(commands: number): void {
    this.room = commands;
  }

  generation(): number | null {
    return this.count;
  }

  [Symbol.dispose](): void {}
}

const TUNNEL: Tunnel = {
  name: "a",
  alias: "ipipou:hub",
  remote: { ip: "198.51.100.2", port: 1 },
  local: { ip: "192.0.2.1", port: 2 },
  checksum: null,
  link: null,
  inner: { ip: "172.28.0.0", peerIp: "172.28.0.1" },
  up: true,
  routes: [],
};

function stateOf(...tunnels: Tunnel[]): KernelState {
  return { ...EMPTY_STATE, tunnels: new Map(tunnels.map((tunnel) => [tunnel.name, tunnel])) };
}

const STANDING: Tunnel = { ...TUNNEL, name: "b", inner: { ip: "172.28.0.2", peerIp: "172.28.0.3" } };
const [FROM, TO] = [stateOf(STANDING), {
  ...stateOf(TUNNEL, STANDING),
  altAddresses: new Map([["172.29.0.0", "eth0"]]),
}];

const device = (name: string): Change => ({ kind: "device", name });
const address = (ip: string): Change => ({ kind: "address", ip });
const route = (protocol: number): Change => ({ kind: "route", protocol });

/** A plan in which `nft` runs so often. */
function planOf(transactions: number): Transition {
  const [close, open] = [1, 2].map((least) => transactions >= least ? ["a command"] : []);
  return { withdraw: ["one"], close: close!, ip: ["two", "three"], open: open! };
}

/** Whether it is undisturbed after these changes and transactions of nft, of which `planned` are said to be ours. */
function staysAfter(changes: Change[], transactions: number, planned: number): boolean {
  const news = new FakeNews();
  const vigil = new Vigil(news, true);
  vigil.begin();
  vigil.weChange(planOf(planned));
  assert.equal(news.room, 3);
  news.next.push(...changes);
  news.count! += transactions;
  vigil.weChanged(FROM, TO, planOf(planned));
  assert.equal(news.room, 0);
  return vigil.isUndisturbed();
}

Deno.test("Vigil takes what follows from our own change for ours, and nothing else", () => {
  const ours = [device("a"), address("172.28.0.0"), address("172.29.0.0"), route(2), route(201)];
  assert.equal(staysAfter(ours, 1, 1), true);
  assert.equal(staysAfter([], 0, 0), true);
  const others = [
    device("b"),
    device("eth0"),
    address("172.28.0.2"),
    address("192.0.2.9"),
    route(4),
    {
      kind: "unknown",
    } as const,
  ];
  for (const change of others) {
    assert.equal(staysAfter([...ours, change], 1, 1), false, JSON.stringify(change));
  }
  for (const [done, said] of [[1, 0], [2, 1], [0, 1]] as const) {
    assert.equal(staysAfter([], done, said), false, `${done} ${said}`);
  }
});

Deno.test("Vigil is disturbed by whatever happens while we change nothing, until it begins anew", () => {
  const news = new FakeNews();
  const vigil = new Vigil(news, true);
  assert.equal(vigil.isUndisturbed(), false);
  vigil.begin();
  assert.equal(vigil.isUndisturbed(), true);
  news.next.push(device("a"));
  assert.equal(vigil.isUndisturbed(), false);
  vigil.begin();
  news.next.push(device("a"));
  vigil.weChange(planOf(0));
  vigil.weChanged(FROM, TO, planOf(0));
  assert.equal(vigil.isUndisturbed(), false);
  news.next.push(device("a"));
  vigil.begin();
  assert.equal(vigil.isUndisturbed(), true);
});

Deno.test("Vigil without a gate does not ask for nftables; with one, not knowing them is a disturbance", () => {
  const news = new FakeNews();
  const [client, server] = [new Vigil(news, false), new Vigil(news, true)];
  client.begin();
  news.count = null;
  assert.equal(client.isUndisturbed(), true);
  server.begin();
  assert.equal(server.isUndisturbed(), false);
});

Deno.test("Vigil takes what goes by our own change for ours", () => {
  const news = new FakeNews();
  const vigil = new Vigil(news, true);
  vigil.begin();
  vigil.weChange(planOf(0));
  news.next.push(device("a"), address("172.28.0.0"), address("172.29.0.0"));
  vigil.weChanged(TO, FROM, planOf(0));
  assert.equal(vigil.isUndisturbed(), true);
});
