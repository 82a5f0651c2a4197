import { type CommandLine, commandWords, type Offer, typed } from "./offers.ts";

/** The completions for bash 4.4 or later. @param folder of the configuration files, ending in `/` */
export function bashCompletions([main, ...own]: readonly CommandLine[], folder: string): string {
  return `# bash completion for ipipou

_ipipou_names() {
  local file
  for file in ${folder}*."$1"; do
    [[ -e $file ]] || continue
    file=\${file##*/}
    echo "\${file%.*}"
  done
}

# What is offered for the word in $word: KIND [WORDS]
_ipipou_offer() {
  case $1 in
    names)
      if [[ $word == ?(.|..)/* ]]; then _ipipou_offer files; return; fi
      mapfile -t COMPREPLY < <(compgen -W "$(_ipipou_names "$2")" -- "$word") ;;
    files)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    devices) mapfile -t COMPREPLY < <(compgen -W "$(command ls /sys/class/net)" -- "$word") ;;
    local) mapfile -t COMPREPLY < <(compgen -P @ -W "$(command ls /sys/class/net)" -- "\${word#@}") ;;
    words) mapfile -t COMPREPLY < <(compgen -W "$2" -- "$word") ;;
  esac
}

_ipipou() {
  local word=$2 before=$3 IFS=$' \\t\\n' line options operands=(nothing)
  COMPREPLY=()
  # Readline takes "@" for the beginning of a word, and "=" for a word.
  if [[ $word == @* ]]; then _ipipou_offer local; return; fi
  if [[ $before == = ]]; then before=\${COMP_WORDS[COMP_CWORD - 2]}; fi
  case $before in
${
    values([main!, ...own]).map(([names, offer]) => `    ${names.join("|")}) ${offerCall(offer)}; return ;;`)
      .join("\n")
  }
  esac
  # The words between the program's name and this one.
  line="\${COMP_WORDS[*]:1:COMP_CWORD - 1}"
  case "$line " in
${[...own.map(commandCase), mainCase(main!)].join("\n")}
  esac
  case $line in
${nextWords(own).map(([after, words]) => `    '${after}') operands=(words '${words}') ;;`).join("\n")}
  esac
  if [[ $word == -* ]]; then _ipipou_offer words "$options"; else _ipipou_offer "\${operands[@]}"; fi
}

complete -F _ipipou ipipou
`;
}

/** Options that take a value, by how it is completed. */
function values(lines: readonly CommandLine[]): [string[], Offer][] {
  const byOffer = new Map<string, [string[], Offer]>();
  for (const option of lines.flatMap(({ options }) => options)) {
    if (option.value === null) continue;
    const { offer } = option.value;
    const known = byOffer.get(offerCall(offer))?.[0] ?? [];
    byOffer.set(offerCall(offer), [[...new Set([...known, ...typed(option)])], offer]);
  }
  return [...byOffer.values()];
}

/** The words that can follow a command's words. */
function nextWords(lines: readonly CommandLine[]): [string, string][] {
  const byBefore = Map.groupBy(commandWords(lines), ({ after }) => after);
  return [...byBefore].map(([after, words]) => [after, words.map(({ word }) => word).join(" ")]);
}

function offerCall(offer: Offer): string {
  return offer.kind === "nothing" ? ":" : `_ipipou_offer ${offerWords(offer)}`;
}

function offerWords(offer: Offer): string {
  if (offer.kind === "names") return `names ${offer.extension}`;
  return offer.kind === "words" ? `words '${offer.words.join(" ")}'` : offer.kind;
}

function commandCase({ name, options, operands }: CommandLine): string {
  return `    '${name} '*) options='${optionNames(options)}' operands=(${offerWords(operands)}) ;;`;
}

function mainCase({ options }: CommandLine): string {
  return `    *) options='${optionNames(options)}' ;;`;
}

function optionNames(options: CommandLine["options"]): string {
  return options.map((option) => typed(option).at(-1)).join(" ");
}
