import assert from "node:assert/strict";
import { cacheDirectory, kernelOf, packagesOf } from "../../lab/kernel.ts";

const SHOWN = `Package: linux-image-amd64
Version: 6.12.95-1~bpo12+1
Depends: linux-image-6.12.95+deb12-amd64 (= 6.12.95-1~bpo12+1)

Package: linux-image-amd64
Version: 6.1.192-2
Depends: linux-image-6.1.0-56-amd64 (= 6.1.192-2)
Description: for Linux 6.12
`;

Deno.test("kernelOf() takes the first version offered, or the first of the line asked for", () => {
  const newest = { name: "linux-image-6.12.95+deb12-amd64", version: "6.12.95-1~bpo12+1" };
  assert.deepEqual(kernelOf(SHOWN), newest);
  assert.deepEqual(kernelOf(SHOWN, "6.12"), newest);
  assert.deepEqual(kernelOf(SHOWN, "6.1"), { name: "linux-image-6.1.0-56-amd64", version: "6.1.192-2" });
});

Deno.test("kernelOf() finds no other line, and nothing in no output", () => {
  assert.equal(kernelOf(SHOWN, "6.11"), undefined);
  assert.equal(kernelOf(SHOWN, "5.10"), undefined);
  assert.equal(kernelOf(""), undefined);
});

Deno.test("packagesOf() is the image package, or those that have its files since Debian 14", () => {
  const whole = "Package: linux-image-6.1.0-56-amd64\nDepends: kmod, linux-base (>= 4.3~), initramfs-tools\n";
  assert.deepEqual(packagesOf("linux-image-6.1.0-56-amd64", whole), ["linux-image-6.1.0-56-amd64"]);
  const split = "Package: linux-image-7.2.12+deb14-amd64\n" +
    "Depends: dracut | initramfs-tools, linux-base-7.2.12+deb14-amd64 (= 7.2.12-1), " +
    "linux-binary-7.2.12+deb14-amd64 (= 7.2.12-1), linux-modules-7.2.12+deb14-amd64 (= 7.2.12-1)\n";
  assert.deepEqual(packagesOf("linux-image-7.2.12+deb14-amd64", split), [
    "linux-base-7.2.12+deb14-amd64",
    "linux-binary-7.2.12+deb14-amd64",
    "linux-modules-7.2.12+deb14-amd64",
  ]);
});

Deno.test("cacheDirectory() is IPIPOU_LAB_DIR, or in the user's cache", () => {
  const of = (env: Record<string, string>) => cacheDirectory((name) => env[name]);
  assert.equal(of({ IPIPOU_LAB_DIR: "/srv/lab", XDG_CACHE_HOME: "/x", HOME: "/h" }), "/srv/lab");
  assert.equal(of({ XDG_CACHE_HOME: "/x", HOME: "/h" }), "/x/ipipou-lab");
  assert.equal(of({ HOME: "/h" }), "/h/.cache/ipipou-lab");
  assert.equal(of({ IPIPOU_LAB_DIR: "", XDG_CACHE_HOME: "", HOME: "" }), "/root/.cache/ipipou-lab");
});
