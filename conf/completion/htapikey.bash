# Licensed under the Apache License, Version 2.0; see LICENSE.
#
# Completion of htapikey for bash.  Commands and options come from htapikey
# itself (`htapikey help --words`): a line per word, with the name of its
# argument and what it does, separated by tabs.

# The words of the command before the one that is completed, at most two:
# without options, and without the argument of -f.
_htapikey_words()
{
    local i words=() skip=
    for ((i = 1; i < COMP_CWORD && ${#words[@]} < 2; i++)); do
        if [[ $skip ]]; then
            skip=
        elif [[ ${COMP_WORDS[i]} == -f ]]; then
            skip=1
        elif [[ ${COMP_WORDS[i]} == -* ]]; then
            # An option of a command: no second word of the command follows.
            ((${#words[@]})) && break
        else
            words+=("${COMP_WORDS[i]}")
        fi
    done
    printf '%s\n' "${words[@]}"
}

# Offers what an argument may be: a file, or one of several words.
_htapikey_argument()
{
    local argument=$1 current=$2 before=
    case $argument in
    CONF | FILE* | \[CONF\]*)
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;
    *'|'*)
        mapfile -t COMPREPLY < <(compgen -W "${argument//|/ }" -- \
            "$current") ;;
    esac
}

_htapikey()
{
    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    local words=() list=() word argument rest
    COMPREPLY=()
    mapfile -t words < <(_htapikey_words)
    [[ ${words[0]} ]] || words=()
    [[ ${words[0]} == help && $current != -* ]] && words=("${words[@]:1}")
    # The second word belongs to no command: it is an argument of the first.
    mapfile -t list < <("${COMP_WORDS[0]}" help --words "${words[@]}" \
                        2>/dev/null)
    ((${#list[@]})) || mapfile -t list < \
        <("${COMP_WORDS[0]}" help --words "${words[0]}" 2>/dev/null)
    for rest in "${list[@]}"; do
        word=${rest%%$'\t'*}
        rest=${rest#*$'\t'}
        argument=${rest%%$'\t'*}
        if [[ $word == "$previous" && $argument ]]; then
            _htapikey_argument "$argument" "$current"
            return
        fi
    done
    local offered=()
    for rest in "${list[@]}"; do
        word=${rest%%$'\t'*}
        if [[ $word ]]; then
            offered+=("$word")
        elif [[ $current != -* ]]; then
            rest=${rest#*$'\t'}
            _htapikey_argument "${rest%%$'\t'*}" "$current"
        fi
    done
    # Options after a dash or where there are no words, else words.
    local options=() plain=()
    for word in "${offered[@]}"; do
        [[ $word == -* ]] && options+=("$word") || plain+=("$word")
    done
    [[ $current == -* || ${#plain[@]} -eq 0 ]] && plain=("${options[@]}")
    ((${#COMPREPLY[@]})) || mapfile -t COMPREPLY < \
        <(compgen -W "${plain[*]}" -- "$current")
}

complete -F _htapikey htapikey
