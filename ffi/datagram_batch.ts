import { constants } from "node:os";
import { IS_LITTLE_ENDIAN } from "./descriptors.ts";
import { type Libc, MSG_DONTWAIT, MSG_TRUNC } from "./libc.ts";

/** Bytes of struct mmsghdr and struct iovec, and where fields are in the first: msg_iov, msg_iovlen, msg_flags, msg_len. */
const MMSGHDR = 64;
const IOVEC = 16;
const [MSG_IOV, MSG_IOVLEN, MSG_FLAGS, MSG_LEN] = [16, 24, 48, 56];

/** Reads up to so many datagrams at once. What was read is good until the next time. */
export class DatagramBatch {
  readonly #count: number;
  readonly #length: number;
  readonly #headers: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  readonly #bytes: Uint8Array<ArrayBuffer>;

  /** @param length bytes of the longest datagram; one that is longer is truncated */
  constructor(count: number, length: number) {
    this.#count = count;
    this.#length = length;
    this.#bytes = new Uint8Array(count * length);
    // One buffer for all that has pointers to its parts keeps them alive together.
    this.#headers = new Uint8Array(count * (MMSGHDR + IOVEC));
    this.#view = new DataView(this.#headers.buffer);
    const [headers, bytes] = [this.#headers, this.#bytes].map((array) =>
      Deno.UnsafePointer.value(Deno.UnsafePointer.of(array))
    );
    for (let index = 0; index < count; index++) {
      const iovec = count * MMSGHDR + index * IOVEC;
      this.#setLong(index * MMSGHDR + MSG_IOV, headers! + BigInt(iovec));
      this.#setLong(index * MMSGHDR + MSG_IOVLEN, 1n);
      this.#setLong(iovec, bytes! + BigInt(index * length));
      this.#setLong(iovec + 8, BigInt(length));
    }
  }

  /** Reads without waiting. @returns none: there is none now. @throws {SysError} */
  receive(libc: Libc, action: string, fd: number): Uint8Array<ArrayBuffer>[] {
    const result = libc.symbols.recvmmsg(fd, this.#headers, this.#count, MSG_DONTWAIT, null);
    if (result < 0 && libc.errno === constants.errno.EAGAIN) return [];
    const count = libc.check(action, "recvmmsg", result);
    const read = [];
    for (let index = 0; index < count; index++) {
      const length = this.#view.getUint32(index * MMSGHDR + MSG_LEN, IS_LITTLE_ENDIAN);
      const start = index * this.#length;
      read.push(this.#bytes.subarray(start, start + length));
    }
    return read;
  }

  /** As `receive()`, of answers. After a failure none is left, as it would pass for that to a later request. */
  receiveAnswers(libc: Libc, action: string, fd: number): Uint8Array<ArrayBuffer>[] {
    try {
      return this.receive(libc, action, fd);
    } catch (error) {
      while (this.receive(libc, action, fd).length > 0);
      throw error;
    }
  }

  /** Whether a datagram that was read last was longer than it may be. @param index among those */
  isTruncated(index: number): boolean {
    return (this.#view.getUint32(index * MMSGHDR + MSG_FLAGS, IS_LITTLE_ENDIAN) & MSG_TRUNC) !== 0;
  }

  #setLong(offset: number, value: bigint): void {
    this.#view.setBigUint64(offset, value, IS_LITTLE_ENDIAN);
  }
}
