import assert from "node:assert/strict";
import fc from "fast-check";
import { installCommand, parseDistribution } from "../../../lib/doctor/packages.ts";
import { parseDropped } from "../../../lib/doctor/reverse_path.ts";
import { parseRights } from "../../../lib/doctor/rights.ts";
import { parseTool } from "../../../lib/doctor/tools.ts";
import { textLike } from "../mutate.ts";
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
    "lib/doctor/reverse_path.ts parseDropped",
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
    const dropped = parseDropped(text);
    assert.ok(dropped === null || Number.isSafeInteger(dropped));
    const { uid, effective } = parseRights(text);
    assert.ok((uid === null || uid >= 0) && (effective === null || effective >= 0n));
  },
);

/** What doctor reads. */
export const DOCTOR_TARGETS: readonly Target[] = [texts];
