import assert from "node:assert/strict";
import { must, run } from "../../tools/command.ts";
import { onRouter, ROUTER } from "../lab/router.ts";

const IPIPOU = new URL("../../dist/ipipou", import.meta.url).pathname;

/** Runs a shell script on the router. */
async function shell(script: string): Promise<string> {
  return await must(onRouter(["sh", "-ec", script]));
}

Deno.test("the bundle runs without glibc, from another disk, with only its own libraries", async () => {
  assert.equal(
    (await run(["chroot", ROUTER, "/own/ip", "-V"])).code,
    127,
    "there is no loader but the bundle's",
  );
  assert.equal(await must(onRouter(["ipipou", "--version"])), await must([IPIPOU, "--version"]));
  assert.equal(
    await shell("realpath /usr/bin/ipipou /usr/lib/ipipou"),
    "/mnt/usb/ipipou/ipipou\n/mnt/usb/ipipou\n",
  );
  assert.equal(
    await shell("ipipou cleanup -n1"),
    "nothing of ipipou1 to remove\n",
    "it finds and runs ip and nft",
  );
});

Deno.test("the bundle has the licences of everything in it, and tells where the sources are", async () => {
  const licences = `${ROUTER}/mnt/usb/ipipou/licences`;
  const readme = await Deno.readTextFile(`${licences}/README`);
  const named = [...readme.matchAll(/\(files? ([^)]*)\)/g)].flatMap(([, names]) => names!.split(", "));
  const present = await Array.fromAsync(Deno.readDir(licences), ({ name }) => name);
  assert.deepEqual([...new Set(named), "README"].sort(), present.sort());
  assert.match(readme, /^ {2}glibc=\d/m);
  assert.match(readme, /^ {2}libnetfilter-queue=\d/m);
  for await (const { name } of Deno.readDir(`${ROUTER}/mnt/usb/ipipou/lib`)) {
    assert.ok(readme.includes(name.split(/[-.]/)[0]!), name);
  }
});

Deno.test("procd's init script runs an instance for each settings file, and reloads it by SIGHUP", async () => {
  const instance = (name: string) =>
    `open_instance ${name}\n` +
    `set_param command /usr/bin/ipipou --config ${name} --no-log-time --no-log-pid\n` +
    "set_param respawn 3600 5 0\nset_param term_timeout 60\nset_param stdout 1\nset_param stderr 1\nclose_instance \n";
  const init = (...argv: string[]) => shell(`/etc/init.d/ipipou ${argv.join(" ")}`);
  assert.equal(await init("start"), "", "without settings there is nothing to run");
  try {
    await shell("touch /etc/ipipou/home.toml /etc/ipipou/office.toml /etc/ipipou/office.key");
    assert.equal(await init("start"), instance("home") + instance("office"));
    assert.equal(await init("start", "office"), instance("office"));
    assert.equal(await init("reload"), "send_signal ipipou * HUP\n");
    assert.equal(await init("reload", "home"), "send_signal ipipou home HUP\n");
  } finally {
    await shell("rm /etc/ipipou/*");
  }
});

Deno.test("install can be repeated, leaves a foreign folder alone, and can be undone", async () => {
  const install = "/mnt/usb/ipipou/install";
  const list =
    "ls -ld /usr/bin/ipipou /usr/lib/ipipou /etc/init.d/ipipou /etc/ipipou 2>/dev/null | sed 's/.* \\//\\//' || :";
  const installed = await shell(list);
  assert.equal(installed.split("\n").length, 5, installed);
  await shell(install);
  assert.equal(await shell(list), installed);
  await shell(`${install} --remove`);
  assert.equal(await shell(list), "/etc/ipipou\n");
  await shell("mkdir /usr/lib/ipipou");
  const refused = await run(onRouter([install]));
  assert.equal(refused.stderr, "Cannot install: /usr/lib/ipipou is there already; remove it\n");
  assert.equal(refused.code, 1);
  await shell(`rmdir /usr/lib/ipipou; ${install}`);
  assert.equal(await shell(list), installed);
});
