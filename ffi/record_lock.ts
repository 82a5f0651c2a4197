import { IS_LITTLE_ENDIAN } from "./descriptors.ts";

export const F_RDLCK = 0;
export const F_WRLCK = 1;
const F_UNLCK = 2;

// `struct flock` of 64-bit systems; l_whence at 2 is 0, SEEK_SET.
const LENGTH = 32;
const TYPE_OFFSET = 0;
const START_OFFSET = 8;
const LENGTH_OFFSET = 16;
const PID_OFFSET = 24;

/** Bytes of a file, which need not be there; a length of 0 reaches to the end. */
export interface Range {
  readonly start: bigint;
  readonly length: bigint;
}

export const WHOLE_FILE: Range = { start: 0n, length: 0n };

/** A lock as fcntl(2) takes it; F_GETLK and F_OFD_GETLK replace it by one that is in its way. */
export class RecordLock {
  readonly bytes = new Uint8Array(LENGTH);
  readonly #view = new DataView(this.bytes.buffer);

  constructor(type: typeof F_RDLCK | typeof F_WRLCK, { start, length }: Range) {
    this.#view.setInt16(TYPE_OFFSET, type, IS_LITTLE_ENDIAN);
    this.#view.setBigInt64(START_OFFSET, start, IS_LITTLE_ENDIAN);
    this.#view.setBigInt64(LENGTH_OFFSET, length, IS_LITTLE_ENDIAN);
  }

  /** Whether nothing was in its way. */
  get isFree(): boolean {
    return this.#view.getInt16(TYPE_OFFSET, IS_LITTLE_ENDIAN) === F_UNLCK;
  }

  get start(): bigint {
    return this.#view.getBigInt64(START_OFFSET, IS_LITTLE_ENDIAN);
  }

  /** Its holder; 0: in another PID namespace. */
  get pid(): number {
    return this.#view.getInt32(PID_OFFSET, IS_LITTLE_ENDIAN);
  }
}
