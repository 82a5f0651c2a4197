import assert from "node:assert/strict";
import { EXIT } from "../../../lib/errors.ts";
import type { IpFou } from "../../../lib/listing.ts";
import type { Runner } from "../../../lib/kernel/runner.ts";
import type { Surroundings } from "../../../lib/ports.ts";
import { type Ending, FakePrograms, newRunner, readerOf } from "./fake_programs.ts";

/** What is said when `ip` or `nft` is refused, after the command's name. */
async function wordsOn(
  run: (runner: Runner) => Promise<unknown>,
  ending: Ending,
  surroundings: Partial<Surroundings> = {},
  others: Readonly<Record<string, Ending>> = {},
  fou: readonly IpFou[] = [],
): Promise<{ words: string; exitCode: number }> {
  using programs = new FakePrograms({ ip: ending, nft: ending, ...others });
  const error = await run(newRunner(programs, { surroundings, openReader: () => readerOf({ fou }) })).then(
    () => assert.fail("it succeeded"),
    (error) => error,
  );
  return { words: error.message.replace(/^Cannot run .*?': /, ""), exitCode: error.exitCode };
}

const ADD_PORT = "fou add port 10001 ipproto 4 local 192.0.2.1";
const ADD_TUNNEL =
  "link add name p0 type ipip remote 198.51.100.2 local 192.0.2.1 encap fou encap-sport 10001 encap-dport 10001";
const inContainer = { isInnerUserNamespace: () => true };
const upgraded = { releaseWithoutModules: () => "6.1.0-13-amd64" };
const REBOOT =
  "the modules of the running kernel are gone, as after an upgrade (no /lib/modules/6.1.0-13-amd64): reboot";

Deno.test("root of an unprivileged container is told what FOU ports need, and how to get one", async () => {
  const ending = { code: 1, stderr: "RTNETLINK answers: Operation not permitted\nCommand failed -:1\n" };
  const port = await wordsOn((runner) => runner.ip([ADD_PORT]), ending, inContainer);
  assert.equal(
    port.words,
    "Operation not permitted; FOU ports need CAP_NET_ADMIN in the first user namespace, which root of an " +
      "unprivileged container lacks; make the container privileged, or have the host's root add the port: " +
      `nsenter --net=/proc/PID/ns/net ip ${ADD_PORT} (PID: of a process in the container)`,
  );
  assert.equal(port.exitCode, EXIT.ipFou);
  const device = await wordsOn((runner) => runner.ip(["link set dev p0 up"]), ending, inContainer);
  assert.equal(
    device.words,
    "Operation not permitted; in a container, run as root or with CAP_NET_ADMIN, with a network namespace of its own",
  );
  const stderr = "netlink: Error: cache initialization failed: Operation not permitted\n";
  const nft = await wordsOn((runner) => runner.nft(["add table ip x"]), { code: 1, stderr }, inContainer);
  assert.match(
    nft.words,
    /; in a container, run as root or with CAP_NET_ADMIN, with a network namespace of its/,
  );
  const elsewhere = await wordsOn((runner) => runner.ip([ADD_PORT]), ending);
  assert.equal(elsewhere.words, "Operation not permitted; run as root, or with CAP_NET_ADMIN");
});

Deno.test("a kernel with FOU but not for tunnels is told as such, and by the exit code of missing modules", async () => {
  const ending = { code: 1, stderr: "RTNETLINK answers: Invalid argument\nCommand failed -:1\n" };
  const { words, exitCode } = await wordsOn((runner) => runner.ip([ADD_TUNNEL, ADD_PORT]), ending);
  assert.equal(
    words,
    "Invalid argument; this kernel seems to have FOU, but not for tunnels: use one that was built with " +
      "CONFIG_NET_FOU_IP_TUNNELS, as those of most distributions",
  );
  assert.equal(exitCode, EXIT.modprobe);
  const move = await wordsOn((runner) => runner.ip([ADD_TUNNEL.replace("add name", "set dev")]), ending);
  assert.deepEqual(move, { words: "Invalid argument", exitCode: EXIT.ipLink });
});

Deno.test("the modules of a kernel that was upgraded away take a reboot, others are to be loaded", async () => {
  const noFou = {
    code: 1,
    stderr: "RTNETLINK answers: No such file or directory\nError talking to the kernel\n",
  };
  const said = "No such file or directory; Error talking to the kernel";
  const list = (runner: Runner) => runner.ip(["address show", "fou show"]);
  assert.deepEqual(await wordsOn(list, noFou, upgraded), {
    words: `${said}; ${REBOOT}`,
    exitCode: EXIT.modprobe,
  });
  const add = (runner: Runner) => runner.ip([ADD_TUNNEL]);
  const noIpip = { code: 1, stderr: "Error: Unknown device type.\nCommand failed -:1\n" };
  assert.equal((await wordsOn(add, noIpip, upgraded)).words, `Unknown device type.; ${REBOOT}`);
  const noNft = {
    code: 3,
    stderr: "mnl.c:60: Unable to initialize Netlink socket: Protocol not supported\n",
  };
  const addTable = (runner: Runner) => runner.nft(["add table ip ipipou"]);
  const table = await wordsOn(addTable, noNft, upgraded);
  assert.deepEqual(table, { words: `${noNft.stderr.trim()}; ${REBOOT}`, exitCode: EXIT.nft });
  assert.equal(
    (await wordsOn(list, noFou)).words,
    `${said}; load the modules: modprobe -a fou ipip (if it does not find them after an upgrade of the kernel, reboot)`,
  );
  assert.equal(
    (await wordsOn(list, noFou, inContainer)).words,
    `${said}; load the modules on the host: modprobe -a fou ipip`,
  );
  assert.equal((await wordsOn(addTable, noNft)).words, noNft.stderr.trim());
});

Deno.test("who has our FOU port is told by name, as far as that is to be seen", async () => {
  const stderr = "RTNETLINK answers: Address already in use\nCommand failed -:1\n";
  const words = async (fou: readonly IpFou[], sockets: string | null) => {
    const programs = sockets === null ? {} : { ss: { stdout: sockets } };
    return await wordsOn((runner) => runner.ip([ADD_PORT]), { code: 1, stderr }, {}, programs, fou);
  };
  const socket = (local: string, users = "") => `UNCONN 0      0      ${local} 0.0.0.0:*    ${users}\n`;
  const choice = "choose another --fou-local-port, or";
  for (const local of ["192.0.2.1:10001", "0.0.0.0:10001", "0.0.0.0%eth0:10001", "*:10001"]) {
    const users = 'users:(("python3",pid=90,fd=3),("sh",pid=89,fd=3))';
    const others = socket("192.0.2.7:10001", 'users:(("dnsmasq",pid=7,fd=1))') + socket("[::]:10001");
    assert.deepEqual(await words([], others + socket(local, users)), {
      words: `Address already in use; it belongs to python3 (process 90); ${choice} stop that`,
      exitCode: EXIT.ipFou,
    });
  }
  const hidden =
    "Address already in use; it belongs to a program that cannot be seen from here, or the kernel; " +
    `as root, see: ss -lunp sport = :10001; ${choice} stop that`;
  for (const sockets of [socket("192.0.2.1:10001"), "", null]) {
    assert.equal((await words([], sockets)).words, hidden);
  }
  const fou = [{ port: 10_001, ipproto: 47, family: "inet", dev: "eth1" }];
  assert.equal(
    (await words(fou, socket("0.0.0.0%eth1:10001"))).words,
    `Address already in use; it belongs to a FOU port that is not ours; ${choice} remove it: ` +
      "ip fou del port 10001 ipproto 47 dev eth1",
  );
});
