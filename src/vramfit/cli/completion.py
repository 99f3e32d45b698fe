"""``vramfit completion SHELL``: the script that completes words in a shell, by running ``vramfit __complete``."""

from __future__ import annotations

import sys

from vramfit.cli.completing import SHELLS
from vramfit.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

BASH = r"""# Completion of vramfit for bash: source it, or put it into ~/.local/share/bash-completion/completions/vramfit
_vramfit() {
    local words=("${COMP_WORDS[@]:1:COMP_CWORD}") current="${COMP_WORDS[COMP_CWORD]}" line
    # Bash divides words at = and : too; the parts are put together again.
    if declare -F _get_comp_words_by_ref >/dev/null; then
        local cur prev all number
        _get_comp_words_by_ref -n =: -c cur -w all -i number
        words=("${all[@]:1:number}") current="$cur"
    fi
    COMPREPLY=()
    while IFS=$'\t' read -r line _; do
        COMPREPLY+=("$line")
    done < <(vramfit __complete "${words[@]}" 2>/dev/null)
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *[:=] ]] && compopt -o nospace
    declare -F __ltrim_colon_completions >/dev/null && __ltrim_colon_completions "$current"
    return 0
}
complete -o default -F _vramfit vramfit
"""

ZSH = r"""#compdef vramfit
# Completion of vramfit for zsh: put it into a folder of $fpath as _vramfit
_vramfit() {
    local -a found texts
    local line
    while IFS= read -r line; do
        found+=("${line%%$'\t'*}")
        if [[ $line == *$'\t'* ]]; then
            texts+=("${line%%$'\t'*}  -- ${line#*$'\t'}")
        else
            texts+=("$line")
        fi
    done < <(vramfit __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
    if (( ${#found} )); then
        compadd -U -l -d texts -a found
    else
        _files
    fi
}
if [ "$funcstack[1]" = "_vramfit" ]; then
    _vramfit "$@"
else
    compdef _vramfit vramfit
fi
"""

FISH = r"""# Completion of vramfit for fish: put it into ~/.config/fish/completions/vramfit.fish
function __vramfit_complete
    set -l words (commandline -opc)[2..-1] (commandline -ct)
    vramfit __complete $words 2>/dev/null
end
complete -c vramfit -a '(__vramfit_complete)'
"""

POWERSHELL = r"""# Completion of vramfit for PowerShell: add it to $PROFILE
Register-ArgumentCompleter -Native -CommandName vramfit -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } | ForEach-Object { $_.ToString() })
    vramfit __complete @words $(if ($wordToComplete) { $wordToComplete } else { '""' }) 2>$null | ForEach-Object {
        $word, $text = $_ -split "`t", 2
        if (-not $text) { $text = $word }
        [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $text)
    }
}
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH, "powershell": POWERSHELL, "pwsh": POWERSHELL}


def print_script(words: Sequence[str]) -> int:
    """Print the script for the shell that ``words`` name; returns the exit code."""
    if words and words[0] in ("-h", "--help"):
        from vramfit.cli.help import print_help

        return print_help("completion")
    if len(words) == 1 and words[0].lower() in SCRIPTS:
        sys.stdout.write(SCRIPTS[words[0].lower()])
        return 0
    from vramfit.cli.failing import report_error

    what = f'there is no completion for "{words[0]}"' if words else "no shell was named"
    return report_error(
        UsageError(what, f"vramfit completion {'|'.join(SHELLS)}; see `vramfit help completion`"), as_json=False
    )
