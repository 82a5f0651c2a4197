import { README_KEY_PAIR } from "../../auth/vectors.ts";
import { type BadInput, onCommandLine } from "./input.ts";
import { BOTH, OK_CLIENT, WEAK_KEY } from "./phrases.ts";

const README_KEY = README_KEY_PAIR.privateKey.toBase64();
/** A private key that could be a public one, as half of all can. */
const POINT = new Uint8Array(32).fill(3).toBase64();
const OK_SERVER = ["-s", "-b", "192.0.2.1"];

/** Options that require another, or conflict. */
export const FIT: readonly BadInput[] = ([
  [["-s"], "Cannot run without a local address or device: give -b/--fou-local IP or @DEV"],
  ["-s -b :10000", "Cannot run without a local address or device: give -b/--fou-local IP or @DEV"],
  [
    ["-v"],
    "Cannot run as a client without a local tunnel address: give --tunl-ip, the server's --tunl-peer-ip; or, on a server, server = true or -s",
  ],
  [
    [...OK_SERVER, "--fou-private-net", "198.18.0.0/16", "--fou-local-ip-alt", "172.29.0.1"],
    "Cannot use 172.29.0.1 as --fou-local-ip-alt: it is not in 198.18.0.0/16 (--fou-private-net)",
  ],
  [
    "-b 192.0.2.1 --tunl-ip 10.0.0.2",
    "Cannot run as a client without the server's address: give -r/--fou-remote HOST:PORT; or, on a server, server = true or -s",
  ],
  [
    "-b 192.0.2.1 --tunl-ip 10.0.0.2 -r :1",
    "Cannot run as a client without the server's address: give -r/--fou-remote HOST:PORT; or, on a server, server = true or -s",
  ],
  [
    "-b 192.0.2.1 --tunl-ip 10.0.0.2 -r vpn.example.com",
    "Cannot run as a client without the server's UDP port: give -r/--fou-remote HOST:PORT",
  ],
  [
    "-b 192.0.2.1 -r 198.51.100.1:1",
    "Cannot run as a client without a local tunnel address: give --tunl-ip, the server's --tunl-peer-ip",
  ],
  ...["", "--tunl-ttl=99"].map((ttl) =>
    [
      [...OK_CLIENT, "--no-tunl-pmtudisc", ...ttl === "" ? [] : [ttl]],
      `Cannot use --no-tunl-pmtudisc with a TTL of ${
        ttl.slice(11) || 64
      }: without path MTU discovery a tunnel cannot have a TTL of its own; give --tunl-ttl inherit`,
    ] as const
  ),
  [
    [...OK_SERVER, "-r", "192.0.2.7:1,192.0.2.8:1", "--auth-by-remote-ip"],
    "Cannot use several addresses as -r/--fou-remote on a server: a peer has one",
  ],
  [
    [...OK_CLIENT, "--fou-local-port", "1,2"],
    "Cannot use 1,2 as --fou-local-port on a client: it has one UDP port",
  ],
  [
    [...OK_CLIENT, "--routes", "10.0.0.0/8,0.0.0.0/0"],
    "Cannot use 0.0.0.0/0 as --routes: the peer's address 198.51.100.1 is in there, so the tunnel's own packets would be routed into the tunnel; give the device that they leave by (-b/--fou-local @DEVICE), or networks without that address",
  ],
  [
    [...OK_CLIENT, "-r", "vpn.example.com:1", "--routes", "0.0.0.0/0"],
    "Cannot use 0.0.0.0/0 as --routes: the peer's address is in there, so the tunnel's own packets would be routed into the tunnel; give the device that they leave by (-b/--fou-local @DEVICE), or networks without that address",
  ],
  [
    [...OK_CLIENT, "--routes", "0.0.0.0/1,128.0.0.0/1"],
    "Cannot use 0.0.0.0/1 and 128.0.0.0/1 as --routes: the peer's address 198.51.100.1 is in there, so the tunnel's own packets would be routed into the tunnel; give the device that they leave by (-b/--fou-local @DEVICE), or networks without that address",
  ],
  [
    [...OK_CLIENT, "-r", "vpn.example.com:1", "--routes", "128.0.0.0/1,10.0.0.0/8,0.0.0.0/1"],
    "Cannot use 0.0.0.0/1 and 128.0.0.0/1 as --routes: the peer's address is in there, so the tunnel's own packets would be routed into the tunnel; give the device that they leave by (-b/--fou-local @DEVICE), or networks without that address",
  ],
  [
    [...OK_SERVER, "-b", "@eth0", "--routes", "0.0.0.0/1,128.0.0.0/1"],
    "Cannot use 0.0.0.0/1 and 128.0.0.0/1 as --routes on a server: all that it sends would go to that peer; for what the peer may send, give --allowed-ips 0.0.0.0/0",
  ],
  [
    [...OK_SERVER, "--routes", "10.0.0.0/8,0.0.0.0/0"],
    "Cannot use 0.0.0.0/0 as --routes on a server: all that it sends would go to that peer; for what the peer may send, give --allowed-ips 0.0.0.0/0",
  ],
  [
    ["-s", "-b", "@eth0", "--fou-mark", "7", "--routes", "0.0.0.0/0"],
    "Cannot use 0.0.0.0/0 as --routes on a server: all that it sends would go to that peer; for what the peer may send, give --allowed-ips 0.0.0.0/0",
  ],
  [[...OK_SERVER, "--reauth-only"], "Cannot use --reauth-only on a server: it is for clients"],
  [
    [...OK_SERVER, "--auth-by-remote-ip"],
    "Cannot use --auth-by-remote-ip without the address to compare with: give -r/--fou-remote",
  ],
  [
    [...OK_SERVER, "--auth-by-remote-port", "-r", "198.51.100.1"],
    "Cannot use --auth-by-remote-port without the port to compare with: give -r/--fou-remote",
  ],
  [
    [...OK_SERVER, "--tunl-dev", "tunl0"],
    'Cannot use "tunl0" as --tunl-dev: the kernel uses this name itself',
  ],
  [
    [...OK_SERVER, "--fou-dev", "ipipou0"],
    'Cannot use "ipipou0" as --fou-dev: it is the tunnel device itself',
  ],
  [
    [...OK_SERVER, "--tunl-ip", "10.0.0.1", "--tunl-peer-ip", "10.0.0.1"],
    "Cannot use 10.0.0.1 as --tunl-peer-ip: it is also the local tunnel address",
  ],
  [
    [...OK_SERVER, "--tunl-ip", "223.255.255.255"],
    "Cannot use 223.255.255.255 as --tunl-ip: there is no host address next to it, give --tunl-peer-ip",
  ],
  [
    [...OK_CLIENT, "--tunl-ip", "0.0.0.1"],
    "Cannot use 0.0.0.1 as --tunl-ip: there is no host address next to it, give --tunl-peer-ip",
  ],
  [
    [...OK_SERVER, "--fou-local-ip-alt", "192.0.2.1"],
    "Cannot use 192.0.2.1 as -b/--fou-local: it is also the private local address; give another --fou-local-ip-alt",
  ],
  [
    [...OK_CLIENT, "--auth-token", ""],
    "Cannot use (hidden) as --auth-token: must be 1 to 1472 bytes, but it is 0",
  ],
  [
    [...OK_CLIENT, "--auth-token", "é".repeat(737)],
    "Cannot use (hidden) as --auth-token: must be 1 to 1472 bytes, but it is 1474",
  ],
  [
    [...OK_CLIENT, "--auth-token-b64", "RQAAFAAAAAAAAAAAAAAAAAAAAAA="],
    "Cannot use (hidden) as --auth-token-b64: it looks like an IPv4 packet, choose another",
  ],
  [
    [...OK_CLIENT, "--auth-token-b64", "AAAAAAAAAAAAAAAAAAAAABQAAEU=", "--reply-on-auth-ok"],
    "Cannot use (hidden) as --auth-token-b64: reversed, as in replies, it looks like an IPv4 packet, choose another",
  ],
  ...[[...OK_CLIENT, "--reply-on-auth-ok"], OK_SERVER].map((words) =>
    [
      [...words, "--auth-key-b64", POINT, "--auth-remote-pubkey-b64", POINT],
      "Cannot use (hidden) as --auth-remote-pubkey-b64: it is this side's private key; give the far side's public key, the second line of --auth-keygen there",
    ] as const
  ),
  [
    [...OK_CLIENT, "--auth-key-b64", README_KEY, "--auth-secret", "IP2\u0001, and more"],
    "Cannot use (hidden) as --auth-secret: it begins as an extension of an auth packet does, choose another",
  ],
  ...[
    ["-s -b @eth0", "--auth-secret", "x", "--auth-remote-pubkey-b64"],
    ["-s -b @eth0", "--auth-secret-file", "x", "--auth-remote-pubkey-b64"],
    ["-s -b @eth0 -r 192.0.2.9 --auth-by-remote-ip", "--auth-secret", "x", "--auth-remote-pubkey-b64"],
    ["-s -b @eth0", "--auth-key-b64", README_KEY, "--auth-remote-pubkey-b64"],
    [OK_CLIENT.join(" "), "--auth-secret", "x", "--auth-key-file"],
    [OK_CLIENT.join(" "), "--auth-remote-pubkey-b64", POINT, "--auth-key-file"],
  ].map(([words, option, value, missing]) =>
    [
      [...words!.split(" "), option!, value!],
      `Cannot use ${option} without ${missing}: alone it authenticates nothing; give both or neither`,
    ] as const
  ),
  [
    [...OK_CLIENT, "--auth-token-b64="],
    "Cannot use (hidden) as --auth-token-b64: must be 1 to 1472 bytes, but it is 0",
  ],
  [
    [...OK_CLIENT, "--auth-token", "a", "--auth-token-b64", "AAAA"],
    `Cannot use both --auth-token and --auth-token-b64: ${BOTH}`,
  ],
  [
    [...OK_CLIENT, "--auth-token-file", "x", "--auth-token", "a"],
    `Cannot use both --auth-token-file and --auth-token: ${BOTH}`,
  ],
  [
    [...OK_CLIENT, "--auth-key-file", "x", "--auth-key-b64", WEAK_KEY],
    `Cannot use both --auth-key-file and --auth-key-b64: ${BOTH}`,
  ],
  [
    [...OK_CLIENT, "--auth-secret", "x", "--auth-secret-file", "y"],
    `Cannot use both --auth-secret and --auth-secret-file: ${BOTH}`,
  ],
  [
    [...OK_CLIENT, "--fou-local-ip", "192.0.2.2"],
    `Cannot use both -b/--fou-local and --fou-local-ip: ${BOTH}`,
  ],
  [
    [...OK_CLIENT, "--fou-remote-port", "1"],
    `Cannot use both -r/--fou-remote and --fou-remote-port: ${BOTH}`,
  ],
  ["-b @eth0 --fou-dev eth0", `Cannot use both -b/--fou-local and --fou-dev: ${BOTH}`],
] as const).map(onCommandLine);
