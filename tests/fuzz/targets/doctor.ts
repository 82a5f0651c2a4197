import assert from "node:assert/strict";
import fc from "fast-check";
import { parseIcmp } from "../../../lib/doctor/icmp.ts";
import { installCommand, parseDistribution } from "../../../lib/doctor/packages.ts";
import { parseCount } from "../../../lib/doctor/counts.ts";
import { parseRights } from "../../../lib/doctor/rights.ts";
import { parseTool } from "../../../lib/doctor/tools.ts";
import { buildPing, buildUdpPacket } from "../../../lib/packet.ts";
import { bytesLike, textLike } from "../mutate.ts";
import { assertLine, type Target, target } from "../target.ts";

const SAMPLES = [
  'PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\nID_LIKE="a b"\n',
  "Uid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff\n",
  "TcpExt: SyncookiesSent IPReversePathFilter\nTcpExt: 3 12\n",
  "ip utility, iproute2-6.1.0, libbpf 1.1.0\n",
  "nftables v1.0.6 (Lester Gooch #5)\n",
];

const texts = target(
  "doctor: files of the host, and what programs say",
  [
    "lib/doctor/packages.ts parseDistribution",
    "lib/doctor/counts.ts parseCount",
    "lib/doctor/rights.ts parseRights",
    "lib/doctor/tools.ts parseTool",
  ],
  fc.tuple(
    textLike(SAMPLES, ["ID=", "__proto__", "constructor", "ubuntu"]),
    fc.constantFrom("6.1.0-13-amd64", "6.1"),
  ),
  ([text, release]) => {
    assertLine(installCommand(["ip", "tunnel modules"], parseDistribution(text, release)));
    assertLine(parseTool(text).version ?? "none");
    const dropped = parseCount(text, "TcpExt", "IPReversePathFilter");
    assert.ok(dropped === null || Number.isSafeInteger(dropped));
    const { uid, effective } = parseRights(text);
    assert.ok((uid === null || uid >= 0) && (effective === null || effective >= 0n));
  },
);

const PING = buildPing("10.0.0.2", "192.0.2.1", Uint8Array.of(1, 2, 3, 4), 64, 60);
const ENDS = { source: { ip: "10.0.0.2", port: 1 }, destination: { ip: "192.0.2.1", port: 2 } };
const DATAGRAM = buildUdpPacket({ ...ENDS, payload: new Uint8Array(9) }, 64);
/** Echo replies, and errors about an echo request and a datagram. */
const ICMP = [[0, 0], [3, 4], [3, 3], [11, 0]].flatMap(([type, code]) =>
  [PING, DATAGRAM].map((quoted) =>
    Uint8Array.from([...PING.subarray(0, 20), type!, code!, ...PING.subarray(22, 28), ...quoted])
  )
);

const icmp = target("doctor: ICMP", ["lib/doctor/icmp.ts parseIcmp"], bytesLike(ICMP), (packet) => {
  const message = parseIcmp(packet);
  if (message === null) return;
  assert.match(message.from, /^\d+(\.\d+){3}$/);
  if (message.id !== null) assert.equal(message.id.length, 8);
  if (message.kind === "error") assert.match(message.destination, /^\d+(\.\d+){3}$/);
});

/** What doctor reads. */
export const DOCTOR_TARGETS: readonly Target[] = [texts, icmp];
