import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { aptGet, missingPackages } from "../../../tools/packages.ts";

/** Holds a lock as apt does, until its standard input ends. */
const HOLD = `
import fcntl, sys
with open(sys.argv[1], "w") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    print("held", flush=True)
    sys.stdin.read()
`;

Deno.test("missingPackages() keeps the given order, and counts only fully installed packages", () => {
  const output = "ii  kmod\nun  busybox\nhi  nftables\nrc  cpio\niF  conntrack\n";
  assert.deepEqual(
    missingPackages(["nftables", "cpio", "kmod", "conntrack", "busybox", "tcpdump"], output),
    ["cpio", "conntrack", "busybox", "tcpdump"],
  );
});

Deno.test("missingPackages() finds nothing installed if dpkg-query fails", () => {
  assert.deepEqual(missingPackages(["kmod"], ""), ["kmod"]);
});

Deno.test("aptGet() waits for another apt-get that updates the lists", async () => {
  const folder = await Deno.makeTempDir({ prefix: "ipipou-apt-" });
  try {
    await Deno.mkdir(`${folder}/lists/partial`, { recursive: true });
    await Deno.writeTextFile(`${folder}/sources.list`, "");
    const options = [
      `Dir::Etc::SourceList=${folder}/sources.list`,
      "Dir::Etc::SourceParts=-",
      `Dir::State::Lists=${folder}/lists`,
      `Dir::Cache=${folder}`,
    ].flatMap((option) => ["-o", option]);
    const holder = spawn("/usr/bin/python3", ["-c", HOLD, `${folder}/lists/lock`]);
    const ended = once(holder, "close");
    await once(holder.stdout, "data");
    let waits = 0;
    await aptGet([...options, "update"], {}, async () => {
      waits++;
      holder.stdin.end();
      await ended;
    });
    assert.equal(waits, 1);
    const elsewhere = ["-o", `Dir::State::Lists=${folder}/sources.list`];
    await assert.rejects(
      aptGet([...options, ...elsewhere, "update"], {}, () => assert.fail("it waits")),
      /apt-get .*: exit code 100/,
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
