import assert from "node:assert/strict";
import { type PackagedFile, packagedFiles } from "../../../tools/release/contents.ts";
import { nfpmConfig, type Packager } from "../../../tools/release/nfpm.ts";

const RELEASE = { version: "1.2.3", time: 1_767_312_000, executable: "/tmp/ipipou" };

async function textOf(path: string, prefix: string): Promise<string> {
  const { content } = (await packagedFiles(RELEASE, prefix)).find((file) => file.path === path)!;
  assert.equal(typeof content, "string");
  return content as string;
}

/** What nfpm is told to install, as mode and path. */
function installed(packager: Packager, files: readonly PackagedFile[]): string[] {
  const target = "aarch64-unknown-linux-gnu";
  const config = nfpmConfig({ packager, target, release: RELEASE, files, staged: "/staged" }, "/scripts");
  const contents = config["contents"] as { dst: string; file_info: { mode: number } }[];
  return contents.map(({ dst, file_info: { mode } }) => `${mode.toString(8)} ${dst}`);
}

Deno.test("packagedFiles() has the unit run the executable of the prefix, wherever it names one", async () => {
  for (const prefix of ["/usr", "/usr/local"]) {
    const unit = await textOf("lib/systemd/system/ipipou@.service", prefix);
    const named = unit.match(/\/[\w/]*\/bin\/ipipou\b/g);
    assert.deepEqual([...new Set(named)], [`${prefix}/bin/ipipou`]);
    assert.match(unit, /^Documentation=man:ipipou\(8\)$/m);
  }
});

Deno.test("nfpmConfig() calls files and packages as each world does", async () => {
  const files = await packagedFiles(RELEASE, "/usr");
  const [deb, rpm] = [installed("deb", files), installed("rpm", files)];
  assert.ok(deb.includes("755 /usr/bin/ipipou") && rpm.includes("755 /usr/bin/ipipou"));
  assert.ok(deb.includes("644 /usr/share/zsh/vendor-completions/_ipipou"));
  assert.ok(rpm.includes("644 /usr/share/zsh/site-functions/_ipipou"));
  assert.ok(deb.includes("644 /usr/share/doc/ipipou/copyright"));
  assert.ok(rpm.includes("644 /usr/share/doc/ipipou/LICENSE"));
});

Deno.test("nfpmConfig() has a package own the folders that are its alone", async () => {
  const folders = installed("rpm", await packagedFiles(RELEASE, "/usr")).filter((line) =>
    line.startsWith("755 ")
  );
  assert.deepEqual(folders.slice(1), [
    "755 /etc/ipipou",
    "755 /usr/share/doc/ipipou",
    "755 /usr/share/doc/ipipou/docs",
    "755 /usr/share/doc/ipipou/examples",
  ]);
});
