import assert from "node:assert/strict";
import { sampleObserved } from "../samples.ts";
import {
  address,
  afterChange,
  device,
  INDEX,
  newPicture,
  NOW,
  OURS,
  OUTSIDE,
  planOf,
  route,
  TABLE,
  TO,
  UNKNOWN,
} from "./picture_scene.ts";

Deno.test("Picture calls for a repair when others changed a device during our own change", () => {
  for (
    const fields of [{ isUp: false }, { alias: "somebody's" }, { mtu: 1400 }, { outer: "" }, {
      outer: "192.0.2.1:2 198.51.100.9:1 ttl 64 tos 0x00 pmtudisc",
    }, { outer: "192.0.2.1:2 198.51.100.2:1 ttl inherit tos 0x00 pmtudisc" }]
  ) {
    const picture = afterChange([device("a", fields)], planOf(0));
    assert.deepEqual([picture.need, picture.repairDue], ["all", NOW - 1_000], JSON.stringify(fields));
    assert.equal(
      afterChange([device("a", fields), device("a")], planOf(0)).need,
      "nothing",
      "not the last word",
    );
  }
  assert.equal(
    afterChange([device("a", { isUp: false }), device("a", { isGone: true })], planOf(0)).need,
    "all",
  );
});

Deno.test("Picture calls for a repair when our objects, or the outside, were changed", () => {
  const calls = [
    device("a"),
    device("b"),
    device("eth0"),
    address("192.0.2.1"),
    address("172.29.0.0"),
    route(201),
  ];
  for (const change of [...calls, address("172.28.9.9", INDEX.a), TABLE, UNKNOWN]) {
    const picture = afterChange(OURS, planOf(0));
    picture.handleNews([change], NOW);
    assert.equal(picture.repairDue, NOW - 1_000, JSON.stringify(change));
  }
  const renamed = afterChange(OURS, planOf(0));
  renamed.handleNews([device("b", { name: "stolen" })], NOW);
  assert.equal(renamed.repairDue, NOW - 1_000);
});

Deno.test("Picture calls for no repair when foreign objects were changed", () => {
  const picture = afterChange(OURS, planOf(0));
  picture.handleNews([device("other"), address("203.0.113.9"), route(4)], NOW);
  assert.deepEqual([picture.need, picture.repairDue], ["all", null]);
});

Deno.test("Picture calls for a repair when a way to a far end may have changed, and asks for the ways only once", () => {
  const link = { name: "eth1", mtu: 1500, isUp: true };
  const asked: string[] = [];
  const seen = () => {
    const picture = newPicture();
    picture.beginLook(NOW);
    picture.handleLook(sampleObserved({ own: TO, links: new Map([[INDEX.other, link]]) }), NOW);
    picture.findWays(["198.51.100.2", "203.0.113.2"], OUTSIDE, (ips) => {
      asked.push(...ips);
      const way = { index: INDEX.other, mtu: 1400, isListed: true };
      return ips.map((ip) => ip === "198.51.100.2" ? way : null);
    });
    return picture;
  };
  assert.deepEqual(seen().observed!.paths, new Map([["198.51.100.2", 1400]]));
  assert.equal(asked.length, 2);
  const calls = [
    ...["0.0.0.0/0", "198.51.100.0/24", "198.51.100.2/32", "203.0.113.2/31"].map((net) => route(4, net)),
    route(2, "198.51.100.0/24"),
    ...[{ mtu: 1400 }, { isUp: false }, { isGone: true }].map((fields) =>
      device("other", { name: "eth1", mtu: 1500, ...fields })
    ),
  ];
  for (const change of calls) {
    const picture = seen();
    picture.handleNews([change], NOW);
    assert.deepEqual([picture.need, picture.repairDue], ["all", NOW - 1_000], JSON.stringify(change));
  }
  const others = [route(4, "198.51.101.0/24"), route(4, "198.51.100.3/32"), route(2, "203.0.113.0/31")];
  for (const change of [...others, device("other", { name: "eth1", mtu: 1500 })]) {
    const picture = seen();
    picture.handleNews([change], NOW);
    assert.equal(picture.repairDue, null, JSON.stringify(change));
  }
  const picture = seen();
  asked.length = 0;
  assert.deepEqual(["198.51.100.2", "203.0.113.2", "203.0.113.9"].map((ip) => picture.isRouted(ip)), [
    ...[true, false, false],
  ]);
  const find = (ips: readonly string[]) => {
    asked.push(...ips);
    return ips.map(() => null);
  };
  picture.findWays(["198.51.100.2", "203.0.113.9", "203.0.113.9"], OUTSIDE, find);
  picture.findWays(["203.0.113.9", "198.51.100.2"], OUTSIDE, () => assert.fail("asked for nothing"));
  assert.deepEqual(asked, ["203.0.113.9"], "two peers may share an address");
  picture.findWays(["198.51.100.2"], { ...OUTSIDE }, find);
  assert.deepEqual(asked, ["203.0.113.9", "198.51.100.2"], "another outside");
});

Deno.test("Picture calls for a repair at any change while foreign objects hinder a tunnel", () => {
  const picture = newPicture();
  picture.beginChange(planOf(0));
  picture.handleChange(TO, true, NOW);
  picture.handleNews([device("other")], NOW);
  assert.equal(picture.repairDue, NOW - 1_000);
});

Deno.test("Picture calls for a repair until a look begins, and again after a change during that look", () => {
  const picture = newPicture();
  picture.handleNews([TABLE, TABLE], NOW);
  picture.beginLook(NOW + 5_000);
  assert.equal(picture.repairDue, null);
  picture.handleNews([TABLE], NOW);
  picture.handleLook(sampleObserved({}), NOW);
  assert.deepEqual([picture.need, picture.repairDue], ["all", NOW + 4_000]);
});

Deno.test("Picture lets three looks follow each other at once, and then one a second", () => {
  const picture = newPicture();
  const dues = Array.from({ length: 5 }, () => {
    picture.handleNews([UNKNOWN], NOW);
    const due = picture.repairDue! - NOW;
    picture.beginLook(Math.max(NOW, picture.repairDue!));
    return due;
  });
  assert.deepEqual(dues, [-1_000, 0, 1_000, 2_000, 3_000]);
  for (let own = 0; own < 9; own++) {
    picture.distrust("all");
    picture.beginLook(NOW + 20_000);
  }
  picture.handleNews([UNKNOWN], NOW);
  assert.equal(picture.repairDue, NOW + 21_000, "never later than that");
});

Deno.test("Picture calls for a repair when a tunnel of others begins to use a FOU port of ours", () => {
  for (const [port, isNews] of [[10_000, true], [10_001, false]] as const) {
    const picture = newPicture();
    const outer = `192.0.2.1:${port} 203.0.113.9:7 ttl 64 tos 0x00 pmtudisc`;
    picture.handleNews([device("other", { alias: "", outer })], NOW);
    assert.equal(picture.repairDue !== null, isNews);
  }
});
