/** Whole seconds from a first to a last one, both included; all packets of them, or the single one with this id. */
export type Span = readonly [first: number, last: number, id: string | null];

/**
 * Adds a span to others, which are in order and apart from each other, and so is the result.
 *
 * @param most of more spans than this, the two that are shortest together become one
 */
export function addSpan(spans: readonly Span[], span: Span, most: number): Span[] {
  const [first, last] = span;
  const before = spans.filter(([, end]) => end < first);
  const after = spans.filter(([start]) => start > last);
  const met = spans.slice(before.length, spans.length - after.length);
  return thinOut([...before, met.reduce(join, span), ...after], most);
}

/** Whether a packet is in one of them. */
export function isInSpan(spans: readonly Span[], second: number, packet: string): boolean {
  return spans.some(([first, last, id]) => first <= second && second <= last && (id ?? packet) === packet);
}

function thinOut(spans: Span[], most: number): Span[] {
  while (spans.length > most) {
    const lengths = spans.slice(1).map(([, last], index) => last - spans[index]![0]);
    const index = lengths.indexOf(Math.min(...lengths));
    spans.splice(index, 2, join(spans[index]!, spans[index + 1]!));
  }
  return spans;
}

function join([first, last, id]: Span, [start, end, other]: Span): Span {
  return [Math.min(first, start), Math.max(last, end), id === other ? id : null];
}
