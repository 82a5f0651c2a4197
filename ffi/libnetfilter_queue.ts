import { EXIT } from "../lib/errors.ts";
import { IS_LITTLE_ENDIAN } from "./descriptors.ts";
import { type LibrarySource, openLibrary } from "./library.ts";
import { NLM_F } from "./netlink_encoding.ts";
import { viewOf } from "./netlink_messages.ts";

export const QUEUE_SOURCE: LibrarySource = {
  name: "libnetfilter_queue",
  files: ["libnetfilter_queue.so.1", "libnetfilter_queue.so"],
  override: "IPIPOU_LIBNETFILTER_QUEUE",
  cure: "install it (package libnetfilter-queue1 in Debian)",
  exitCode: EXIT.queue,
};

/** Calls that write a message, or add to one. They touch no socket, and are in all versions since 1.0.2. */
const SYMBOLS = {
  nfq_nlmsg_put: {
    parameters: [
      "buffer", // char *buf
      "i32", // int type
      "u32", // uint32_t queue_num
    ],
    result: "void", // struct nlmsghdr *, which is `buf`
  },
  nfq_nlmsg_cfg_put_cmd: {
    parameters: [
      "buffer", // struct nlmsghdr *nlh
      "u16", // uint16_t pf
      "u8", // uint8_t cmd
    ],
    result: "void",
  },
  nfq_nlmsg_cfg_put_params: {
    parameters: [
      "buffer", // struct nlmsghdr *nlh
      "u8", // uint8_t mode
      "i32", // int range
    ],
    result: "void",
  },
  nfq_nlmsg_cfg_put_qmaxlen: {
    parameters: [
      "buffer", // struct nlmsghdr *nlh
      "u32", // uint32_t qmaxlen
    ],
    result: "void",
  },
  nfq_nlmsg_verdict_put: {
    parameters: [
      "buffer", // struct nlmsghdr *nlh
      "u32", // int id, of which the kernel uses all 32 bits
      "i32", // int verdict
    ],
    result: "void",
  },
} as const satisfies Deno.ForeignLibraryInterface;

type Symbols = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

const NFQNL_MSG = { config: 2, verdictBatch: 3 } as const;
const NFQNL_CFG_CMD = { bind: 1, unbind: 2 } as const;
const NFQNL_COPY_PACKET = 2;
/** The kernel has not looked at the protocol family of a command since 3.8. */
const AF_UNSPEC = 0;
const NF_DROP = 0;

/** Bytes for a message; the longest has 36. */
const CAPACITY = 256;

/** Where `nlmsg_flags` is in struct nlmsghdr. */
const FLAGS = 6;

/** Makes the messages to the kernel about one queue. A message is good until the next one is made. */
export class QueueMessages implements Disposable {
  readonly #number: number;
  readonly #library: Deno.DynamicLibrary<typeof SYMBOLS>;
  readonly #buffer = new Uint8Array(CAPACITY);
  readonly #view = viewOf(this.#buffer);

  /** @throws {IpipouError} exit code 20 and the cure when the library is missing */
  constructor(number: number) {
    this.#number = number;
    this.#library = openLibrary(QUEUE_SOURCE, SYMBOLS);
  }

  /** Makes the queue, with a length. It gets no packets yet. The kernel answers. */
  bind(maxLength: number): Uint8Array<ArrayBuffer> {
    return this.#message(NFQNL_MSG.config, ({ nfq_nlmsg_cfg_put_cmd, nfq_nlmsg_cfg_put_qmaxlen }) => {
      nfq_nlmsg_cfg_put_cmd(this.#buffer, AF_UNSPEC, NFQNL_CFG_CMD.bind);
      nfq_nlmsg_cfg_put_qmaxlen(this.#buffer, maxLength);
      this.#view.setUint16(FLAGS, NLM_F.request | NLM_F.ack, IS_LITTLE_ENDIAN);
    });
  }

  unbind(): Uint8Array<ArrayBuffer> {
    return this.#message(NFQNL_MSG.config, ({ nfq_nlmsg_cfg_put_cmd }) => {
      nfq_nlmsg_cfg_put_cmd(this.#buffer, AF_UNSPEC, NFQNL_CFG_CMD.unbind);
    });
  }

  /** Has packets copied, up to so many bytes of each: they arrive from now on. */
  copy(range: number): Uint8Array<ArrayBuffer> {
    return this.#message(NFQNL_MSG.config, ({ nfq_nlmsg_cfg_put_params }) => {
      nfq_nlmsg_cfg_put_params(this.#buffer, NFQNL_COPY_PACKET, range);
    });
  }

  resize(maxLength: number): Uint8Array<ArrayBuffer> {
    return this.#message(NFQNL_MSG.config, ({ nfq_nlmsg_cfg_put_qmaxlen }) => {
      nfq_nlmsg_cfg_put_qmaxlen(this.#buffer, maxLength);
    });
  }

  /** Drops a packet and all before it, by its id in the queue. */
  drop(lastId: number): Uint8Array<ArrayBuffer> {
    return this.#message(NFQNL_MSG.verdictBatch, ({ nfq_nlmsg_verdict_put }) => {
      nfq_nlmsg_verdict_put(this.#buffer, lastId, NF_DROP);
    });
  }

  [Symbol.dispose](): void {
    this.#library.close();
  }

  #message(
    type: number,
    addAttributes: (symbols: Symbols) => void,
  ): Uint8Array<ArrayBuffer> {
    const { symbols } = this.#library;
    symbols.nfq_nlmsg_put(this.#buffer, type, this.#number);
    addAttributes(symbols);
    return this.#buffer.subarray(0, this.#view.getUint32(0, IS_LITTLE_ENDIAN));
  }
}
