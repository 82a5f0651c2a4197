"""Sends a ping in an outer packet so large that it goes in fragments, and waits for the answer.

  fragments.py PORT TOKEN INNER_SOURCE INNER_DESTINATION
      authenticates by the token from this UDP port, sends the ping from there, and prints "answered"
"""
import socket
import struct
import sys

SERVER = ("192.0.2.1", 10001)
LENGTH = 2000
SECONDS = 20
IP_MTU_DISCOVER, IP_PMTUDISC_DONT = 10, 0


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!H", ~total & 0xFFFF)


def with_checksum(data, offset):
    return data[:offset] + checksum(data) + data[offset + 2 :]


def ping(source, destination):
    echo = with_checksum(struct.pack("!BBHHH", 8, 0, 0, 1, 1) + bytes(LENGTH), 2)
    addresses = socket.inet_aton(source) + socket.inet_aton(destination)
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(echo), 1, 0, 64, socket.IPPROTO_ICMP, 0)
    return with_checksum(header + addresses, 10) + echo


port, token, source, destination = sys.argv[1:]
with socket.socket(type=socket.SOCK_DGRAM) as outer:
    outer.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
    outer.settimeout(SECONDS)
    outer.bind(("", int(port)))
    outer.sendto(token.encode(), SERVER)
    # Only what arrives after the server has let us in is answered.
    outer.settimeout(0.5)
    for _ in range(2 * SECONDS):
        outer.sendto(ping(source, destination), SERVER)
        try:
            answer = outer.recv(65535)
        except TimeoutError:
            continue
        assert answer[12:20] == socket.inet_aton(destination) + socket.inet_aton(source)
        assert answer[20] == 0, "an echo reply"
        print("answered")
        break
