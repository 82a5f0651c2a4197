/** The commands and settings that the documents show, and what tries each of them. */

const ROOT = new URL("../", import.meta.url);

/** A fenced block of commands for a shell, or of settings: one that says its language. */
export interface Block {
  /** Path below the root. */
  readonly document: string;
  /** Of its first line. */
  readonly line: number;
  readonly text: string;
}

/** Why blocks cannot run in the lab's network, and the tests that come closest. */
export interface Elsewhere {
  readonly why: string;
  /** Each as its path below the root and its name, where "…" is any text. */
  readonly tests: readonly (readonly [file: string, name: string])[];
}

/** The one of a block that an end-to-end test runs as it is written. */
const LAB = "lab";
const TASK: Elsewhere = {
  why: "needs the network and much time; .ci/run runs `task test` by these words",
  tests: [["tests/unit/documents_test.ts", "each task that the documents run is there…"]],
};
const PACKAGE: Elsewhere = {
  why: "installs a package into a whole system",
  tests: [
    ["tests/unit/documents_test.ts", "each package that the documents install is one that a release has"],
    ["tests/packages/files_test.ts", "the tar.gz is unpacked into /usr/local, and removed…"],
    ["tests/packages/life/deb_test.ts", "Debian's package upgrades without a lost packet…"],
    ["tests/packages/life/router_test.ts", "packages for routers run without glibc, upgrade…"],
  ],
};
const REPOSITORY: Elsewhere = {
  why: "needs a release, and whole systems that install from it; that test takes the files from the document",
  tests: [
    ["tests/packages/repository_test.ts", "apt of … installs from the release…"],
    ["tests/packages/repository_test.ts", "dnf5 installs from the release…"],
  ],
};
const FOLDER: Elsewhere = {
  why: "needs a system without glibc",
  tests: [["tests/executable/bundle_test.ts", "install can be repeated, leaves a foreign folder alone…"]],
};
const SYSTEMD: Elsewhere = {
  why: "needs systemd",
  tests: [["tests/systemd/unit_test.ts", "ipipou@.service runs tunnels under systemd"], [
    "tests/packages/life/deb_test.ts",
    "Debian's package upgrades without a lost packet…",
  ]],
};
const NETWORKD: Elsewhere = {
  why: "needs systemd-networkd",
  tests: [["tests/e2e/export_test.ts", "what is exported to networkd is a tunnel…"]],
};
const PROCD: Elsewhere = {
  why: "needs OpenWrt's procd",
  tests: [["tests/executable/bundle_test.ts", "procd's init script runs an instance…"]],
};
const OPENRC: Elsewhere = {
  why: "needs OpenRC, which runs in a test of its own",
  tests: [["tests/packages/life/router_test.ts", "packages for routers run without glibc…"]],
};
const PICTURE: Elsewhere = {
  why: "draws a recording by a program of PyPI",
  tests: [["tests/unit/documents_test.ts", "the picture in README is as docs/build.md makes it"]],
};

/** What tries each block: of each document, by how the block's first line begins. */
export const TRIED: Readonly<Record<string, Readonly<Record<string, typeof LAB | Elsewhere>>>> = {
  "README.md": {
    "npx --yes deno@2.8.3 task demo": TASK,
    "npx --yes deno@2.8.3 task build": TASK,
    "install -d /etc/ipipou/hub.peers": LAB,
    "systemctl enable --now ipipou@hub": SYSTEMD,
    "install -d /etc/ipipou &&": LAB,
    "ipipou peer add hub office": LAB,
    "ping -c 3": LAB,
  },
  "docs/build.md": {
    "pip install": PICTURE,
  },
  "docs/export.md": {
    "ipipou export sh": LAB,
    "ipipou export networkd": NETWORKD,
    "ipipou --config office --reauth-only": LAB,
  },
  "docs/hub.md": {
    "server = true": LAB,
    "ipipou peer add hub office": LAB,
  },
  "docs/log.md": {
    // By a stand-in for journalctl that prints the server's log.
    "journalctl -fu": LAB,
  },
  "docs/install.md": {
    "apt install": PACKAGE,
    "rpm --install": PACKAGE,
    "tar -xzf ipipou-1": PACKAGE,
    "apk add": PACKAGE,
    "opkg update": PACKAGE,
    "Types: deb": REPOSITORY,
    "[ipipou]": REPOSITORY,
    "tar -xzf ipipou-x": FOLDER,
    "npx --yes deno@2.8.3 task build": TASK,
    "npx --yes deno@2.8.3 task packages": TASK,
    "chmod 755": SYSTEMD,
    "/etc/init.d/ipipou start": PROCD,
    "ln -s ipipou": OPENRC,
    "ipipou --config office --dry-run": LAB,
    "systemctl kill": SYSTEMD,
    "killall": LAB,
    "tar -tzf": PACKAGE,
  },
  "docs/networks.md": {
    "ip route add default via": LAB,
    "ip rule add fwmark": LAB,
    "number = 1": LAB,
    "sysctl -w": LAB,
    "ip link add vrf1": LAB,
    "iptables -I DOCKER-USER": LAB,
  },
  "docs/pair.md": {
    "install -d /etc/ipipou": LAB,
    "ipipou -s -n 1": LAB,
    "ipipou -n 1": LAB,
    "server = true": LAB,
    "number = 1": LAB,
    "ipipou --config office": LAB,
  },
  "docs/status.md": {
    'echo \'{"get":"status"}\'': LAB,
  },
  "docs/troubleshooting.md": {
    "nft add rule": LAB,
    "ping -c 3": LAB,
    "[tunl]": LAB,
    "modprobe -a fou ipip": LAB,
    "mkdir -p /etc/systemd": SYSTEMD,
    "env -i": LAB,
  },
};

/** All documents: their texts by their paths below the root. */
export function readDocuments(): ReadonlyMap<string, string> {
  const names = [...Deno.readDirSync(new URL("docs", ROOT))].map(({ name }) => name);
  const documents = names.filter((name) => name.endsWith(".md")).sort().map((name) => `docs/${name}`);
  const paths = ["README.md", "SECURITY.md", ...documents];
  return new Map(paths.map((path) => [path, Deno.readTextFileSync(new URL(path, ROOT))]));
}

/** The blocks of commands and settings in a document, without the indentation of a list. */
export function blocksIn(document: string, markdown: string): Block[] {
  return [...markdown.matchAll(/^( *)```\w+\n(.*?)^ *```$/gms)].map((found) => {
    const [, indent, text] = found;
    return {
      document,
      line: markdown.slice(0, found.index).split("\n").length + 1,
      text: text!.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
    };
  });
}

/** A line for each block that nothing tries, or two things, and for each entry of the table that has no block. */
export function untried(blocks: readonly Block[], tried: typeof TRIED): string[] {
  const entries = Object.entries(tried).flatMap(([document, ways]) =>
    Object.keys(ways).map((begins) => ({ document, begins }))
  );
  const isOf = (block: Block) => (entry: { document: string; begins: string }) =>
    entry.document === block.document && block.text.startsWith(entry.begins);
  const counts = blocks.map((block) => ({ block, count: entries.filter(isOf(block)).length }));
  return [
    ...counts.filter(({ count }) => count !== 1).map(({ block: { document, line, text }, count }) =>
      `${document}:${line}: ${count} tests for the block "${text.split("\n", 1)}"`
    ),
    ...entries.filter((entry) => blocks.filter((block) => isOf(block)(entry)).length !== 1)
      .map(({ document, begins }) => `${document}: not one block begins with "${begins}"`),
  ];
}
