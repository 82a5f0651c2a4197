import assert from "node:assert/strict";
import type { Target } from "../../../tools/base.ts";
import { below, openwrtFiles, type PackagedFile, packagedFiles } from "../../../tools/release/contents.ts";
import type { Keys } from "../../../tools/release/keys.ts";
import { nfpmConfig } from "../../../tools/release/nfpm.ts";
import { type Distribution, DISTRIBUTIONS } from "../../../tools/release/distributions.ts";
import { sourceTime } from "../../../tools/release/packages.ts";
import { useBase } from "../../../tools/release/release.ts";

const RELEASE = { version: "1.2.3", time: 1_767_312_000 };
const NO_KEYS = { openpgp: null, apk: null, opkg: null };
const TARGET: Target = "aarch64-unknown-linux-gnu";

function files(prefix: string): Promise<PackagedFile[]> {
  return packagedFiles(RELEASE, "/tmp/ipipou", prefix);
}

async function textOf(path: string, prefix: string): Promise<string> {
  const { content } = (await files(prefix)).find((file) => file.path === path)!;
  assert.equal(typeof content, "string");
  return content as string;
}

/** What nfpm is told to install, as mode and path, or path and what it is a link to. */
function installed(distribution: Distribution, files: readonly PackagedFile[]): string[] {
  const config = nfpmConfig(
    { distribution, target: TARGET, release: RELEASE, files, staged: "/staged", keys: NO_KEYS },
    "/scripts",
  );
  const contents = config["contents"] as { src: string; dst: string; file_info?: { mode: number } }[];
  return contents.map(({ src, dst, file_info }) =>
    file_info === undefined ? `${dst} -> ${src}` : `${file_info.mode.toString(8)} ${dst}`
  );
}

Deno.test("packagedFiles() makes the unit run the executable of the prefix everywhere", async () => {
  for (const prefix of ["/usr", "/usr/local"]) {
    const unit = await textOf("lib/systemd/system/ipipou@.service", prefix);
    const named = unit.match(/\/[\w/]*\/bin\/ipipou\b/g);
    assert.deepEqual([...new Set(named)], [`${prefix}/bin/ipipou`]);
    assert.match(unit, /^Documentation=man:ipipou\(8\)$/m);
  }
});

Deno.test("nfpmConfig() names files and packages by each distribution's conventions", async () => {
  const usr = below("usr", await files("/usr"));
  const [deb, rpm] = [installed("deb", usr), installed("rpm", usr)];
  assert.ok(deb.includes("755 /usr/bin/ipipou") && rpm.includes("755 /usr/bin/ipipou"));
  assert.ok(deb.includes("644 /usr/share/zsh/vendor-completions/_ipipou"));
  assert.ok(rpm.includes("644 /usr/share/zsh/site-functions/_ipipou"));
  assert.ok(deb.includes("644 /usr/share/doc/ipipou/copyright"));
  assert.ok(rpm.includes("644 /usr/share/doc/ipipou/LICENSE"));
});

Deno.test("nfpmConfig() makes a package own the folders that only it uses", async () => {
  const folders = installed("rpm", below("usr", await files("/usr"))).filter((line) =>
    line.startsWith("755 ")
  );
  assert.deepEqual(folders.slice(1), [
    "755 /etc/ipipou",
    "755 /usr/share/doc/ipipou",
    "755 /usr/share/doc/ipipou/docs",
    "755 /usr/share/doc/ipipou/examples",
  ]);
});

