"""Asks by ARP for an address on a device; prints "answer" or "silence". Arguments: device, own address, address."""

import socket
import struct
import sys

device, own, wanted = sys.argv[1:]
sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
sock.bind((device, 0x0806))
sock.settimeout(1)
mac = sock.getsockname()[4]
request = struct.pack("!HHBBH", 1, 0x0800, 6, 4, 1)
ips = [socket.inet_aton(ip) for ip in (own, wanted)]
sock.send(b"\xff" * 6 + mac + b"\x08\x06" + request + mac + ips[0] + bytes(6) + ips[1])
try:
    while True:
        frame = sock.recv(128)
        if frame[20:22] == b"\0\2" and frame[28:32] == ips[1]:
            print("answer")
            break
except TimeoutError:
    print("silence")
