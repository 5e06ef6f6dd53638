"""Completion in bash and zsh as click does it, except that one can go on after ``site.cores=``.

The scripts are click's own, with two differences: a word that ends in ``=`` or ``.`` is followed by
no blank, and in bash, which takes ``a=b`` for three words, the value alone is put in.
"""

from __future__ import annotations

import os
from typing import Any

from click.shell_completion import (
    BashComplete,
    CompletionItem,
    ZshComplete,
    add_completion_class,
    split_arg_string,
)


class Bash(BashComplete):
    """Completion in bash 4.4 and newer."""

    name = "bash"
    source_template = """\
%(complete_func)s() {
    local IFS=$'\\n'
    local response type value

    response=$(env COMP_WORDS="${COMP_WORDS[*]}" COMP_CWORD=$COMP_CWORD \\
        %(complete_var)s=bash_complete $1 2>/dev/null)

    for completion in $response; do
        IFS=',' read type value <<< "$completion"

        if [[ $type == 'dir' ]]; then
            compopt -o dirnames
        elif [[ $type == 'file' ]]; then
            compopt -o default
        elif [[ $type == 'plain' ]]; then
            COMPREPLY+=("$value")
            if [[ $value == *[=.] ]]; then
                compopt -o nospace
            fi
        fi
    done

    return 0
}

complete -o nosort -F %(complete_func)s %(prog_name)s
"""
    _there = ""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Put together what bash has taken apart at ``=`` and ``:``, and note what is there."""
        place = int(os.environ["COMP_CWORD"])
        pieces = split_arg_string(os.environ["COMP_WORDS"])[: place + 1]
        pieces += [""] * (place + 1 - len(pieces))
        words, joined = [pieces[0]], False
        for piece in pieces[1:-1]:
            is_mark = piece in ("=", ":")
            if is_mark or joined:
                words[-1] += piece
            else:
                words.append(piece)
            joined = is_mark
        last = pieces[-1]
        if last in ("=", ":"):
            self._there = words.pop() + last
            return words[1:], self._there
        if joined and last:
            self._there = words.pop()
            return words[1:], self._there + last
        return words[1:], last

    def format_completion(self, item: CompletionItem[Any]) -> str:
        """Write an item without what stands before it on the line."""
        return f"{item.type},{item.value.removeprefix(self._there)}"


class Zsh(ZshComplete):
    """Completion in zsh."""

    name = "zsh"
    source_template = """\
#compdef %(prog_name)s

%(complete_func)s() {
    local -a completions
    local -a completions_with_descriptions
    local -a response
    local -a suffix
    (( ! $+commands[%(prog_name)s] )) && return 1

    response=("${(@f)$(env COMP_WORDS="${words[*]}" COMP_CWORD=$((CURRENT-1)) \\
        %(complete_var)s=zsh_complete %(prog_name)s 2>/dev/null)}")

    for type key descr in ${response}; do
        if [[ "$type" == "plain" ]]; then
            if [[ "$key" == *[=.] ]]; then
                suffix=(-S '')
            fi
            if [[ "$descr" == "_" ]]; then
                completions+=("$key")
            else
                completions_with_descriptions+=("$key":"$descr")
            fi
        elif [[ "$type" == "dir" ]]; then
            _path_files -/
        elif [[ "$type" == "file" ]]; then
            _path_files -f
        fi
    done

    if [ -n "$completions_with_descriptions" ]; then
        _describe -V unsorted completions_with_descriptions -U "${suffix[@]}"
    fi

    if [ -n "$completions" ]; then
        compadd -U -V unsorted "${suffix[@]}" -a completions
    fi
}

if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    %(complete_func)s "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
    compdef %(complete_func)s %(prog_name)s
fi
"""


def install() -> None:
    """Have click use these."""
    add_completion_class(Bash)
    add_completion_class(Zsh)