Deno.test("openwrtFiles() has the bundle in its folder, and the files of procd and sysupgrade", async () => {
  const bundle = await Deno.makeTempDir({ prefix: "ipipou-bundle-" });
  try {
    for (const folder of ["lib", "licences"]) await Deno.mkdir(`${bundle}/${folder}`);
    for (const name of ["lib/ld.so", "licences/MIT"]) await Deno.writeTextFile(`${bundle}/${name}`, "");
    assert.deepEqual(installed("openwrt.ipk", await openwrtFiles(bundle)), [
      "755 /usr/lib/ipipou/ipipou",
      "/usr/bin/ipipou -> /usr/lib/ipipou/ipipou",
      "755 /etc/init.d/ipipou",
      "755 /usr/lib/ipipou/lib/ld.so",
      "644 /usr/lib/ipipou/licences/MIT",
      "644 /lib/upgrade/keep.d/ipipou",
      "755 /etc/ipipou",
      "755 /usr/lib/ipipou",
      "755 /usr/lib/ipipou/lib",
      "755 /usr/lib/ipipou/licences",
    ]);
  } finally {
    await Deno.remove(bundle, { recursive: true });
  }
});

Deno.test("the OpenWrt package for aarch64 is for all processors, which its script checks", () => {
  const { architecture, scripts } = DISTRIBUTIONS["openwrt.ipk"];
  assert.equal(architecture(TARGET), "all");
  assert.equal(DISTRIBUTIONS["openwrt.apk"].architecture(TARGET), "noarch");
  assert.match(scripts(TARGET).preinstall!, /"\$\(uname -m\)" = aarch64 /);
});

Deno.test("nfpmConfig() has rpms and apks signed by keys in files, and nothing by a key of an agent", () => {
  const signed = (distribution: Distribution, openpgp: Keys["openpgp"]) => {
    const keys = { openpgp, apk: "/keys/release.rsa", opkg: "/keys/opkg.sec" };
    const options = { distribution, target: TARGET, release: RELEASE, files: [], staged: "/staged", keys };
    const config = nfpmConfig(options, "/scripts") as Record<string, { signature?: unknown }>;
    return ["rpm", "apk"].map((packager) => config[packager]!.signature);
  };
  const apk = JSON.parse('{"key_file":"/keys/release.rsa","key_name":"release.rsa.pub"}');
  assert.deepEqual(signed("rpm", { file: "/keys/a.asc" }), [{ key_file: "/keys/a.asc" }, apk]);
  assert.deepEqual(signed("rpm", { name: "0123ABCD" }), [undefined, apk]);
});

Deno.test("nfpmConfig() has the release's time, and one line of description for apk alone", () => {
  const configOf = (distribution: Distribution) =>
    nfpmConfig(
      { distribution, target: TARGET, release: RELEASE, files: [], staged: "/staged", keys: NO_KEYS },
      "/scripts",
    );
  const lines = (distribution: Distribution) =>
    String(configOf(distribution)["description"]).split("\n").length;
  assert.deepEqual((["alpine.apk", "openwrt.apk", "deb", "rpm"] as const).map(lines), [1, 1, 3, 3]);
  assert.equal(configOf("deb")["mtime"], "2026-01-02T00:00:00.000Z");
});

Deno.test("sourceTime() is the time that is given, or the commit's, and nothing else is taken for one", async () => {
  assert.equal(await sourceTime("1767312000"), 1_767_312_000);
  const now = Math.floor(Date.now() / 1000);
  const times = [await sourceTime(undefined), await sourceTime("")];
  for (const time of times) {
    assert.ok(Number.isInteger(time) && time > RELEASE.time && time <= now, `${time}`);
  }
  for (const wrong of ["yesterday", "1e9", "-1", "1767312000.5", " 1767312000", "1767312000000"]) {
    await assert.rejects(sourceTime(wrong), { message: `SOURCE_DATE_EPOCH must be Unix seconds: ${wrong}` });
  }
});

Deno.test("useBase() has a base binary used until disposed of, and no longer", () => {
  const before = Deno.env.get("DENORT_BIN");
  {
    using _first = useBase("/first");
    using _second = useBase("/second");
    assert.equal(Deno.env.get("DENORT_BIN"), "/second");
  }
  assert.equal(Deno.env.get("DENORT_BIN"), before);
});
