import assert from "node:assert/strict";
import { must, run } from "../../../tools/command.ts";
import { eventually } from "../../e2e/scenario.ts";

/** A server and a client by an installed package's unit, in the lab, under systemd. */

const EXAMPLES = "/usr/share/doc/ipipou/examples";
export const SETTINGS = "/etc/ipipou";
const UNIT = "/usr/lib/systemd/system/ipipou@.service";
export const ENABLED = "/etc/systemd/system/multi-user.target.wants/ipipou@office.service";
const SERVER = { unit: "ipipou@office", address: "192.0.2.1" } as const;
const CLIENT = { unit: "ipipou@branch", address: "192.0.2.2" } as const;
export const INNER = "172.28.0.2";
export const FAR = ["ip", "netns", "exec", "far"];

/** Lists everything that a package may have left. */
const FIND_OURS = ["find", "/etc", "/usr/bin", "/usr/lib/systemd", "/var/lib", "-xdev", "-name", "*ipipou*"];

async function property(unit: string, name: string): Promise<string> {
  return (await must(["systemctl", "show", "--value", `--property=${name}`, unit])).trim();
}

async function executableOf(unit: string): Promise<string> {
  return await Deno.readLink(`/proc/${await property(unit, "MainPID")}/exe`);
}

/** Removes what an installed ipipou left, if this machine's files have any: the lab sees them. */
export async function removeAll(): Promise<void> {
  await must(["sh", "-c", `rm -rf $(${FIND_OURS.join(" ").replace("*ipipou*", "'*ipipou*'")})`]);
}

/** Connects two hosts, this one, the server, and a network namespace, the client, until disposed of. */
export async function connect(): Promise<AsyncDisposable> {
  await must(["modprobe", "-a", "fou", "ipip"]);
  await must(["ip", "-batch", "-"], {
    stdin: `netns add far
link add eth0 type veth peer eth0 netns far
address add ${SERVER.address}/24 dev eth0
link set dev eth0 up
`,
  });
  await must(["ip", "-n", "far", "-batch", "-"], {
    stdin: `address add ${CLIENT.address}/24 dev eth0
link set dev lo up
link set dev eth0 up
`,
  });
  // The lab's systemd reads units only from this folder.
  await must(["ln", "-s", UNIT, "/run/systemd/system/"]);
  const edit = `/run/systemd/system/${CLIENT.unit}.service.d`;
  await must(["install", "-d", edit]);
  await Deno.writeTextFile(`${edit}/far.conf`, "[Service]\nNetworkNamespacePath=/run/netns/far\n");
  return {
    [Symbol.asyncDispose]: async () => {
      await must(["ip", "netns", "delete", "far"]);
      await must(["rm", "-r", edit, `/run/systemd/system/${UNIT.slice(UNIT.lastIndexOf("/") + 1)}`]);
    },
  };
}

/** Makes the settings of both sides from the examples, as their comments say. */
export async function configure(): Promise<void> {
  const [privateKey = "", publicKey = ""] = (await must(["ipipou", "--auth-keygen"])).split("\n");
  const server = await Deno.readTextFile(`${EXAMPLES}/server.toml`);
  const client = await Deno.readTextFile(`${EXAMPLES}/client.toml`);
  await Deno.writeTextFile(
    `${SETTINGS}/office.toml`,
    server.replace(/^remote-pubkey-b64 = .*/m, `remote-pubkey-b64 = "${publicKey}"`),
  );
  await Deno.writeTextFile(
    `${SETTINGS}/branch.toml`,
    client.replace("server.example", SERVER.address).replaceAll('"office.', '"branch.'),
  );
  const secrets = {
    "office.secret": "open sesame",
    "branch.secret": "open sesame",
    "branch.key": privateKey,
  };
  for (const [name, text] of Object.entries(secrets)) {
    await Deno.writeTextFile(`${SETTINGS}/${name}`, `${text}\n`, { mode: 0o600 });
  }
}

export async function start(): Promise<void> {
  await must(["systemctl", "start", SERVER.unit, CLIENT.unit]);
  await eventually("a ping is answered", async () => {
    return (await run([...FAR, "ping", "-c1", "-W1", INNER])).code === 0;
  });
}

/** Checks that instances keep running the old executable while the package is upgraded. */
export async function upgrade(install: () => Promise<void>): Promise<void> {
  const pid = await property(SERVER.unit, "MainPID");
  await install();
  assert.equal(await property(SERVER.unit, "MainPID"), pid);
  assert.equal(await executableOf(SERVER.unit), "/usr/bin/ipipou (deleted)");
}

/** Moves both instances to the new executable, as the manual says. */
export async function takeOver(): Promise<void> {
  await must(["systemctl", "kill", "--signal=KILL", "ipipou@*"]);
  for (const { unit } of [SERVER, CLIENT]) {
    await eventually(`${unit} is up again`, async () => {
      return await property(unit, "NRestarts") === "1" && await property(unit, "ActiveState") === "active";
    });
    assert.equal(await executableOf(unit), "/usr/bin/ipipou");
  }
}

/** Enables the server, as `systemctl enable` does. */
export async function enable(): Promise<void> {
  await must(["install", "-d", ENABLED.replace(/\/[^/]*$/, "")]);
  await must(["ln", "-s", UNIT, ENABLED]);
}

/** Checks that removing the package stops the instances, removes all that they made, and keeps the settings files. */
export async function remove(uninstall: () => Promise<void>): Promise<void> {
  await uninstall();
  assert.equal(await property(SERVER.unit, "MainPID"), "0");
  assert.equal((await run(["ip", "link", "show", "ipipou1"])).code, 1);
  assert.equal((await run([...FAR, "ip", "link", "show", "ipipou1"])).code, 1);
  assert.equal([...Deno.readDirSync(SETTINGS)].length, 5);
}

/** Checks that nothing but these paths is left. */
export async function onlyHas(paths: readonly string[]): Promise<void> {
  assert.deepEqual((await must(FIND_OURS)).split("\n").filter(Boolean), paths);
}
