# The same as bashrc in this folder, but for zsh, which reads this file because ZDOTDIR points here.
ZDOTDIR="$LEARNER_ZDOTDIR"
[ -f "$ZDOTDIR/.zshenv" ] && . "$ZDOTDIR/.zshenv"
[ -f "$ZDOTDIR/.zshrc" ] && . "$ZDOTDIR/.zshrc"
unalias python python3 pip 2>/dev/null
PATH="$WORKSHOP_BIN:$PATH"
PS1="(workshop) $PS1"
cd "$JUPYTER_SERVER_ROOT" || true
