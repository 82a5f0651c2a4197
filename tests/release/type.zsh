# Types lines into an interactive shell and prints what each has become: SHELL RC LINE...
zmodload zsh/zpty
shell=$1 rc=$2
shift 2
export TERM=dumb HISTFILE=
if [[ $shell == zsh ]]; then
  export ZDOTDIR=${rc:h}
  zpty shell zsh -i
else
  zpty shell bash --rcfile $rc -i
fi
zpty -r shell output '*READY*'
for line in "$@"; do
  zpty -w -n shell "$line"$'\x18'
  zpty -r shell output '*LINE=<*>*'
  print -r -- "${${output##*LINE=<}%%>*}"
done
