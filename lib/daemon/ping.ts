import { buildPing } from "../packet.ts";
import type { System } from "../ports.ts";
import type { Settings } from "../settings/settings.ts";

/**
 * Pings the other end through the tunnel. The kernel takes the answer: only the device's counts show it.
 *
 * @throws {SysError} when it cannot be sent
 */
export function pingThrough({ peers }: Settings, { openRawSocket, random }: System): void {
  const { device, ip, peerIp } = peers[0]!.tunnel;
  // The device may have been made anew since the last time, and a socket stays with the old one.
  using socket = openRawSocket({ source: ip, device, mark: 0 });
  socket.send(buildPing(ip, peerIp, random.bytes(4), socket.defaultTtl), peerIp);
}
