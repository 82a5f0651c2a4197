/** Manual pages in man(7) macros, accepted by groff and mandoc without warnings. */

/** A part of a section. Text between backquotes is literal, and shown in bold. */
export type Block =
  /** A paragraph. */
  | string
  /** A term and paragraphs that explain it. `tag` is roff, see `bold` and `italic`. */
  | { readonly tag: string; readonly text: readonly string[] }
  /** Preformatted lines. */
  | { readonly lines: string }
  | { readonly heading: string };

/** A manual page. */
export interface Page {
  /** Without the section's number. */
  readonly name: string;
  readonly section: number;
  readonly version: string;
  /** When it was last changed, `YYYY-MM-DD`. */
  readonly date: string;
  readonly sections: readonly { readonly title: string; readonly blocks: readonly Block[] }[];
}

/** Maximum bytes of a line of text that mandoc accepts without a warning. */
const LINE_LENGTH = 80;

const ESCAPES: Record<string, string> = {
  "\\": "\\(rs",
  "-": "\\-",
  "'": "\\(aq",
  "`": "\\(ga",
  "^": "\\(ha",
  "~": "\\(ti",
  '"': "\\(dq",
};

/** The page's source. */
export function roff(page: Page): string {
  const { name, section, version, date, sections } = page;
  return [
    `.TH ${name.toUpperCase()} ${section} ${date} "ipipou ${version}"`,
    // No hyphenation and no justification: much of the text is to be typed.
    ".nh",
    ".ad l",
    ...sections.flatMap(({ title, blocks }) => [`.SH ${quoted(title)}`, ...renderBlocks(blocks)]),
  ].join("\n") + "\n";
}

/** Escapes plain text. */
export function plain(text: string): string {
  return text.replace(/[\\'`^~"-]/g, (character) => ESCAPES[character] ?? character)
    .replace(/[^\0-\x7f]/gu, (character) => `\\[u${hexadecimal(character)}]`);
}

/** Formats literal text. */
export function bold(text: string): string {
  return `\\fB${plain(text)}\\fR`;
}

/** Formats a word that stands for a value. */
export function italic(text: string): string {
  return `\\fI${plain(text)}\\fR`;
}

function renderBlocks(blocks: readonly Block[]): string[] {
  return blocks.flatMap((block, index) => {
    const previous = blocks[index - 1];
    const isFirst = previous === undefined || typeof previous === "object" && "heading" in previous;
    return renderBlock(block, isFirst ? [] : [".PP"]);
  });
}

function renderBlock(block: Block, gap: readonly string[]): string[] {
  if (typeof block === "string") return [...gap, ...lines(block)];
  if ("heading" in block) return [`.SS ${quoted(block.heading)}`];
  if ("lines" in block) {
    const shown = block.lines.split("\n").map((line) => protect(plain(line)));
    return [...gap, ".RS 4", ".nf", ...shown, ".fi", ".RE"];
  }
  const [first = "", ...more] = block.text;
  return [".TP", protect(block.tag), ...lines(first), ...more.flatMap((text) => [".IP", ...lines(text)])];
}

/** Formats a paragraph as lines of roff. */
function lines(text: string): string[] {
  const parts = text.split("`").map((part, index) => index % 2 === 0 ? emphasized(part) : bold(part));
  const all: string[] = [];
  for (const word of parts.join("").split(" ")) {
    const line = all.at(-1);
    if (line === undefined || line.length + 1 + word.length > LINE_LENGTH) all.push(word);
    else all.splice(-1, 1, `${line} ${word}`);
  }
  return all.map(protect);
}

/** Makes options in a text literal. */
function emphasized(text: string): string {
  return text.split(/((?<![\w-])--?[a-z][\w-]*)/i)
    .map((part, index) => index % 2 === 0 ? plain(part) : bold(part)).join("");
}

/** Keeps a line from being a roff request. */
function protect(line: string): string {
  return /^[.']/.test(line) ? `\\&${line}` : line;
}

function quoted(text: string): string {
  return `"${plain(text)}"`;
}

function hexadecimal(character: string): string {
  return character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, "0");
}
