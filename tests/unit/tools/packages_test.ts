import assert from "node:assert/strict";
import { missingPackages } from "../../../tools/packages.ts";

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
