package command

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// completionFlag ends a command line that asks what may come next; the answer
// is one word per line.
const completionFlag = "--generate-bash-completion"

// The shells ask the program itself. Two hyphens alone would end the flags, so
// what begins with two is asked for with one.
var completions = map[string]string{
	"bash": `_hookwheel() {
  local current="${COMP_WORDS[COMP_CWORD]}"
  local words=("${COMP_WORDS[@]:0:COMP_CWORD}")
  [[ "$current" == -* ]] && words+=("${current/#--/-}")
  local answer
  answer=$("${words[@]}" --generate-bash-completion 2>/dev/null) || return 0
  COMPREPLY=($(compgen -W "$answer" -- "$current"))
}
complete -o bashdefault -o default -F _hookwheel hookwheel
`,
	"zsh": `#compdef hookwheel
_hookwheel() {
  local -a asked answer
  asked=("${(@)words[1,CURRENT-1]}")
  [[ "${words[CURRENT]}" == -* ]] && asked+=("${words[CURRENT]/#--/-}")
  answer=("${(@f)$("${asked[@]}" --generate-bash-completion 2>/dev/null)}")
  if [[ -n "${answer[1]}" ]]; then
    compadd -- "${answer[@]}"
  else
    _files
  fi
}
compdef _hookwheel hookwheel
`,
	"fish": `function __hookwheel_complete
  set -l asked (commandline -opc)
  set -l current (commandline -ct)
  string match -q -- '-*' $current; and set -a asked (string replace -r '^--' '-' -- $current)
  $asked --generate-bash-completion 2>/dev/null
end
complete -c hookwheel -a '(__hookwheel_complete)'
`,
}

func completionCommand() *cli.Command {
	shells := slices.Sorted(maps.Keys(completions))
	return &cli.Command{
		Name: "completion", Category: groupOther,
		Usage:     "print the completion script of a shell",
		ArgsUsage: "SHELL",
		Description: `SHELL is ` + strings.Join(shells, ", ") + `. For the shell that runs now:

  source <(hookwheel completion bash)
  source <(hookwheel completion zsh)
  hookwheel completion fish | source`,
		BashComplete: func(c *cli.Context) {
			for _, shell := range shells {
				fmt.Fprintln(c.App.Writer, shell)
			}
		},
		Action: func(c *cli.Context) error {
			script, ok := completions[c.Args().First()]
			if !ok {
				return usageError("there is no completion for %q: expected one of %s", c.Args().First(), strings.Join(shells, ", "))
			}
			_, err := fmt.Fprint(c.App.Writer, script)
			return err
		},
	}
}
