import type { Endpoint } from "../lib/packet.ts";
import { AF_INET, bindToDevice, openSocket, SOCK_DGRAM, socketAddress } from "./descriptors.ts";
import { Libc } from "./libc.ts";
import { SysError } from "./sys_error.ts";

const KIND = { family: AF_INET, type: SOCK_DGRAM, protocol: 0 };

/**
 * Whether nothing has a UDP port of this host: it is taken for a moment. A few system calls, however many ports there are.
 *
 * @param device the device that its owner would be bound to; null: none
 * @returns false also where that cannot be told, as without the address
 */
export function isPortFree(port: Endpoint, device: string | null): boolean {
  try {
    holdPort(port, device)[Symbol.dispose]();
    return true;
  } catch (error) {
    if (!(error instanceof SysError)) throw error;
    return false;
  }
}

/** Takes a UDP port of this host, and reads nothing: who sends there is not told that nobody has it. @throws {SysError} */
export function holdPort({ ip, port }: Endpoint, device: string | null): Disposable {
  using resources = new DisposableStack();
  const libc = resources.use(new Libc());
  const action = `bind to ${ip}:${port}`;
  const fd = openSocket(libc, action, KIND, resources);
  if (device !== null) bindToDevice(libc, action, fd, device);
  const address = socketAddress(ip, port);
  libc.check(action, "bind", libc.symbols.bind(fd, address, address.length));
  return resources.move();
}
