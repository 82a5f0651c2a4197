// Asks a real kernel for routes in a network namespace. Needs root: the lab, or a disposable machine.
import assert from "node:assert/strict";
import { NetlinkRoutes } from "../../ffi/netlink_routes.ts";
import { must } from "../../tools/command.ts";
import { enter, FAR, makeLink, NEAR, removeLink } from "./link.ts";

async function ip(...commands: readonly string[]): Promise<void> {
  await must(["ip", "-netns", NEAR.namespace, "-batch", "-"], {
    stdin: commands.map((line) => `${line}\n`).join(""),
  });
}

Deno.test.beforeAll(makeLink);
Deno.test.afterAll(removeLink);

Deno.test("find() returns the device of a route and the MTU that the route has, not one learned of the path", async () => {
  await ip("link add name other type dummy", "link set dev other up", "address add 10.8.0.1/24 dev other");
  const listed = JSON.parse(await must(["ip", "-netns", NEAR.namespace, "-json", "link"]));
  const indexOf = (name: string): number =>
    listed.find(({ ifname }: { ifname: string }) => ifname === name).ifindex;
  const [near, other] = [indexOf(NEAR.device), indexOf("other")];
  using routes = enterAnd(() => new NetlinkRoutes());
  const find = (to: string, device: number | null = null) => routes.find(to, NEAR.ip, device, 0);
  assert.deepEqual(find(FAR.ip), { index: near, mtu: null });
  assert.equal(find("198.51.100.1"), null, "no route");
  await ip(
    `route add 198.51.100.0/24 via ${FAR.ip} mtu 1400`,
    `route add 198.51.100.9 dev other`,
    `route add default via ${FAR.ip}`,
    `route add 203.0.113.0/24 via ${FAR.ip} table 77`,
    `rule add from ${NEAR.ip} to 203.0.113.0/24 table 77`,
    `route change 203.0.113.0/24 via ${FAR.ip} mtu 1300 table 77`,
  );
  assert.deepEqual(find("198.51.100.1"), { index: near, mtu: 1400 });
  assert.deepEqual(find("198.51.100.9"), { index: other, mtu: null });
  assert.deepEqual(find("192.0.2.1"), { index: near, mtu: null });
  assert.deepEqual(
    find("198.51.100.1", other),
    { index: other, mtu: null },
    "bound to a device: a neighbour there",
  );
  assert.deepEqual(find("203.0.113.1"), { index: near, mtu: 1300 }, "by a rule for the own address");
  // Another host says that its way on is narrower: the kernel remembers that for the destination.
  await must(["ip", "netns", "exec", FAR.namespace, "sh", "-ec", NARROW]);
  await must([
    "ip",
    "netns",
    "exec",
    NEAR.namespace,
    "sh",
    "-c",
    "ping -c1 -W1 -s1400 -Mdo 192.0.2.1 || true",
  ]);
  const learned = await must(["ip", "-netns", NEAR.namespace, "route", "get", "192.0.2.1", "from", NEAR.ip]);
  assert.match(learned, /mtu 1280/);
  assert.deepEqual(find("192.0.2.1"), { index: near, mtu: null });
});

/** Makes the far end a router with a narrow device behind it. */
const NARROW = `echo 1 > /proc/sys/net/ipv4/ip_forward
ip link add name narrow type dummy
ip link set dev narrow mtu 1280 up
ip address add 192.0.2.254/24 dev narrow`;

function enterAnd<T>(open: () => T): T {
  using _ = enter(NEAR.namespace);
  return open();
}
