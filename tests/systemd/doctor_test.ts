import assert from "node:assert/strict";
import { must, run } from "../../tools/command.ts";
import { IPIPOU } from "../e2e/scenario.ts";
import { type Finding } from "../e2e/practice.ts";

/** What changes the whole machine, and so runs where nothing runs beside it. */

const FOLDER = await Deno.makeTempDir({ prefix: "ipipou-doctor-" });
const CARD = { device: "card", ip: "192.0.2.77" } as const;
/** A client with a key: its auth packets have a time. */
const CLIENT = `number = 1
[fou]
local = "@${CARD.device}"
remote = "192.0.2.1:10001"
[tunl]
ip = "172.28.0.3"
[auth]
key-file = "office.key"
secret-file = "office.secret"
`;

/** What doctor says about a topic. @param before commands of a shell with mounts of its own, before it */
async function examine(topic: string, before = "true"): Promise<Finding[]> {
  const doctor = [
    "sh",
    "-ec",
    `${before}; exec "$0" "$@"`,
    IPIPOU,
    "doctor",
    `${FOLDER}/office.toml`,
    "--json",
  ];
  const { stdout, stderr } = await run(["unshare", "--mount", ...doctor]);
  assert.ok(stdout.startsWith("{"), stdout + stderr);
  const { findings } = JSON.parse(stdout) as { findings: Finding[] };
  return findings.filter((finding) => finding.topic === topic);
}

/** Gives this machine's card, which has no driver yet, a name and an address. */
async function plugCard(): Promise<void> {
  await must(["modprobe", "e1000"]);
  const script = `for path in /sys/class/net/*/device/driver; do
  case $(readlink "$path") in */e1000) basename "$(dirname "$(dirname "$path")")"; esac
done`;
  const name = (await must(["sh", "-ec", script])).trim();
  const { device, ip } = CARD;
  await must(["ip", "-batch", "-"], {
    stdin: `link set dev ${name} down
link set dev ${name} name ${device}
address add ${ip}/24 dev ${device}
link set dev ${device} up
`,
  });
}

Deno.test("ipipou doctor finds what is wrong with a whole machine", async (t) => {
  const keys = await must([IPIPOU, "--auth-keygen"]);
  await Deno.writeTextFile(`${FOLDER}/office.key`, keys.split("\n")[0]!, { mode: 0o600 });
  await Deno.writeTextFile(`${FOLDER}/office.secret`, "open sesame", { mode: 0o600 });
  await Deno.writeTextFile(`${FOLDER}/office.toml`, CLIENT, { mode: 0o644 });
  await Deno.chmod(FOLDER, 0o755);
  await plugCard();
  await t.step("modules that another kernel has, or none", async () => {
    await run(["modprobe", "--remove", "fou", "ipip"]);
    const release = (await must(["uname", "-r"])).trim();
    const empty = "mount -t tmpfs none /lib/modules";
    const [upgraded] = await examine("modules", `${empty}; mkdir /lib/modules/another`);
    assert.match(
      upgraded!.what,
      new RegExp(`^fou and ipip cannot be loaded: there is no /lib/modules/${release}`),
    );
    assert.deepEqual([upgraded!.level, upgraded!.cure], ["fault", "reboot"]);
    const [bare] = await examine("modules", `${empty}; mkdir /lib/modules/${release}; depmod`);
    assert.deepEqual([bare!.level, bare!.what], ["fault", "fou and ipip are not in this kernel's modules"]);
    const [loadable] = await examine("modules");
    assert.deepEqual([loadable!.level, loadable!.what], [
      "ok",
      "fou and ipip will be at a start",
    ]);
  });
  await t.step("a clock that was never set", async () => {
    const before = await examine("clock");
    assert.notEqual(before[0]!.level, "fault");
    const [now, uptime] = [Date.now() / 1000, performance.now() / 1000];
    await must(["date", "--set", "@86400"]);
    try {
      const [clock] = await examine("clock");
      assert.deepEqual([clock!.level, clock!.what], ["fault", "it was never set: 1970-01-02 00:00 UTC"]);
    } finally {
      await must(["date", "--set", `@${now + performance.now() / 1000 - uptime}`]);
    }
  });
  await t.step("a card that groups no packets", async () => {
    const [fine] = await examine("offloads");
    assert.deepEqual([fine!.level, /^GRO and GSO of card are on/.test(fine!.what)], ["ok", true], fine!.what);
    await must(["ethtool", "-K", CARD.device, "gro", "off", "gso", "off"]);
    const off = await examine("offloads");
    assert.deepEqual(off.map(({ level, what }) => `${level}: ${what}`), [
      "warning: rx-gro of card is off",
      "warning: tx-generic-segmentation of card is off",
    ]);
    for (const { cure } of off) await must(cure!.split(" "));
    assert.equal((await examine("offloads"))[0]!.level, "ok");
    await must(["ethtool", "-K", CARD.device, "sg", "off"]);
    const [scattered] = await examine("offloads");
    assert.equal(scattered!.what, "tx-generic-segmentation of card is off");
    await must(scattered!.cure!.split(" "));
    assert.equal((await examine("offloads"))[0]!.level, "ok");
  });
  await must(["modprobe", "--remove", "e1000"]);
  await Deno.remove(FOLDER, { recursive: true });
});
