import assert from "node:assert/strict";
import { must, run } from "../../../tools/command.ts";
import { eventually, INNER, PATIENCE, PORT } from "../../e2e/scenario.ts";
import { ADDRESS, type Host, Network } from "../../lab/network.ts";
import { endUnharmed } from "../../lab/pings.ts";
import type { Process } from "../../lab/process.ts";
import { onRouter } from "../../lab/router.ts";
import { MADE, VERSION } from "../made.ts";
import { ALPINE, OPENWRT, PRE_DEINSTALL, scriptOfIpk, unpackApk, unpackIpk } from "../routers.ts";

/** Runs in the lab. The server is OpenWrt's package, with a stand-in for procd; the client is Alpine's. */

const SETTINGS = {
  [`${OPENWRT}/etc/ipipou/office.toml`]: `server = true
number = 1
reply-on-auth-ok = true
[fou]
local = "@eth0"
[auth]
token = "open sesame"
`,
  [`${ALPINE}/etc/ipipou/branch.toml`]: `number = 1
reply-on-auth-ok = true
[fou]
local = "@eth0"
remote = "${ADDRESS.server}:${PORT}"
[tunl]
ip = "${INNER.client}"
[auth]
token = "open sesame"
`,
};

/** The log of Alpine's instance. */
const LOG = `${ALPINE}/var/log/ipipou.log`;

/** Runs a script of OpenWrt's package as opkg does. @returns what it and the stand-in for procd print */
async function opkg(name: string, args: string, env: string): Promise<string> {
  return await must(onRouter(["sh", "-ec", `${env} sh ${scriptOfIpk(name)} ${args}`], OPENWRT));
}

/** The command by which procd would run the instance. */
function commandOf(calls: string): string[] {
  return /^set_param command (.*)$/m.exec(calls)![1]!.split(" ");
}

async function rcService(network: Network, action: string): Promise<void> {
  await network.must("client", onRouter(["rc-service", "ipipou.branch", action], ALPINE));
}

/** Resolves once the client has logged this text. */
async function logged(text: string): Promise<void> {
  await eventually(`the log has ${text}`, async () => (await Deno.readTextFile(LOG)).includes(text));
}

/** The program that runs on a host: its process, and the files it has mapped. */
async function programOn(
  network: Network,
  host: Host,
): Promise<{ pid: number; files: string[] } | undefined> {
  for (const pid of (await must(["ip", "netns", "pids", network.ns(host)])).split("\n").filter(Boolean)) {
    const maps = await Deno.readTextFile(`/proc/${pid}/maps`).catch(() => "");
    const files = [...new Set([...maps.matchAll(/ (\/.*)$/gm)].map(([, file]) => file!))];
    if (files.some((file) => file.includes("/ipipou/ipipou"))) return { pid: Number(pid), files };
  }
  return undefined;
}

/** Checks that the program has mapped only files of the package, and that these are the installed ones. */
async function runsInstalled(network: Network, host: Host, root: string): Promise<void> {
  const { pid, files } = (await programOn(network, host))!;
  // killall finds processes by this name.
  assert.equal(await Deno.readTextFile(`/proc/${pid}/comm`), "ipipou\n");
  assert.ok(files.length > 5);
  for (const file of files) {
    assert.match(file, /\/usr\/lib\/ipipou\/(ipipou|lib\/[^ ]+)$/);
    assert.ok((await Deno.stat(`${root}${file.slice(file.indexOf("/usr/lib/ipipou/"))}`)).isFile);
  }
}

async function startServer(network: Network, command: readonly string[]): Promise<Process> {
  const server = network.spawn("server", onRouter(command, OPENWRT));
  await server.waitForLine(/waiting for clients/, PATIENCE);
  return server;
}

async function upgradeServer(): Promise<void> {
  assert.equal(await opkg("prerm", `upgrade ${VERSION}`, "PKG_UPGRADE=1"), "");
  await must(["rm", "-r", `${OPENWRT}/usr/lib/ipipou`, `${OPENWRT}/usr/bin/ipipou`]);
  await must(unpackIpk(MADE.newerIpk));
  assert.equal(await opkg("postinst", "configure", "PKG_UPGRADE=1"), "");
}

/** Kills the client and checks that OpenRC restarts it from the new executable, and that it takes over. */
async function takeOverClient(network: Network): Promise<void> {
  const countStarts = async () => (await Deno.readTextFile(LOG)).split(" event=set-up ").length - 1;
  const before = await countStarts();
  const { pid, files } = (await programOn(network, "client"))!;
  assert.ok(files.every((file) => file.endsWith(" (deleted)")));
  Deno.kill(pid, "SIGKILL");
  await eventually("the client is up again", async () => {
    const again = await programOn(network, "client");
    return again !== undefined && again.pid !== pid && again.files.length > 5;
  });
  // Before, a signal would end it as any program that has not begun.
  await eventually("it has taken over", async () => await countStarts() > before);
}

Deno.test("packages for routers run without glibc, upgrade without a lost packet, and stop instances when removed", async () => {
  await must(["modprobe", "-a", "fou", "ipip"]);
  await using network = await Network.create({ prefix: "pkg" });
  assert.equal(await opkg("preinst", "install", ""), "");
  assert.equal(await opkg("postinst", "configure", "PKG_UPGRADE=0"), "enable\n");
  for (const [path, text] of Object.entries(SETTINGS)) await Deno.writeTextFile(path, text, { mode: 0o600 });
  await Deno.symlink("ipipou", `${ALPINE}/etc/init.d/ipipou.branch`);

  const command = commandOf(await must(onRouter(["/etc/init.d/ipipou", "start"], OPENWRT)));
  const old = await startServer(network, command);
  await rcService(network, "start");
  await logged(`accepted by ${ADDRESS.server}`);
  await runsInstalled(network, "server", OPENWRT);
  await runsInstalled(network, "client", ALPINE);

  await rcService(network, "reload");
  await logged("reload: no setting changed");

  const flood = network.spawn("client", ["ping", "-i0.01", INNER.server]);
  await upgradeServer();
  await must(unpackApk(MADE.newerApk));
  await old.kill("SIGKILL");
  const server = await startServer(network, command);
  await takeOverClient(network);
  await runsInstalled(network, "server", OPENWRT);
  await runsInstalled(network, "client", ALPINE);
  await endUnharmed(flood, 100);

  await network.must("client", onRouter(["sh", PRE_DEINSTALL, VERSION], ALPINE));
  assert.equal((await network.run("client", ["ip", "link", "show", "ipipou1"])).code, 1);
  assert.equal(await programOn(network, "client"), undefined);
  assert.equal(await opkg("prerm", "remove", "PKG_UPGRADE=0"), "stop\ndisable\n");
  assert.deepEqual(await server.kill(), { code: 0 });
});

Deno.test("OpenWrt's package refuses another architecture, except while an image is built", async () => {
  const install = (env: string) =>
    run(onRouter(["sh", "-c", `uname() { echo mips; }; ${env} . ${scriptOfIpk("preinst")}`], OPENWRT));
  const refused = await install("");
  assert.equal(refused.stderr, "Cannot install: this package is for x86_64, and this machine is mips\n");
  assert.equal(refused.code, 1);
  assert.equal((await install("IPKG_INSTROOT=/root")).code, 0);
  for (const name of ["postinst", "prerm"]) assert.equal(await opkg(name, "", "IPKG_INSTROOT=/root"), "");
});
