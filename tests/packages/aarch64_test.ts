import assert from "node:assert/strict";
import { build } from "../../tools/build.ts";
import { bundle } from "../../tools/bundle.ts";
import { must } from "../../tools/command.ts";
import { prepareMachine, runMachine } from "../lab/aarch64.ts";
import { fitsAllPages } from "../read_elf.ts";

const TARGET = "aarch64-unknown-linux-gnu";

/** Boot and all, on a busy machine. */
const PATIENCE = 600;

/**
 * A server with this machine's C library, and a client out of the bundle, in a namespace of its own: they sign and verify
 * by ed25519, send on raw sockets, and the server takes packets from its queue.
 */
const SCRIPT = `grep -m 1 KernelPageSize /proc/self/smaps
ipipou --version
umask 077
mkdir -p /run/ipipou && cd /run/ipipou
ipipou --auth-keygen > key
echo sesame > secret
ip() { /usr/bin/ip "$@"; }
ip netns add client
ip link add eth0 type veth peer name eth0 netns client
ip link set lo up
ip link set eth0 up
ip address add 192.0.2.1/24 dev eth0
ip -n client link set lo up
ip -n client link set eth0 up
ip -n client address add 192.0.2.2/24 dev eth0

hear() { # who says what: reads its log up to there
  while read -r line; do
    echo "$1: $line"
    case $line in *"$2"*) return ;; esac
  done
  echo "$1 ended without $2"
  return 1
}
mkfifo server client
ipipou -s -n 1 -b @eth0 --reply-on-auth-ok --auth-secret-file secret \\
  --auth-remote-pubkey-b64 "$(tail -n 1 key)" > server 2>&1 &
server=$!
exec 3< server
hear server event=listening <&3
ip netns exec client /usr/lib/ipipou/ipipou -n 1 -b @eth0 -r 192.0.2.1:10001 --tunl-ip 172.28.0.3 \\
  --reply-on-auth-ok --auth-secret-file secret --auth-key-file key > client 2>&1 &
client=$!
exec 4< client
hear client event=accepted <&4
ip netns exec client busybox ping -c 3 172.28.0.2
stop() { # by the signal of its exit code
  kill $1
  wait $1 || [ $? = 143 ]
}
stop $client
stop $server
ip -o link show type ipip
`;

Deno.test("the executable serves a tunnel on aarch64 with pages of 16 KiB, and the bundle is its client", async () => {
  const machine = await prepareMachine();
  const files = await Deno.makeTempDir({ prefix: "ipipou-files-" });
  try {
    await must(["mkdir", "-p", `${files}/usr/bin`, `${files}/usr/lib`]);
    await must(["cp", (await build(TARGET)).path, `${files}/usr/bin/ipipou`]);
    await must(["tar", "-xzf", await bundle(TARGET), "-C", `${files}/usr/lib`]);
    const shown = await runMachine(machine, { files, script: SCRIPT, seconds: PATIENCE });
    assert.match(shown, /^KernelPageSize: +16 kB$/m);
    assert.match(shown, /^client: .* event=accepted /m);
    assert.match(shown, /^3 packets transmitted, 3 packets received/m);
    assert.doesNotMatch(shown, /: ipipou1@/, "both have cleaned up");
  } finally {
    await Deno.remove(files, { recursive: true });
  }
});

Deno.test("the bundle for aarch64 can be mapped with pages of any size", async () => {
  const folder = await Deno.makeTempDir({ prefix: "ipipou-files-" });
  try {
    await must(["tar", "-xzf", await bundle(TARGET), "-C", folder]);
    await fitsAllPages(`${folder}/ipipou/ipipou`);
    for (const { name } of Deno.readDirSync(`${folder}/ipipou/lib`)) {
      await fitsAllPages(`${folder}/ipipou/lib/${name}`);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
