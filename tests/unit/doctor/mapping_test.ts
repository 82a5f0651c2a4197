import assert from "node:assert/strict";
import { judgeMapping, type MappingFacts } from "../../../lib/doctor/mapping.ts";

const OWN = { ip: "10.0.0.2", port: 10_001 };
const SERVER = { ip: "192.0.2.1", port: 10_002 };

/** @param seen each as PORT IP PORT */
function judge(seen: readonly (readonly [number, string, number])[], fields: Partial<MappingFacts> = {}) {
  const { topic, level, what, why } = judgeMapping({
    ...{ own: OWN, server: SERVER, problem: null, elsewhere: null },
    seen: seen.map(([port, ip, to]) => ({ port, as: { ip, port: to } })),
    ...fields,
  });
  assert.equal(topic, "nat");
  return `${level}: ${what}${why === null ? "" : ` (${why})`}`;
}

Deno.test("judgeMapping() tells no NAT from one that keeps ports, changes them, or has a pool of addresses", () => {
  const seen = "192.0.2.1:10002 sees";
  assert.equal(
    judge([[10_001, OWN.ip, 10_001], [50_000, OWN.ip, 50_000]]),
    `ok: no NAT: ${seen} this client by its own address and port, 10.0.0.2:10001`,
  );
  const a = "198.51.100.2";
  const nat = (port: number, ip = a) => `ok: a NAT: ${seen} 10.0.0.2:10001 as ${ip}:${port}; it `;
  assert.equal(
    judge([[10_001, a, 10_001], [50_000, a, 50_000], [60_000, a, 60_000]]),
    `${nat(10_001)}kept 3 ports (port preservation), at one address`,
  );
  assert.equal(
    judge([[10_001, a, 1_024], [50_000, a, 1_025], [60_000, a, 1_026]]),
    `${nat(1_024)}changed 3 ports (no port preservation), at one address`,
  );
  // Another host behind it has that port.
  assert.equal(
    judge([[10_001, a, 1_024], [50_000, a, 50_000], [60_000, a, 60_000]]),
    `${nat(1_024)}kept 2 of 3 ports (port preservation), at one address`,
  );
  assert.equal(
    judge([[10_001, a, 10_001]]),
    `${nat(10_001)}kept the port (port preservation), at one address`,
  );
  assert.equal(
    judge([[10_001, a, 1_024]]),
    `${nat(1_024)}changed the port (no port preservation), at one address`,
  );
  assert.equal(
    judge([[10_001, a, 10_001], [50_000, "198.51.100.3", 50_000], [60_000, a, 60_000]]),
    `${nat(10_001)}kept 3 ports (port preservation), at 2 addresses of a pool (arbitrary address pooling): ` +
      "198.51.100.2, 198.51.100.3",
  );
  // One port by chance, or by a rule.
  assert.equal(
    judge([[10_001, OWN.ip, 10_001], [50_000, a, 50_000]]),
    `${
      nat(10_001, OWN.ip)
    }kept 2 ports (port preservation), at 2 addresses of a pool (arbitrary address pooling): ` +
      "10.0.0.2, 198.51.100.2",
  );
  // This host's own.
  assert.equal(
    judge([[10_001, OWN.ip, 1_024]]),
    `${nat(1_024, OWN.ip)}changed the port (no port preservation), at one address`,
  );
});

Deno.test("judgeMapping() tells by a second server whether the mapping depends on it", () => {
  const a = "198.51.100.2";
  const elsewhere = (port: number, ip = a) => ({ server: { ip: "203.0.113.1", port: 9 }, as: { ip, port } });
  const seen = [[10_001, a, 1_024]] as const;
  assert.match(
    judge(seen, { elsewhere: elsewhere(1_024) }),
    /^ok: .*, at one address; 203\.0\.113\.1:9 sees it as the same \(endpoint-independent mapping\)$/,
  );
  assert.match(
    judge(seen, { elsewhere: elsewhere(1_025) }),
    /; 203\.0\.113\.1:9 sees it as 198\.51\.100\.2:1025 \(endpoint-dependent mapping\)$/,
  );
  assert.match(
    judge(seen, { elsewhere: elsewhere(1_024, "198.51.100.3") }),
    /; 203\.0\.113\.1:9 sees it as 198\.51\.100\.3:1024 \(endpoint-dependent mapping\)$/,
  );
  assert.match(
    judge([[10_001, OWN.ip, 10_001]], { elsewhere: elsewhere(5) }),
    /^ok: no NAT: .*10\.0\.0\.2:10001; 203\.0\.113\.1:9 sees it as 198\.51\.100\.2:5 /,
  );
});

Deno.test("judgeMapping() guesses by the addresses where the server was not asked or did not tell", () => {
  const isPrivate = "10.0.0.2 is private, so there is a NAT on the way to 192.0.2.1";
  assert.equal(judge([], { problem: "a reason" }), `unseen: ${isPrivate} (a reason)`);
  assert.match(
    judge([]),
    /^unseen: 10\.0\.0\.2 is private, .* \(the server does not tell where it sees this/,
  );
  const visible = judge([], { own: { ...OWN, ip: "198.51.100.2" } });
  assert.match(visible, /^unseen: no NAT can be seen by the addresses 198\.51\.100\.2 and 192\.0\.2\.1 /);
  assert.match(judge([], { server: { ...SERVER, ip: "10.9.9.9" } }), /^unseen: no NAT can be seen/);
});

Deno.test("judgeMapping() knows which addresses are of no host on the Internet", () => {
  const guessOf = (ip: string) => judge([], { own: { ...OWN, ip } }).includes(" is private, ");
  const inside = [
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.1",
    "192.168.255.1",
    "100.64.0.1",
    "100.127.9.9",
  ];
  assert.deepEqual(inside.filter((ip) => !guessOf(ip)), []);
  const outside = [
    "9.255.255.255",
    "11.0.0.1",
    "172.15.0.1",
    "172.32.0.1",
    "192.169.0.1",
    "100.63.0.1",
    "100.128.0.1",
  ];
  assert.deepEqual(outside.filter(guessOf), []);
});
