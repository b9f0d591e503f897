# Runs one R contestant. R cannot catch SIGTERM: it would die with requests in
# flight. So this shell does, and tells R through a pipe on its standard input.
set -eu
pipe=$(mktemp -u)
mkfifo -m 600 "$pipe"
START_SH=$$ Rscript --vanilla server.R <"$pipe" &
r=$!
exec 3>"$pipe" # waits until R's end is open
rm "$pipe"

stopped=
trap 'trap "" TERM INT; stopped=yes; echo stop >&3' TERM INT
wait "$r" && status=0 || status=$?
if [ "$stopped" ]; then # the signal ended the first wait
    wait "$r" && status=0 || status=$?
fi
exit "$status"
