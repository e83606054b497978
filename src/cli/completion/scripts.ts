/**
 * Completion scripts. Each calls `plan42 complete` with the words so far, so that completions always match the installed
 * plan42.
 */

// Works with the bash 3.2 of macOS too.
const bash = `# Completion of plan42 for bash: eval "$(plan42 completion bash)"
_plan42() {
  local kind value about action current="\${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=()
  {
    read -r kind
    while IFS=$'\\t' read -r value about; do COMPREPLY+=("$value"); done
  } < <("\${COMP_WORDS[0]/#\\~/$HOME}" complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  [ "$current" = = ] && current=
  case $kind in
    files) action=-f ;;
    folders) action=-d ;;
    *) return ;;
  esac
  compopt -o filenames 2>/dev/null
  while IFS= read -r value; do COMPREPLY+=("$value"); done < <(compgen "$action" -- "$current")
}
complete -F _plan42 plan42
`;

const zsh = `#compdef plan42
# Completion of plan42 for zsh: source <(plan42 completion zsh)
_plan42() {
  local kind
  local -a lines candidates
  lines=("\${(@f)$("\${(Q)~words[1]}" complete -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  kind=$lines[1]
  case $kind in
    files) _files ;;
    folders) _files -/ ;;
    *)
      candidates=("\${(@)\${(@)lines[2,-1]//:/\\\\:}/$'\\t'/:}")
      _describe plan42 candidates
      ;;
  esac
}
if [ "$funcstack[1]" = _plan42 ]; then _plan42; else compdef _plan42 plan42; fi
`;

const fish = `# Completion of plan42 for fish: plan42 completion fish >~/.config/fish/completions/plan42.fish
function __plan42_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l lines ($words[1] complete -- $words[2..-1] "$current" 2>/dev/null)
    switch "$lines[1]"
        case files
            __fish_complete_path "$current"
        case folders
            __fish_complete_directories "$current"
        case '*'
            printf '%s\\n' $lines[2..-1]
    end
end
complete -c plan42 -f -a '(__plan42_complete)'
`;

export const shells = { bash, zsh, fish } as const;
