import assert from "node:assert/strict";
import { type Outcome, run } from "../../tools/command.ts";
import { build } from "../../tools/build.ts";
import { fitsAllPages } from "../read_elf.ts";

/** A processor without pointer authentication, which the default one has and which is slow to emulate. */
const EMULATOR = ["qemu-aarch64-static", "-cpu", "cortex-a53", "-L", "/usr/aarch64-linux-gnu"];

Deno.test("the executable for aarch64 runs and calls C libraries", async (t) => {
  const { path } = await build("aarch64-unknown-linux-gnu");
  const directory = await Deno.makeTempDir({ prefix: "ipipou-aarch64-" });
  const toml = `${directory}/office.toml`;
  await Deno.writeTextFile(toml, 'number = "one"\n', { mode: 0o600 });
  const step = (name: string, argv: string[], check: (outcome: Outcome) => void) =>
    t.step({
      name,
      fn: async () => check(await run(argv)),
      // The steps run in parallel.
      sanitizeOps: false,
      sanitizeResources: false,
      sanitizeExit: false,
    });
  const send = ["-n1", "-b@eth0", "-rlocalhost:10001", "--tunl-ip=172.28.0.3", "--reauth-only"];
  try {
    await Promise.all([
      step("--help", [...EMULATOR, path, "--help"], ({ code, stdout }) => {
        assert.match(stdout, /^Usage: ipipou /);
        assert.equal(code, 0);
      }),
      step("--auth-keygen", [...EMULATOR, path, "--auth-keygen"], ({ code, stdout }) => {
        assert.match(stdout, /^([\w+/]{43}=\n){2}$/);
        assert.equal(code, 0);
      }),
      step("a mistake in its settings", [...EMULATOR, path, "--config", toml], ({ code, stderr }) => {
        assert.match(stderr, /^ipipou: .*office\.toml:1:10\b.*\n$/);
        assert.equal(code, 2);
      }),
      step(
        "devices, and what the C library says of a socket",
        ["setpriv", "--bounding-set=-all", "--inh-caps=-all", ...EMULATOR, path, ...send],
        ({ code, stderr }) => {
          // It has read devices and addresses by then. The emulator has no generic netlink.
          assert.match(
            stderr,
            /^ipipou: Cannot ask for the kernel's FOU ports: EPROTONOSUPPORT \(Protocol not supported\)\n$/,
          );
          assert.notEqual(code, 0);
        },
      ),
    ]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("the executable for aarch64 can be mapped with pages of any size", async () => {
  const { path } = await build("aarch64-unknown-linux-gnu");
  await fitsAllPages(path);
});
