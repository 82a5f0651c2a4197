// Reads a real kernel's notifications of changes in a network namespace. Needs root and a kernel with nftables: the
// lab, or a disposable machine.
import assert from "node:assert/strict";
import { EXIT } from "../../lib/errors.ts";
import { NetlinkNews } from "../../ffi/netlink_news.ts";
import type { DeviceChange, KernelChange } from "../../lib/kernel_ports.ts";
import { must } from "../../tools/command.ts";
import { CAP_NET_ADMIN, enter, run, soon, withoutCapability } from "./link.ts";
import { loadModules } from "./modules.ts";

const NAMESPACE = `${crypto.randomUUID().slice(0, 4)}-news`;
const DEVICE = "news0";
/** News of a transaction that did not only remove, by the names of the chains that it touched; "" for the table itself. */
const table = (...chains: readonly string[]): KernelChange => ({ kind: "table", chains, onlyRemoves: false });
/** News of one that did. */
const removal = (...chains: readonly string[]): KernelChange => ({
  kind: "table",
  chains,
  onlyRemoves: true,
});

function open(table: string | null = "ipipou"): NetlinkNews {
  using _ = enter(NAMESPACE);
  return NetlinkNews.open(table);
}

async function ip(...commands: readonly string[]): Promise<void> {
  await must(["ip", "-netns", NAMESPACE, "-batch", "-"], {
    stdin: commands.map((command) => `${command}\n`).join(""),
  });
}

/** Runs one nftables transaction. */
async function nft(...commands: readonly string[]): Promise<void> {
  await must(["ip", "netns", "exec", NAMESPACE, "nft", "-f", "-"], {
    stdin: commands.map((command) => `${command}\n`).join(""),
  });
}

async function indexOf(device: string): Promise<number> {
  const [{ ifindex }] = JSON.parse(await must(["ip", "-netns", NAMESPACE, "-json", "link", "show", device]));
  return ifindex;
}

/** Makes that many IPv4 addresses, 65,536 at most. */
function addresses(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `10.1.${index >> 8}.${index & 0xff}`);
}

/** The changes of nftables in the news, and whether any news was lost. */
function tableChanges(news: NetlinkNews): KernelChange[] {
  return news.changes().filter(({ kind }) => kind === "table" || kind === "unknown");
}

/** The news about a device that is no tunnel. */
function device(index: number, name: string, fields: Partial<DeviceChange> = {}): DeviceChange {
  return {
    kind: "device",
    index,
    name,
    isGone: false,
    isUp: false,
    alias: "",
    mtu: 1500,
    outer: "",
    ...fields,
  };
}

function assertTold(news: NetlinkNews, ...expected: readonly KernelChange[]): void {
  const changes = news.changes();
  const told = new Set(changes.map((change) => JSON.stringify(change)));
  const missing = expected.filter((change) => !told.has(JSON.stringify(change)));
  assert.deepEqual(missing, [], `told: ${[...told].join(" ")}`);
  assert.ok(changes.every(({ kind }) => kind !== "unknown" && kind !== "table"));
}

Deno.test.beforeAll(async () => {
  await loadModules();
  await run(`ip netns add ${NAMESPACE}`);
});
Deno.test.afterAll(() => run(`ip netns delete ${NAMESPACE}`));

Deno.test("changes() reports devices, addresses and routes that are added, changed and deleted", async () => {
  using news = open();
  await ip(`link add name ${DEVICE} type dummy`);
  const index = await indexOf(DEVICE);
  assert.deepEqual(news.changes(), [device(index, DEVICE)]);
  await ip(`link set dev ${DEVICE} name news1`);
  assert.deepEqual(news.changes(), [device(index, "news1")]);
  await ip(`address add 10.99.0.1/24 dev news1`);
  assertTold(news, { kind: "address", index, ip: "10.99.0.1", isGone: false });
  await ip(`link set dev news1 up`);
  assertTold(news, device(index, "news1", { isUp: true }));
  const [wide, host, all] = ["10.98.0.0/16", "10.97.0.1/32", "0.0.0.0/0"].map(
    (network) => (isGone: boolean) => ({ kind: "route", network, protocol: 201, isGone }) as const,
  );
  for (const route of [wide!, host!, all!]) {
    const { network } = route(false);
    await ip(`route add ${network} dev news1 proto 201`);
    assertTold(news, route(false));
    await ip(`route delete ${network} dev news1`);
    assertTold(news, route(true));
  }
  await ip("rule add from 10.99.0.1 lookup 102");
  assertTold(news, { kind: "rule" });
  await ip("rule del from 10.99.0.1 lookup 102");
  assertTold(news, { kind: "rule" });
  await ip(`address delete 10.99.0.1/24 dev news1`);
  const prefix = { kind: "route", network: "10.99.0.0/24", protocol: 2, isGone: true } as const;
  assertTold(news, { kind: "address", index, ip: "10.99.0.1", isGone: true }, prefix);
  await ip(`link delete dev news1`);
  assertTold(news, device(index, "news1", { isGone: true }));
  assert.deepEqual(news.changes(), []);
});

