import type { Target } from "../base.ts";
import { architectureOf } from "../build.ts";
import { OPENRC, procd, type Scripts, SYSTEMD } from "./scripts.ts";

/** What nfpm makes for whom, by the ends of the files' names. */
export type World = "deb" | "rpm" | "alpine.apk" | "openwrt.ipk" | "openwrt.apk";

/** What a world calls things, and what a package does there. */
export interface Customs {
  /** nfpm's name for the format. */
  readonly packager: "deb" | "rpm" | "ipk" | "apk";
  /** Of the file. */
  readonly name: (version: string, target: Target) => string;
  readonly architecture: (target: Target) => string;
  /** What stands behind the version; otherwise nfpm's default. */
  readonly release?: string;
  readonly depends: readonly string[];
  readonly recommends?: readonly string[];
  readonly scripts: (target: Target) => Scripts;
}

/** How Debian calls an architecture. */
const DEBIAN_ARCHITECTURE: Record<Target, string> = {
  "x86_64-unknown-linux-gnu": "amd64",
  "aarch64-unknown-linux-gnu": "arm64",
};

const OPENWRT = {
  client: ["ip-full", "kmod-fou", "kmod-ipip"],
  server: ["nftables-json", "kmod-nft-queue", "kmod-nfnetlink-queue"],
} as const;

export const WORLDS: Readonly<Record<World, Customs>> = {
  deb: {
    packager: "deb",
    name: (version, target) => `ipipou_${version}_${DEBIAN_ARCHITECTURE[target]}.deb`,
    architecture: (target) => DEBIAN_ARCHITECTURE[target],
    depends: ["iproute2", "kmod", "libc6 (>= 2.27)"],
    recommends: ["nftables", "libnetfilter-queue1"],
    scripts: () => SYSTEMD,
  },
  rpm: {
    packager: "rpm",
    name: (version, target) => `ipipou-${version}-1.${architectureOf(target)}.rpm`,
    architecture: architectureOf,
    // The second names are openSUSE's.
    depends: ["(iproute or iproute2)", "kmod", "glibc >= 2.27"],
    recommends: ["nftables", "(libnetfilter_queue or libnetfilter_queue1)"],
    scripts: () => SYSTEMD,
  },
  "alpine.apk": {
    packager: "apk",
    name: (version, target) => `ipipou-${version}-alpine-${architectureOf(target)}.apk`,
    architecture: architectureOf,
    release: "r0",
    // There are no recommendations; what only a server needs is small.
    depends: ["iproute2", "nftables"],
    scripts: () => OPENRC,
  },
  "openwrt.ipk": {
    packager: "ipk",
    name: (version, target) => `ipipou-${version}-openwrt-${architectureOf(target)}.ipk`,
    architecture: (target) => openwrtArchitecture(target, "all"),
    depends: OPENWRT.client,
    recommends: OPENWRT.server,
    scripts: (target) => procd(architectureOf(target)),
  },
  "openwrt.apk": {
    packager: "apk",
    name: (version, target) => `ipipou-${version}-openwrt-${architectureOf(target)}.apk`,
    architecture: (target) => openwrtArchitecture(target, "noarch"),
    release: "r0",
    depends: [...OPENWRT.client, ...OPENWRT.server],
    scripts: (target) => procd(architectureOf(target)),
  },
};

/**
 * OpenWrt has an architecture for each kind of aarch64 processor, and takes no package of another: only one for all of
 * them fits, and a script looks at the machine.
 */
function openwrtArchitecture(target: Target, every: string): string {
  return architectureOf(target) === "x86_64" ? "x86_64" : every;
}
