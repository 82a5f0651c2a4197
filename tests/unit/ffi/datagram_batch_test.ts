import assert from "node:assert/strict";
import { DatagramBatch } from "../../../ffi/datagram_batch.ts";
import {
  NETLINK,
  openNetlink,
  sendToKernel,
  setIntOption,
  SO_RCVBUF,
  SOL_SOCKET,
} from "../../../ffi/descriptors.ts";
import { Libc } from "../../../ffi/libc.ts";
import { messagesIn } from "../../../ffi/netlink_messages.ts";
import { linkRequest } from "../../../ffi/netlink_requests.ts";
import { SysError } from "../../../ffi/sys_error.ts";

const LONGEST = 64 * 1024;

/** Opens a socket that the kernel has sent so many descriptions of lo. */
function answered(libc: Libc, count: number, resources: DisposableStack): number {
  const fd = openNetlink(libc, "lo", NETLINK.route, 0, resources);
  for (let sent = 0; sent < count; sent++) sendToKernel(libc, "ask for lo", fd, linkRequest("lo"));
  return fd;
}

Deno.test("DatagramBatch reads what there is, in order, and as much as it holds at once", () => {
  using libc = new Libc();
  using resources = new DisposableStack();
  const fd = answered(libc, 5, resources);
  const expected = libc.receive("read lo", fd, new Uint8Array(LONGEST))!;
  const batch = new DatagramBatch(3, LONGEST);
  const lengths = () => batch.receive(libc, "read lo", fd).map(({ length }) => length);
  assert.deepEqual(lengths(), [expected, expected, expected]);
  assert.deepEqual(lengths(), [expected]);
  assert.deepEqual(lengths(), []);
  sendToKernel(libc, "ask for none", fd, linkRequest("none"));
  sendToKernel(libc, "ask for lo", fd, linkRequest("lo"));
  const types = batch.receive(libc, "read lo", fd).flatMap((datagram) =>
    messagesIn(datagram).map((message) => message?.type)
  );
  assert.deepEqual(types, [2, 16], "NLMSG_ERROR and RTM_NEWLINK");
});

Deno.test("DatagramBatch truncates a datagram that is too long, and touches no other", () => {
  using libc = new Libc();
  using resources = new DisposableStack();
  const fd = answered(libc, 2, resources);
  const batch = new DatagramBatch(3, 100);
  const datagrams = batch.receive(libc, "read lo", fd);
  assert.deepEqual(datagrams.map(({ length }) => length), [100, 100]);
  for (const datagram of datagrams) assert.deepEqual(messagesIn(datagram), [null]);
  assert.deepEqual([batch.isTruncated(0), batch.isTruncated(1)], [true, true]);
  sendToKernel(libc, "ask for none", fd, linkRequest("none"));
  assert.equal(batch.receive(libc, "read lo", fd).length, 1);
  assert.equal(batch.isTruncated(0), false);
});

Deno.test("receiveAnswers() leaves none after a failure", () => {
  using libc = new Libc();
  using resources = new DisposableStack();
  const fd = openNetlink(libc, "lo", NETLINK.route, 0, resources);
  setIntOption(libc, fd, SOL_SOCKET, SO_RCVBUF, 8192);
  for (let sent = 0; sent < 100; sent++) sendToKernel(libc, "ask for lo", fd, linkRequest("lo"));
  const batch = new DatagramBatch(2, LONGEST);
  assert.throws(() => batch.receiveAnswers(libc, "read lo", fd), /ENOBUFS/);
  assert.deepEqual(batch.receiveAnswers(libc, "read lo", fd), []);
});

Deno.test("DatagramBatch reports a failure", () => {
  using libc = new Libc();
  assert.throws(() => new DatagramBatch(2, 100).receive(libc, "read what is closed", -1), (error) => {
    assert(error instanceof SysError);
    assert.match(error.message, /^Cannot read what is closed: EBADF/);
    return true;
  });
});
