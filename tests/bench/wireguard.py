"""Sets up a WireGuard device with one peer, by generic netlink, as `wg set` does.

  wireguard.py DEVICE PORT PRIVATE_KEY PEER_KEY PEER_IP PEER_NETWORK     keys in base64
"""
import base64
import socket
import struct
import sys

GENERIC = 16
NLM_REQUEST_ACK = 0x5
NLMSG_ERROR = 2
NESTED = 0x8000
CTRL = {"id": 16, "get family": 3, "family id": 1, "family name": 2}
SET_DEVICE = 1
DEVICE = {"name": 2, "private key": 3, "port": 6, "peers": 8}
PEER = {"key": 1, "endpoint": 4, "allowed": 9}
ALLOWED = {"family": 1, "address": 2, "length": 3}


def attribute(kind, value):
    return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def request(netlink, family, command, attributes):
    """Sends a request; returns the attributes of the answer, if there is one before the acknowledgement."""
    body = struct.pack("=BBH", command, 1, 0) + attributes
    netlink.send(struct.pack("=IHHII", 16 + len(body), family, NLM_REQUEST_ACK, 0, 0) + body)
    answer = b""
    while True:
        message = netlink.recv(65536)
        if struct.unpack_from("=H", message, 4)[0] != NLMSG_ERROR:
            answer = message[20:]
            continue
        error = -struct.unpack_from("=i", message, 16)[0]
        if error:
            raise OSError(error, "the kernel refused a request about WireGuard")
        return answer


def family_of(netlink, name):
    rest = request(netlink, CTRL["id"], CTRL["get family"], attribute(CTRL["family name"], name + b"\0"))
    while rest:
        length, kind = struct.unpack_from("=HH", rest)
        if kind == CTRL["family id"]:
            return struct.unpack_from("=H", rest, 4)[0]
        rest = rest[length + 3 & ~3:]
    raise SystemExit("The kernel told no family of " + name.decode())


device, port, private, key, address, network = sys.argv[1:]
prefix, bits = network.split("/")
everything = b"".join([
    attribute(ALLOWED["family"], struct.pack("=H", socket.AF_INET)),
    attribute(ALLOWED["address"], socket.inet_aton(prefix)),
    attribute(ALLOWED["length"], bytes([int(bits)])),
])
endpoint = struct.pack("=H", socket.AF_INET) + struct.pack("!H", int(port)) + socket.inet_aton(address) + bytes(8)
peer = b"".join([
    attribute(PEER["key"], base64.b64decode(key)),
    attribute(PEER["endpoint"], endpoint),
    attribute(PEER["allowed"] | NESTED, attribute(NESTED, everything)),
])
with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, GENERIC) as netlink:
    netlink.bind((0, 0))
    request(netlink, family_of(netlink, b"wireguard"), SET_DEVICE, b"".join([
        attribute(DEVICE["name"], device.encode() + b"\0"),
        attribute(DEVICE["private key"], base64.b64decode(private)),
        attribute(DEVICE["port"], struct.pack("=H", int(port))),
        attribute(DEVICE["peers"] | NESTED, attribute(NESTED, peer)),
    ]))
