import { EXIT } from "../lib/errors.ts";
import { type LibrarySource, openLibrary } from "./library.ts";

export const QUEUE_SOURCE: LibrarySource = {
  name: "libnetfilter_queue",
  files: ["libnetfilter_queue.so.1", "libnetfilter_queue.so"],
  override: "IPIPOU_LIBNETFILTER_QUEUE",
  cure: "install it (package libnetfilter-queue1 in Debian)",
  exitCode: EXIT.queue,
};

/** `nfq_callback`; a result below 0 is a failure. */
export const CALLBACK = {
  parameters: [
    "pointer", // struct nfq_q_handle *qh
    "pointer", // struct nfgenmsg *nfmsg
    "pointer", // struct nfq_data *nfad
    "pointer", // void *data
  ],
  result: "i32",
} as const satisfies Deno.UnsafeCallbackDefinition;

const SYMBOLS = {
  nfq_open: { parameters: [], result: "pointer" }, // struct nfq_handle *
  nfq_close: {
    parameters: [
      "pointer", // struct nfq_handle *h
    ],
    result: "i32",
  },
  nfq_fd: {
    parameters: [
      "pointer", // struct nfq_handle *h
    ],
    result: "i32",
  },
  nfq_create_queue: {
    parameters: [
      "pointer", // struct nfq_handle *h
      "u16", // uint16_t num
      "function", // nfq_callback *cb
      "pointer", // void *data
    ],
    result: "pointer", // struct nfq_q_handle *
  },
  nfq_destroy_queue: {
    parameters: [
      "pointer", // struct nfq_q_handle *qh
    ],
    result: "i32",
  },
  nfq_set_mode: {
    parameters: [
      "pointer", // struct nfq_q_handle *qh
      "u8", // uint8_t mode
      "u32", // uint32_t range
    ],
    result: "i32",
  },
  nfq_handle_packet: {
    parameters: [
      "pointer", // struct nfq_handle *h
      "buffer", // char *buf
      "i32", // int len
    ],
    result: "i32",
  },
  nfq_get_msg_packet_hdr: {
    parameters: [
      "pointer", // struct nfq_data *nfad
    ],
    result: "pointer", // struct nfqnl_msg_packet_hdr *
  },
  nfq_get_payload: {
    parameters: [
      "pointer", // struct nfq_data *nfad
      "buffer", // unsigned char **data
    ],
    result: "i32",
  },
  nfq_set_verdict: {
    parameters: [
      "pointer", // struct nfq_q_handle *qh
      "u32", // uint32_t id
      "u32", // uint32_t verdict
      "u32", // uint32_t data_len
      "pointer", // const unsigned char *buf
    ],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** The loaded library. */
export type LibnetfilterQueue = Deno.DynamicLibrary<typeof SYMBOLS>;

/** Loads the library; the caller closes it. @throws {IpipouError} exit code 20 and the cure when it is missing */
export function openLibnetfilterQueue(): LibnetfilterQueue {
  return openLibrary(QUEUE_SOURCE, SYMBOLS);
}
