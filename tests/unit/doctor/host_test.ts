import assert from "node:assert/strict";
import { judgeClock } from "../../../lib/doctor/clock.ts";
import type { Finding } from "../../../lib/doctor/finding.ts";
import {
  judgeModules,
  type ModuleFacts,
  type ModuleName,
  type ModuleState,
} from "../../../lib/doctor/modules.ts";
import { installCommand, parseDistribution, type Part } from "../../../lib/doctor/packages.ts";
import { judgeRights, parseRights } from "../../../lib/doctor/rights.ts";
import { judgeLibraries, judgeTools, parseTool, type ToolFacts } from "../../../lib/doctor/tools.ts";

const DEBIAN = parseDistribution('PRETTY_NAME="Debian GNU/Linux 12"\nID=debian\n', "6.1.0-13-cloud-amd64");

/** Each finding's level, then its cure or what is so. */
function brief(findings: readonly Finding[]): string[] {
  return findings.map(({ level, what, cure }) => `${level}: ${cure ?? what}`);
}

function modulesOf(states: Partial<Record<ModuleName, ModuleState>>, fields: Partial<ModuleFacts> = {}) {
  return judgeModules({
    modules: new Map(Object.entries(states) as [ModuleName, ModuleState][]),
    releaseWithoutModules: null,
    isContainer: false,
    distribution: DEBIAN,
    hasServer: false,
    ...fields,
  });
}

Deno.test("judgeModules() tells modules that are there from those that are missing, gone, the host's, or unseen", () => {
  const there = { fou: "loaded", ipip: "loaded" } as const;
  assert.deepEqual(brief(modulesOf(there)), ["ok: fou and ipip are loaded"]);
  assert.deepEqual(brief(modulesOf({ ...there, fou: "loadable" })), [
    "ok: ipip loaded, fou will be at a start",
  ]);
  assert.deepEqual(brief(modulesOf({ ...there, fou: "missing" })), ["fault: apt install linux-image-amd64"]);
  assert.deepEqual(brief(modulesOf({ ...there, ipip: "unknown" })), ["unseen: modprobe -a ipip"]);
  const gone = { releaseWithoutModules: "6.1.0-9-amd64" };
  assert.deepEqual(brief(modulesOf({ ...there, fou: "missing" }, gone)), ["fault: reboot"]);
  assert.deepEqual(brief(modulesOf(there, gone)), ["ok: fou and ipip are loaded"]);
  const inContainer = modulesOf({ ...there, fou: "loadable" }, { isContainer: true });
  assert.deepEqual(brief(inContainer), ["fault: on the host: modprobe -a fou"]);
  const gate = {
    ...there,
    ...{
      "nf_tables": "loaded",
      "nft_fib_ipv4": "loaded",
      "nft_ct": "loaded",
      "nft_limit": "loaded",
      "nft_queue": "loaded",
    } as const,
    "nfnetlink_queue": "missing" as const,
  };
  assert.deepEqual(brief(modulesOf(gate, { hasServer: true })), [
    "ok: fou and ipip are loaded",
    "fault: apt install linux-image-amd64",
  ]);
  const limits = { ...gate, "nft_limit": "loadable", "nfnetlink_queue": "loaded" } as const;
  assert.equal(
    modulesOf(limits, { hasServer: true }).at(-1)!.what,
    "nf_tables, nft_fib_ipv4, nft_ct, nft_queue and nfnetlink_queue loaded, nft_limit will be at a start",
  );
});

Deno.test("installCommand() takes a kernel that tells no architecture for one of amd64", () => {
  const own = parseDistribution("ID=debian\n", "6.1.9");
  assert.equal(installCommand(["tunnel modules"], own), "apt install linux-image-amd64");
});

Deno.test("installCommand() calls packages as the distribution does, or says that it does not know", () => {
  const cases: [string, Part[], string][] = [
    ["ID=ubuntu\nID_LIKE=debian\n", ["tunnel modules"], "apt install linux-modules-extra-5.15.0-91-generic"],
    ["ID=raspbian\nID_LIKE=debian\n", ["nft", "ip", "ss"], "apt install nftables iproute2"],
    ['ID="rocky"\nID_LIKE="rhel centos fedora"\n', ["queue library"], "dnf install libnetfilter_queue"],
    ['ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', ["tunnel modules"], "zypper install kernel-default"],
    ["ID=alpine\n", ["ip"], "apk add iproute2"],
    ['ID="openwrt"\nID_LIKE="lede openwrt"\n', ["tunnel modules"], "opkg install kmod-fou kmod-ipip"],
    ['ID="openwrt"\nVERSION_ID="24.10.2"\n', ["tunnel modules"], "opkg install kmod-fou kmod-ipip"],
    ['ID="openwrt"\nVERSION_ID="25.12.0"\n', ["tunnel modules"], "apk add kmod-fou kmod-ipip"],
    ["ID=constructor\n", ["ss"], "apt install iproute2 (as Debian calls it)"],
    ['ID="openwrt"\nVERSION_ID="snapshot"\n', ["ss"], "opkg install ss"],
    ["ID=arch\n", ["nft"], "pacman -S nftables"],
    ["ID=x\nID_LIKE=archlinux\n", ["nft"], "pacman -S nftables"],
    ["ID=void\n", ["nft"], "apt install nftables (as Debian calls it)"],
  ];
  for (const [text, parts, command] of cases) {
    assert.equal(installCommand(parts, parseDistribution(text, "5.15.0-91-generic")), command);
  }
  assert.deepEqual(parseDistribution(null, "6.1").ids, []);
});

