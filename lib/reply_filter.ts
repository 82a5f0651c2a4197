/** An instruction of a classic BPF program, as in Linux's `struct sock_filter`. */
export interface BpfInstruction {
  readonly code: number;
  /** Number of instructions to skip if a comparison holds. */
  readonly jt: number;
  /** Number of instructions to skip if it does not. */
  readonly jf: number;
  /** Operand, unsigned 32 bits. */
  readonly k: number;
}

/** What distinguishes replies and news of a server from other UDP datagrams. */
interface ReplyForm {
  /** Their source; the IPv4 address as a number. */
  readonly source: { readonly ip: number; readonly port: number };
  /** Local UDP port. */
  readonly port: number;
  /** Bytes of UDP payload that they may have. */
  readonly payloadLengths: readonly number[];
  /** Whether to take a byte of some of the other datagrams from there, at random: these show that data comes. */
  readonly samples?: boolean;
}

/** Of so many datagrams with data one is taken as a sample. */
const SAMPLING = 64;

const CODE = {
  loadWord: 0x20,
  loadWordInUdp: 0x40,
  loadHalfInUdp: 0x48,
  loadByteInUdp: 0x50,
  /** Makes the `InUdp` loads start at the UDP header. */
  skipIpHeader: 0xb1,
  and: 0x54,
  jumpIfEqual: 0x15,
  return: 0x06,
} as const;

/** Where a program reads a random word: SKF_AD_OFF + SKF_AD_RANDOM. */
export const RANDOM = 0xffff_f038;
const IP_SOURCE = 12;
const UDP_PORTS = 0;
const UDP_LENGTH = 4;
const UDP_PAYLOAD = 8;
const INNER_LENGTH = UDP_PAYLOAD + 2;
const SHORTEST_INNER_PACKET = 20;

/** Where an instruction jumps: to what is done with replies, data, or anything else; over some instructions; or on. */
type Target = "take" | "data" | "leave" | number;

interface Step {
  readonly code: number;
  readonly k: number;
  readonly yes?: Target;
  readonly no?: Target;
}

const EVERYTHING = 0xffff_ffff;
const LEAVE: BpfInstruction = { code: CODE.return, jt: 0, jf: 0, k: 0 };
const TAKE: BpfInstruction = { code: CODE.return, jt: 0, jf: 0, k: EVERYTHING };

/** A program that accepts nothing. */
export const TAKE_NOTHING: readonly BpfInstruction[] = [LEAVE];

/** What is done with data: it leads on to `LEAVE`. */
const SAMPLE: readonly BpfInstruction[] = [
  { code: CODE.loadWord, jt: 0, jf: 0, k: RANDOM },
  { code: CODE.and, jt: 0, jf: 0, k: SAMPLING - 1 },
  { code: CODE.jumpIfEqual, jt: 0, jf: 1, k: 0 },
  { code: CODE.return, jt: 0, jf: 0, k: 1 },
];

/**
 * Makes the program that takes only what has the form of a reply or of news, from UDP datagrams with their IPv4 header. It
 * leaves the tunnel's data, even of such a length: whatever `looksLikeInnerPacket()` accepts is data.
 */
export function replyFilter(
  { source, port, payloadLengths, samples = false }: ReplyForm,
): readonly BpfInstruction[] {
  return assemble(samples ? SAMPLE : [], [
    { code: CODE.loadWord, k: IP_SOURCE },
    { code: CODE.jumpIfEqual, k: source.ip, no: "leave" },
    { code: CODE.skipIpHeader, k: 0 },
    { code: CODE.loadWordInUdp, k: UDP_PORTS },
    { code: CODE.jumpIfEqual, k: source.port * 0x1_0000 + port, no: "leave" },
    ...[...new Set(payloadLengths)].flatMap(stepsFor),
  ]);
}

/** Makes the program that takes all UDP datagrams from one place to a local port, with their IPv4 header. */
export function datagramFilter(
  { source, port }: Pick<ReplyForm, "source" | "port">,
): readonly BpfInstruction[] {
  return assemble([], [
    { code: CODE.loadWord, k: IP_SOURCE },
    { code: CODE.jumpIfEqual, k: source.ip, no: "leave" },
    { code: CODE.skipIpHeader, k: 0 },
    { code: CODE.loadWordInUdp, k: UDP_PORTS },
    { code: CODE.jumpIfEqual, k: source.port * 0x1_0000 + port, yes: "take", no: "leave" },
  ]);
}

/** Decides about datagrams with a payload of `length` bytes, and leads others to what follows. */
function stepsFor(length: number): Step[] {
  const decision: Step[] = length < SHORTEST_INNER_PACKET ? [{ code: CODE.return, k: EVERYTHING }] : [
    { code: CODE.loadByteInUdp, k: UDP_PAYLOAD },
    { code: CODE.and, k: 0xf0 },
    { code: CODE.jumpIfEqual, k: 0x40, no: "take" },
    { code: CODE.loadHalfInUdp, k: INNER_LENGTH },
    { code: CODE.jumpIfEqual, k: length, yes: "data", no: "take" },
  ];
  return [
    { code: CODE.loadHalfInUdp, k: UDP_LENGTH },
    { code: CODE.jumpIfEqual, k: UDP_PAYLOAD + length, no: decision.length },
    ...decision,
  ];
}

/** @param data what is done with data; the steps and it lead on to `LEAVE` */
function assemble(data: readonly BpfInstruction[], steps: readonly Step[]): readonly BpfInstruction[] {
  const end = steps.length + data.length;
  const places = { data: steps.length, leave: end, take: end + 1 };
  const distance = (from: number, to: Target = 0) => typeof to === "number" ? to : places[to] - from - 1;
  const instructions = steps.map(({ code, k, yes, no }, index) => ({
    code,
    jt: distance(index, yes),
    jf: distance(index, no),
    k,
  }));
  return [...instructions, ...data, LEAVE, TAKE];
}
