"""Turns grouping of received packets (GRO) of a network device on or off, as ethtool -K does, or spoils checksums.

  features.py gro DEVICE on|off
  features.py spoil IP PORT      sends a UDP datagram with a wrong checksum, ten times a second
"""
import array
import fcntl
import socket
import struct
import sys
import time

SIOCETHTOOL, ETHTOOL_SGRO = 0x8946, 0x2C


def set_gro(device, word):
    value = array.array("I", [ETHTOOL_SGRO, int(word == "on")])
    address, _ = value.buffer_info()
    with socket.socket(type=socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCETHTOOL, struct.pack("16sP16x", device.encode(), address))


def spoil(ip, port):
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as sender:
        while True:
            sender.sendto(struct.pack("!HHHH", 7, int(port), 12, 0xBAD) + b"spoilt", (ip, 0))
            time.sleep(0.1)


globals()[{"gro": "set_gro", "spoil": "spoil"}[sys.argv[1]]](*sys.argv[2:])
