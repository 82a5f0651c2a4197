import assert from "node:assert/strict";
import { missingPackages } from "../../../tools/packages.ts";

Deno.test("missingPackages() keeps the order asked for and counts only what is fully installed", () => {
  const output = "ii  kmod\nun  busybox\nhi  nftables\nrc  cpio\niF  conntrack\n";
  assert.deepEqual(
    missingPackages(["nftables", "cpio", "kmod", "conntrack", "busybox", "tcpdump"], output),
    ["cpio", "conntrack", "busybox", "tcpdump"],
  );
});

Deno.test("missingPackages() finds nothing installed in the output of a dpkg-query that failed", () => {
  assert.deepEqual(missingPackages(["kmod"], ""), ["kmod"]);
});
