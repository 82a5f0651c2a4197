/** Something that a package of the distribution has. */
export type Part = "ip" | "nft" | "modprobe" | "ss" | "queue library" | "tunnel modules" | "gate modules";

/** Which system this is, by os-release(5). */
export interface Distribution {
  /** ID, then those of ID_LIKE, the nearest first. */
  readonly ids: readonly string[];
  /** The number that VERSION_ID begins with, such as 24.1; null: it has none. */
  readonly version: number | null;
  /** The running kernel's release. */
  readonly release: string;
}

type Packages = Readonly<Record<Part, string>>;

/** How a family of distributions installs a package, and what it calls them. `RELEASE` stands for the kernel's. */
interface Family {
  readonly install: string;
  /** How it does so from a version on. */
  readonly since?: { readonly version: number; readonly install: string };
  readonly packages: Packages;
}

const DEBIAN: Family = {
  install: "apt install",
  packages: {
    ...{ ip: "iproute2", ss: "iproute2", nft: "nftables", modprobe: "kmod" },
    "queue library": "libnetfilter-queue1",
    // Those of clouds and of small boards leave modules out.
    ...{ "tunnel modules": "linux-image-ARCH", "gate modules": "linux-image-ARCH" },
  },
};

const FAMILIES: ReadonlyMap<string, Family> = new Map(Object.entries({
  ubuntu: {
    ...DEBIAN,
    packages: {
      ...DEBIAN.packages,
      ...{ "tunnel modules": "linux-modules-extra-RELEASE", "gate modules": "linux-modules-extra-RELEASE" },
    },
  },
  debian: DEBIAN,
  fedora: {
    install: "dnf install",
    packages: {
      ...{ ip: "iproute", ss: "iproute", nft: "nftables", modprobe: "kmod" },
      "queue library": "libnetfilter_queue",
      ...{ "tunnel modules": "kernel-modules-extra-RELEASE", "gate modules": "kernel-modules-RELEASE" },
    },
  },
  suse: {
    install: "zypper install",
    packages: {
      ...{ ip: "iproute2", ss: "iproute2", nft: "nftables", modprobe: "kmod" },
      "queue library": "libnetfilter_queue1",
      // kernel-default-base leaves modules out.
      ...{ "tunnel modules": "kernel-default", "gate modules": "kernel-default" },
    },
  },
  openwrt: {
    install: "opkg install",
    since: { version: 25.12, install: "apk add" },
    packages: {
      ...{ ip: "ip-full", ss: "ss", nft: "nftables-json", modprobe: "kmod" },
      "queue library": "libnetfilter-queue",
      "tunnel modules": "kmod-fou kmod-ipip",
      "gate modules": "kmod-nft-fib kmod-nft-queue kmod-nfnetlink-queue",
    },
  },
  alpine: {
    install: "apk add",
    packages: {
      ...{ ip: "iproute2", ss: "iproute2", nft: "nftables", modprobe: "kmod" },
      "queue library": "libnetfilter_queue",
      ...{ "tunnel modules": "linux-lts", "gate modules": "linux-lts" },
    },
  },
  arch: {
    install: "pacman -S",
    packages: {
      ...{ ip: "iproute2", ss: "iproute2", nft: "nftables", modprobe: "kmod" },
      "queue library": "libnetfilter_queue",
      ...{ "tunnel modules": "linux", "gate modules": "linux" },
    },
  },
}));

/** What other distributions call a family. */
const OTHER_NAMES: ReadonlyMap<string, string> = new Map([
  ...[["rhel", "fedora"], ["centos", "fedora"], ["opensuse", "suse"], ["archlinux", "arch"]] as const,
]);

/** Reads which distribution this is. @param text of os-release(5); null: there is none */
export function parseDistribution(text: string | null, release: string): Distribution {
  const valueOf = (key: string) =>
    new RegExp(`^${key}=["']?([\\w .-]*)["']?$`, "m").exec(text ?? "")?.[1]?.toLowerCase().split(" ") ?? [];
  const version = Number.parseFloat(valueOf("VERSION_ID")[0] ?? "");
  return {
    ids: [...valueOf("ID"), ...valueOf("ID_LIKE")].filter((id) => id !== ""),
    version: Number.isNaN(version) ? null : version,
    release,
  };
}

/** The command that installs what a host lacks. */
export function installCommand(parts: readonly Part[], { ids, version, release }: Distribution): string {
  const family = ids.map((id) => FAMILIES.get(OTHER_NAMES.get(id) ?? id)).find((found) => found);
  const { since, packages, ...older } = family ?? DEBIAN;
  const install = since !== undefined && (version ?? 0) >= since.version ? since.install : older.install;
  const names = parts.map((part) =>
    packages[part].replace("RELEASE", release).replace("ARCH", architectureOf(release))
  );
  const command = `${install} ${[...new Set(names)].join(" ")}`;
  return family === undefined ? `${command} (as Debian calls it)` : command;
}

/** What Debian calls the kernels for all machines of an architecture: the end of a release such as 6.1.0-13-cloud-amd64. */
function architectureOf(release: string): string {
  return /-([a-z0-9]+)$/.exec(release)?.[1] ?? "amd64";
}