const TOOL = { version: "6.1.0", isBusyBox: false };

function toolFacts(fields: Partial<ToolFacts> = {}): ToolFacts {
  return {
    tools: { ip: TOOL, nft: TOOL, modprobe: TOOL, ss: TOOL },
    queueLibrary: { file: "libnetfilter_queue.so.1.5.0" },
    cLibrary: "glibc 2.36",
    distribution: DEBIAN,
    hasServer: false,
    ...fields,
  };
}

Deno.test("judgeTools() and judgeLibraries() name what is missing by what needs it", () => {
  const { tools } = toolFacts();
  assert.deepEqual(brief(judgeTools(toolFacts())), ["ok: ip 6.1.0, nft 6.1.0, modprobe 6.1.0, ss 6.1.0"]);
  const levelOf = (facts: Partial<ToolFacts>) => brief(judgeTools(toolFacts(facts)))[0];
  assert.equal(levelOf({ tools: { ...tools, ip: null } }), "fault: apt install iproute2");
  const busyBox = parseTool("BusyBox v1.37.0 (2024-12-15) multi-call binary.\n\nUsage: ip [OPTIONS]");
  assert.equal(levelOf({ tools: { ...tools, ip: busyBox } }), "fault: apt install iproute2");
  assert.equal(levelOf({ tools: { ...tools, nft: null } }), "warning: apt install nftables");
  assert.equal(levelOf({ tools: { ...tools, nft: null }, hasServer: true }), "fault: apt install nftables");
  assert.deepEqual(brief(judgeTools(toolFacts({ tools: { ...tools, modprobe: null, ss: null } }))), [
    "warning: apt install kmod",
    "warning: apt install iproute2",
    "ok: ip 6.1.0, nft 6.1.0",
  ]);
  assert.match(brief(judgeTools(toolFacts({ tools: { ...tools, ip: busyBox } })))[1]!, /^ok: nft /);
  const lost = { queueLibrary: { problem: "Cannot load libnetfilter_queue" } };
  assert.deepEqual(brief(judgeLibraries(toolFacts({ queueLibrary: null }))), ["ok: glibc 2.36"]);
  assert.deepEqual(brief(judgeLibraries(toolFacts())), ["ok: glibc 2.36, libnetfilter_queue.so.1.5.0"]);
  assert.deepEqual(brief(judgeLibraries(toolFacts(lost))), [
    "ok: glibc 2.36",
    "fault: apt install libnetfilter-queue1",
  ]);
});

Deno.test("parseTool() reads the versions that programs tell", () => {
  const versions = [
    ["ip utility, iproute2-6.1.0, libbpf 1.1.0\n", "6.1.0"],
    ["ip utility, iproute2-ss190107\n", "ss190107"],
    ["nftables v1.0.6 (Lester Gooch #5)\n", "1.0.6"],
    ["kmod version 30\n+ZSTD +XZ", "30"],
    ["anything", null],
  ];
  for (const [said, version] of versions) assert.equal(parseTool(said!).version, version);
});

Deno.test("judgeRights() tells a user from a root that lacks something, and an unprivileged container", () => {
  const statusOf = (uid: number, bits: string) => parseRights(`Uid:\t0\t${uid}\t0\t0\nCapEff:\t${bits}\n`);
  const judge = (uid: number, bits: string, isContainer = false) =>
    brief(judgeRights({ ...statusOf(uid, bits), isContainer }));
  assert.deepEqual(judge(0, "000001ffffffffff"), ["ok: CAP_NET_ADMIN and CAP_NET_RAW"]);
  assert.deepEqual(judge(1000, "0000000000003000"), ["ok: CAP_NET_ADMIN and CAP_NET_RAW"]);
  assert.deepEqual(judge(1000, "0000000000000000"), ["unseen: run it as root"]);
  const [lacking] = judgeRights({ ...statusOf(0, "0000000000001000"), isContainer: true });
  assert.deepEqual([lacking!.level, lacking!.what], ["fault", "root has no CAP_NET_RAW here"]);
  assert.match(judge(0, "000001ffffffffff", true)[0]!, /^warning: make the container privileged/);
  assert.equal(judgeRights({ ...parseRights(null), isContainer: false })[0]!.level, "unseen");
});

Deno.test("judgeClock() says that no auth packet has a time only where all settings are known", () => {
  const what = (signs: boolean | null) => judgeClock({ time: 1_800_000_000, isKept: false, signs })[0]!.what;
  assert.match(what(false), /^2027-\S+ \S+ UTC, kept right by nothing; no auth packet has a time$/);
  assert.match(what(null), /^2027-\S+ \S+ UTC, kept right by nothing$/);
});

Deno.test("judgeClock() minds a clock only where auth packets are signed", () => {
  const [then, now] = [86_400, Date.parse("2026-11-29T15:00:00Z") / 1000];
  const levelOf = (time: number, isKept: boolean | null, signs = true) =>
    judgeClock({ time, isKept, signs })[0]!.level;
  assert.equal(levelOf(now, true), "ok");
  assert.equal(levelOf(now, null), "ok");
  assert.equal(levelOf(now, false), "warning");
  assert.equal(levelOf(then, true), "fault");
  assert.equal(levelOf(then, false, false), "ok");
  assert.match(judgeClock({ time: then, isKept: null, signs: true })[0]!.what, /1970-01-02 00:00 UTC/);
});
