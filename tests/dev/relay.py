"""stdin and stdout to a TCP port on loopback: QEMU's guestfwd starts one of these for each connection a guest makes."""

import os
import select
import socket
import sys

peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
ends = {0: peer.fileno(), peer.fileno(): 1}
while 0 in ends or peer.fileno() in ends:
    ready, _, _ = select.select(list(ends), [], [])
    for fd in ready:
        data = os.read(fd, 65536)
        to = ends[fd]
        if data:
            while data:
                data = data[os.write(to, data):]
        elif fd == 0:
            del ends[0]
            peer.shutdown(socket.SHUT_WR)
        else:
            sys.exit(0)