Deno.test("changes() reports the state of a tunnel after each of its changes", async () => {
  using news = open();
  const outer = (remote: string) =>
    `type ipip remote ${remote} local 127.0.0.1 encap fou encap-sport 7 encap-dport 8`;
  await ip(`link add name ${DEVICE} ${outer("192.0.2.1")}`);
  const index = await indexOf(DEVICE);
  await ip(`link set dev ${DEVICE} alias ours`);
  await ip(`link set dev ${DEVICE} up`);
  const up = device(index, DEVICE, {
    ...{ isUp: true, alias: "ours", mtu: 1472 },
    outer: "127.0.0.1:7 192.0.2.1:8 ttl inherit tos 0x00 pmtudisc",
  });
  assert.deepEqual(news.changes().at(-1), up);
  const words = outer("192.0.2.2").replace("encap fou", "ttl 64 tos 0x20 pmtudisc encap fou");
  await ip(`link set dev ${DEVICE} mtu 1300 alias ours:too ${words}`);
  const moved = {
    ...{ ...up, alias: "ours:too", mtu: 1300 },
    outer: "127.0.0.1:7 192.0.2.2:8 ttl 64 tos 0x20 pmtudisc",
  };
  assert.deepEqual(news.changes().at(-1), moved);
  await ip(`link set dev ${DEVICE} down`);
  assert.deepEqual(news.changes().at(-1), { ...moved, isUp: false });
  await ip(`link set dev ${DEVICE} mtu 1400`);
  assert.deepEqual(news.changes().at(-1), { ...moved, isUp: false, mtu: 1400 });
  await ip(`link delete dev ${DEVICE}`);
  assert.equal((news.changes().at(-1) as DeviceChange).isGone, true);
});

Deno.test("changes() reports each transaction on the table once, with its chains, and none on other tables", async () => {
  using news = open();
  await nft("table ip ipipou { set places { type ipv4_addr; }; chain gate { }; }");
  assert.deepEqual(tableChanges(news), [table("", "gate")]);
  await nft(...addresses(1000).map((ip) => `add rule ip ipipou gate ip saddr ${ip} counter accept`));
  assert.deepEqual(tableChanges(news), [table("gate")]);
  await nft("add element ip ipipou places { 10.2.0.1 }");
  await nft("delete element ip ipipou places { 10.2.0.1 }");
  assert.deepEqual(tableChanges(news), [table(), removal()]);

  await nft(
    "table ip other { set places { type ipv4_addr; elements = { 10.2.0.1 }; }; chain gate { drop; }; }",
  );
  await nft(
    "table ip6 ipipou { chain gate { counter drop; }; }",
    "table inet ipipou { chain gate { drop; }; }",
  );
  await nft("add rule ip other gate accept");
  await assert.rejects(nft("add rule ip ipipou gate accept", "add rule ip ipipou missing accept"));
  assert.deepEqual(tableChanges(news), []);

  await nft("add rule ip other gate accept", "flush chain ip ipipou gate", "delete table ip6 ipipou");
  assert.deepEqual(tableChanges(news), [removal("gate")]);
  await nft("add rule ip ipipou gate accept");
  await nft("flush chain ip ipipou gate", "add rule ip ipipou gate drop");
  assert.deepEqual(tableChanges(news), [table("gate"), table("gate")]);
  await nft("flush ruleset");
  assert.deepEqual(tableChanges(news), [removal("gate", "")]);
  await nft("flush ruleset");
  assert.deepEqual(tableChanges(news), []);
});

Deno.test("changes() reports the table after 50,000 elements of another table, or that news was lost", async () => {
  using news = open();
  const elements = addresses(50_000).join(", ");
  await nft(
    "table ip other { set places { type ipv4_addr; }; }",
    `add element ip other places { ${elements} }`,
  );
  await nft("table ip ipipou { chain gate { }; }");
  assert.notDeepEqual(tableChanges(news), []);
  await nft("add chain ip ipipou more");
  assert.deepEqual(tableChanges(news), [table("more")]);
  await nft("flush ruleset");
});

Deno.test("changes() reports when the kernel dropped news, which makeRoom() prevents", async () => {
  using news = open(null);
  await ip(`link add name ${DEVICE} type dummy`);
  const some = addresses(400);
  await ip(...some.map((ip) => `address add ${ip}/32 dev ${DEVICE}`));
  assert.ok(news.changes().some(({ kind }) => kind === "unknown"));
  await ip(`link set dev ${DEVICE} up`);
  assertTold(news, device(await indexOf(DEVICE), DEVICE, { isUp: true }));

  news.makeRoom(some.length);
  const index = await indexOf(DEVICE);
  await ip(...some.map((ip) => `address delete ${ip}/32 dev ${DEVICE}`));
  assertTold(news, ...some.map((ip) => ({ kind: "address", index, ip, isGone: true }) as const));
  await ip(`link delete dev ${DEVICE}`);
});

Deno.test("wait() resolves for each kind of change, when it is aborted and when the news is closed", async () => {
  using news = open();
  const { signal } = new AbortController();
  const changes: (() => Promise<void>)[] = [
    () => ip(`link add name ${DEVICE} type dummy`),
    () => nft("table ip ipipou { chain gate { }; }"),
    () => ip(`address add 10.99.0.1/24 dev ${DEVICE}`),
    () => nft("flush ruleset"),
    () => ip(`link delete dev ${DEVICE}`),
  ];
  for (const change of changes) {
    const waiting = news.wait(signal);
    await change();
    await soon(waiting, change.toString());
    assert.notDeepEqual(news.changes(), []);
  }
  const stop = new AbortController();
  const waiting = news.wait(stop.signal);
  stop.abort();
  await soon(waiting, "an aborted wait");
  const closing = news.wait(signal);
  news[Symbol.dispose]();
  await soon(closing, "a wait that was closed");
});

Deno.test("open() needs CAP_NET_ADMIN for a table only", () => {
  using _ = withoutCapability(CAP_NET_ADMIN);
  assert.throws(() => open(), {
    message: "Cannot ask for the kernel's news of nftables: EPERM (Operation not permitted); " +
      "run as root, or with CAP_NET_ADMIN",
    exitCode: EXIT.nft,
  });
  using news = NetlinkNews.open(null);
  news.makeRoom(1000);
});
