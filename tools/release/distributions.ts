import type { Target } from "../base.ts";
import { architectureOf } from "../build.ts";
import { OPENRC, procd, type Scripts, SYSTEMD } from "./scripts.ts";

/** The distributions, by extension of their packages. */
export type Distribution = "deb" | "rpm" | "alpine.apk" | "openwrt.ipk" | "openwrt.apk";

/** A distribution's conventions for packages. */
export interface Conventions {
  /** nfpm's name for the format. */
  readonly packager: "deb" | "rpm" | "ipk" | "apk";
  /** Name of the file. */
  readonly name: (version: string, target: Target) => string;
  readonly architecture: (target: Target) => string;
  /** Follows the version. Default: nfpm's. */
  readonly release?: string;
  readonly depends: readonly string[];
  readonly recommends?: readonly string[];
  readonly scripts: (target: Target) => Scripts;
}

/** Debian's names of architectures. */
const DEBIAN_ARCHITECTURE: Record<Target, string> = {
  "x86_64-unknown-linux-gnu": "amd64",
  "aarch64-unknown-linux-gnu": "arm64",
};

const OPENWRT = {
  client: ["ip-full", "kmod-fou", "kmod-ipip"],
  server: ["nftables-json", "kmod-nft-fib", "kmod-nft-queue", "kmod-nfnetlink-queue"],
} as const;

export const DISTRIBUTIONS: Readonly<Record<Distribution, Conventions>> = {
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
    // The alternatives are openSUSE's names.
    depends: ["(iproute or iproute2)", "kmod", "glibc >= 2.27"],
    recommends: ["nftables", "(libnetfilter_queue or libnetfilter_queue1)"],
    scripts: () => SYSTEMD,
  },
  "alpine.apk": {
    packager: "apk",
    name: (version, target) => `ipipou-${version}-alpine-${architectureOf(target)}.apk`,
    architecture: architectureOf,
    release: "r0",
    // apk has no recommendations, and what only a server needs is small.
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
 * OpenWrt has an architecture for each kind of aarch64 processor, and rejects packages of another one. So the package is
 * for all architectures, and a script checks the machine.
 */
function openwrtArchitecture(target: Target, every: string): string {
  return architectureOf(target) === "x86_64" ? "x86_64" : every;
}
