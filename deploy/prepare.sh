#!/bin/sh
# Makes what compose.yaml needs and no repository should hold: a random password of the database, in two files that their
# owner alone may read, the settings in .env, and folders for studies and backups. What is there already stays as it is.
#
#   sh deploy/prepare.sh judge.example.org my-study
set -eu
umask 077

if [ $# -ne 2 ]; then
  echo "usage: sh deploy/prepare.sh HOST STUDY   (HOST: what people type, without https://; STUDY: a folder below studies/)" >&2
  exit 2
fi
host=$1 study=$2
case $host in *[!A-Za-z0-9.-]* | '') echo "HOST is a name like judge.example.org, not: $host" >&2; exit 2 ;; esac
case $study in *[!A-Za-z0-9._-]* | .* | '') echo "STUDY is the name of a folder, not: $study" >&2; exit 2 ;; esac
cd "$(dirname "$0")/.."

# The server runs as whoever calls this, so that the files are theirs on both sides; never as root.
if [ "$(id -u)" -eq 0 ]; then owner=10001:10001; else owner=$(id -u):$(id -g); fi

# There whole or not at all; its content comes from standard input.
make_file() {
  if [ -e "$1" ]; then
    cat >/dev/null
    echo "$1 was there and stays"
    return
  fi
  made=$(mktemp "$1.XXXXXX")
  cat >"$made"
  mv "$made" "$1"
  echo "made $1"
}

mkdir -p deploy/secrets studies backups
od -An -N32 -tx1 /dev/urandom | tr -d ' \n' | make_file deploy/secrets/database-password
printf 'database:*:plumbline:plumbline:%s\n' "$(cat deploy/secrets/database-password)" | make_file deploy/secrets/database-passfile
make_file .env <<EOF
PLUMBLINE_HOST=$host
PLUMBLINE_STUDY=$study
PLUMBLINE_USER=$owner
EOF
if [ "$(id -u)" -eq 0 ]; then
  chown "$owner" deploy/secrets/database-passfile studies backups
fi
