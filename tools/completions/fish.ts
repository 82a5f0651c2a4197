import { type CommandLine, type CommandWord, commandWords, type Offer, type Offered } from "./offers.ts";

/** The completions for fish 3. @param folder of the configuration files, ending in `/` */
export function fishCompletions(lines: readonly CommandLine[], folder: string): string {
  const names = lines.flatMap(({ name }) => name === "" ? [] : [quote(name)]).join(" ");
  return `# fish completion for ipipou

# The words between the program's name and the one to complete.
function __ipipou_line
    set -l words (commandline -opc)
    string join ' ' -- $words[2..-1]
end

# Whether they are, so far, just these.
function __ipipou_after
    test (__ipipou_line | string collect -a) = "$argv[1]"
end

# Whether they begin with this command; with none: ''
function __ipipou_is
    set -l line (__ipipou_line | string collect -a)' '
    for name in ${names}
        if string match -q -- "$name *" $line
            test $name = "$argv[1]"
            return
        end
    end
    test -z "$argv[1]"
end

function __ipipou_names
    if string match -qr '^\\.{0,2}/' -- (commandline -ct)
        __fish_complete_path (commandline -ct)
        return
    end
    for file in ${folder}*.$argv[1]
        string replace -r '.*/(.*)\\..*' '$1' -- $file
    end
end

function __ipipou_devices
    string replace -r '.*/' '' -- /sys/class/net/*
end

function __ipipou_local
    set -l before (string replace -r '@.*' '' -- (commandline -ct))
    for device in (__ipipou_devices)
        echo $before@$device
    end
end

complete -c ipipou -f
${[...commandWords(lines).map(wordLine), ...lines.flatMap(linesOf)].join("\n")}
`;
}

function wordLine({ after, word, help }: CommandWord): string {
  return `complete -c ipipou -n ${quote(`__ipipou_after '${after}'`)} -a ${word} -d ${quote(help)}`;
}

function linesOf({ name, options, operands }: CommandLine): string[] {
  const start = `complete -c ipipou -n ${quote(`__ipipou_is '${name}'`)}`;
  return [
    ...operands.kind === "nothing" ? [] : [`${start} -a ${quote(choices(operands))}`],
    ...options.map((option) => `${start} ${optionWords(option)}`),
  ];
}

function optionWords({ short, long, help, value }: Offered): string {
  return [
    ...short === null ? [] : [`-s ${short}`],
    ...long === null ? [] : [`-l ${long}`],
    ...value === null ? [] : [valueWords(value.offer)],
    `-d ${quote(help)}`,
  ].join(" ");
}

function valueWords(offer: Offer): string {
  if (offer.kind === "files") return "-r -F";
  return offer.kind === "nothing" ? "-x" : `-x -a ${quote(choices(offer))}`;
}

function choices(offer: Offer): string {
  switch (offer.kind) {
    case "names":
      return `(__ipipou_names ${offer.extension})`;
    case "words":
      return offer.words.join(" ");
    default:
      return `(__ipipou_${offer.kind})`;
  }
}

function quote(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
