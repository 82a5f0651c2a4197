import { Buffer } from "node:buffer";
import { generateKeyPairSync } from "node:crypto";
import type { Network } from "../lab/network.ts";
import { run } from "../../tools/command.ts";

/** The device at both ends. */
export const WIREGUARD = "wg0";

const SET_UP = ["/usr/bin/python3", "-B", new URL("wireguard.py", import.meta.url).pathname];
const PORT = "51820";
const INNER_NETWORK = "172.31.0.0/24";
const ENDS = {
  server: { outer: "192.0.2.1", inner: "172.31.0.1/24" },
  direct: { outer: "203.0.113.2", inner: "172.31.0.2/24" },
} as const;

/** Makes a WireGuard tunnel between the hosts `server` and `direct`. @returns the server's address in it */
export async function makeWireguard(network: Network): Promise<string> {
  // In a kernel that has it built in there is no such module.
  await run(["modprobe", "wireguard"]);
  const keys = { server: makePair(), direct: makePair() };
  for (const [host, other] of [["server", "direct"], ["direct", "server"]] as const) {
    await network.must(host, ["ip", "link", "add", "name", WIREGUARD, "type", "wireguard"]);
    const peer = [keys[other].publicKey, ENDS[other].outer, INNER_NETWORK];
    await network.must(host, [...SET_UP, WIREGUARD, PORT, keys[host].privateKey, ...peer]);
    await network.must(host, ["ip", "address", "add", ENDS[host].inner, "dev", WIREGUARD]);
    await network.must(host, ["ip", "link", "set", "dev", WIREGUARD, "up"]);
  }
  return ENDS.server.inner.replace("/24", "");
}

/** A key pair of X25519, in base64. */
function makePair(): { privateKey: string; publicKey: string } {
  const { d, x } = generateKeyPairSync("x25519").privateKey.export({ format: "jwk" });
  const toBase64 = (text: string) => Buffer.from(text, "base64url").toString("base64");
  return { privateKey: toBase64(d!), publicKey: toBase64(x!) };
}
