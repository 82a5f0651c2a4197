"""Moves bytes by TCP, and turns off what a network device does for the kernel.

  tcp.py serve               sends back what each connection sends, until it is killed
  tcp.py exchange IP         sends bytes to such a server, and checks what comes back
  tcp.py no-offloads DEVICE  has the kernel make and check checksums and segments itself, as `ethtool -K` would
"""
import ctypes
import fcntl
import socket
import struct
import sys
import threading

PORT = 7001
LENGTH = 200_000
SECONDS = 20

SIOCETHTOOL = 0x8946
# ETHTOOL_SRXCSUM, STXCSUM, SSG, STSO, SGSO, SGRO of linux/ethtool.h
SWITCHES = [0x15, 0x17, 0x19, 0x1F, 0x24, 0x2C]


def echo(connection):
    with connection:
        while data := connection.recv(65536):
            connection.sendall(data)


def serve():
    with socket.create_server(("", PORT)) as listener:
        print("serving", flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=echo, args=[connection], daemon=True).start()


def exchange(address):
    sent = bytes(number % 251 for number in range(LENGTH))
    with socket.create_connection((address, PORT), SECONDS) as connection:
        connection.settimeout(SECONDS)
        threading.Thread(target=connection.sendall, args=[sent], daemon=True).start()
        received = b""
        while len(received) < LENGTH and (data := connection.recv(65536)):
            received += data
    assert received == sent


def no_offloads(device):
    with socket.socket(type=socket.SOCK_DGRAM) as any_socket:
        for switch in SWITCHES:
            value = (ctypes.c_uint32 * 2)(switch, 0)
            request = struct.pack("16sP16x", device.encode(), ctypes.addressof(value))
            fcntl.ioctl(any_socket, SIOCETHTOOL, request)


if sys.argv[1] == "serve":
    serve()
elif sys.argv[1] == "exchange":
    exchange(sys.argv[2])
else:
    no_offloads(sys.argv[2])
